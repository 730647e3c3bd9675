// Asks each site what it sees of the projects in view: one poller per site, and never faster than it answers.

import { isAbort } from '../base/errors.ts';
import type { NamespacePath } from '../core/names.ts';
import type { Clock } from '../ports/clock.ts';
import type { Gateway, NamespaceItem } from '../ports/namespace.ts';

const BUSY_POLL_MS = 1_000;
const IDLE_POLL_MS = 15_000;
/** A site that needs long to answer is asked less often: at most a tenth of its time is ours. */
const REST_FACTOR = 9;

export interface SiteView {
  readonly siteName: string;
  readonly dir: NamespacePath;
  /** Monotonic ms at which the question was asked: what it proves is not older than this. */
  readonly askedAt: number;
  readonly items: readonly NamespaceItem[];
}

export interface TrackTarget {
  readonly dir: NamespacePath;
  readonly busy: boolean;
}

export interface Tracker {
  /** Newest view of a folder at a site, or null when it was never seen. */
  view(siteName: string, dir: NamespacePath): SiteView | null;
  /** A view asked for after this call; rejects when the signal fires. */
  freshView(siteName: string, dir: NamespacePath, signal: AbortSignal): Promise<SiteView>;
  /** Asks at once instead of waiting out the pause. */
  wake(): void;
  /** Runs until the signal fires. */
  run(signal: AbortSignal): Promise<void>;
}

export interface TrackPorts {
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly clock: Clock;
  targets(siteName: string): readonly TrackTarget[];
  onView(view: SiteView): void;
  onTrouble(siteName: string, error: unknown): void;
  onAnswer(siteName: string): void;
}

export function createTracker(ports: TrackPorts): Tracker {
  const views = new Map<string, SiteView>();
  const waiters = new Set<(view: SiteView) => void>();
  let wakers = new Set<() => void>();
  const keyOf = (siteName: string, dir: string): string => `${siteName}\n${dir}`;

  async function follow(gateway: Gateway, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = ports.clock.monotonic();
      const targets = ports.targets(gateway.siteName);
      for (const target of targets) await look(gateway, target, signal);
      const tookMs = ports.clock.monotonic() - startedAt;
      const pauseMs = targets.some((target) => target.busy) ? BUSY_POLL_MS : IDLE_POLL_MS;
      await rest(Math.max(pauseMs, tookMs * REST_FACTOR), signal);
    }
  }

  async function look(gateway: Gateway, target: TrackTarget, signal: AbortSignal): Promise<void> {
    const askedAt = ports.clock.monotonic();
    try {
      const items = await gateway.tree(target.dir, { signal });
      const view: SiteView = { siteName: gateway.siteName, dir: target.dir, askedAt, items };
      views.set(keyOf(view.siteName, view.dir), view);
      ports.onAnswer(gateway.siteName);
      ports.onView(view);
      for (const waiter of waiters) waiter(view);
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      ports.onTrouble(gateway.siteName, error);
    }
  }

  async function rest(delayMs: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    wakers.add(wake);
    try {
      await ports.clock.sleep(delayMs, { signal: AbortSignal.any([signal, woken.signal]) });
    } catch (error) {
      if (!isAbort(error)) throw error;
    } finally {
      wakers.delete(wake);
    }
  }

  return {
    view: (siteName, dir) => views.get(keyOf(siteName, dir)) ?? null,
    freshView(siteName, dir, signal) {
      const since = ports.clock.monotonic();
      const { promise, resolve, reject } = Promise.withResolvers<SiteView>();
      const waiter = (view: SiteView): void => {
        if (view.siteName === siteName && view.dir === dir && view.askedAt >= since) resolve(view);
      };
      const onAbort = (): void => reject(signal.reason as Error);
      waiters.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
      return promise.finally(() => {
        waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      });
    },
    wake() {
      const woken = wakers;
      wakers = new Set();
      for (const wake of woken) wake();
    },
    async run(signal) {
      await Promise.all([...ports.gateways.values()].map((gateway) => follow(gateway, signal)));
    },
  };
}
