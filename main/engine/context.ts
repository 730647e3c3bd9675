// What every part of the engine works with: ports, studio, ledger, store, and the ways to say what happened.

import type { FallbackRenderer } from './core/job.ts';
import type { NamespacePath } from './core/names.ts';
import type { Region } from './core/regions.ts';
import type { Clock } from './ports/clock.ts';
import type { Farm } from './ports/farm.ts';
import type { Files } from './ports/files.ts';
import type { Log } from './ports/log.ts';
import type { Anvil, Gateway } from './ports/namespace.ts';
import type { ObjectStore } from './ports/objects.ts';
import type { SceneReader } from './ports/scenes.ts';
import type { Watcher } from './ports/watcher.ts';
import type { ActivityInput, Ledger } from './services/ledger.ts';
import type { HealthCode, HealthItem } from './state.ts';
import type { Store } from './base/store.ts';
import { AgentError } from './base/errors.ts';

export interface EnginePorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly files: Files;
  readonly watcher: Watcher;
  readonly scenes: SceneReader;
  readonly objects: ObjectStore;
  readonly farm: Farm;
  /** One per site we have a mount of, by site name; the home site must be among them. */
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly anvils: ReadonlyMap<string, Anvil>;
}

export interface Studio {
  readonly kind: 'sandbox' | 'studio';
  readonly name: string;
  readonly homeSite: string;
  readonly share: { readonly name: string; readonly path: NamespacePath };
  readonly regions: readonly Region[];
  /** What a farm path starts with before Deadline maps it, e.g. '/mnt/hs'. */
  readonly farmRoot: string;
  readonly fallbackRenderer: FallbackRenderer | null;
}

export interface Identity {
  readonly version: string;
  readonly pid: number;
  readonly user: string;
  /** Names this machine's records; no other workstation may carry it. */
  readonly workstation: string;
}

export interface EngineContext {
  readonly ports: EnginePorts;
  readonly studio: Studio;
  readonly identity: Identity;
  readonly ledger: Ledger;
  readonly store: Store;
  /** Resolves when new requests may be made: at once, or when a pause ends. */
  whenNotPaused(signal: AbortSignal): Promise<void>;
}

const ACTIVITY_SHOWN = 500;

/** Writes one line of the honest log; the same key twice is one event. */
export function tell(context: EngineContext, event: Omit<ActivityInput, 'at'>): boolean {
  const isNew = context.ledger.addActivity({ ...event, at: context.ports.clock.now() });
  if (isNew) context.store.set('activity', context.ledger.newestActivity(ACTIVITY_SHOWN));
  return isNew;
}

export function notify(
  context: EngineContext,
  notice: { id: string; title: string; body: string },
): void {
  context.ledger.addNotice({ ...notice, at: context.ports.clock.now() });
  context.store.set('notices', context.ledger.openNotices());
}

export function setHealth(
  context: EngineContext,
  item: { code: HealthCode; subject: string; severity: HealthItem['severity']; sentence: string },
): void {
  const key = `${item.code}:${item.subject}`;
  const before = context.store.get().health[key];
  if (before?.sentence === item.sentence) return;
  context.store.put('health', key, { ...item, since: before?.since ?? context.ports.clock.now() });
}

export function clearHealth(context: EngineContext, code: HealthCode, subject: string): void {
  context.store.put('health', `${code}:${subject}`, undefined);
}

export function homeGateway(context: EngineContext): Gateway {
  const gateway = context.ports.gateways.get(context.studio.homeSite);
  if (gateway) return gateway;
  throw new AgentError('bad-argument', {
    message: `The studio file names no gateway for its home site ${context.studio.homeSite}. Add one.`,
    retry: 'never',
  });
}

/** What a person may do about a failure, from its code. */
export function retryOf(error: unknown): 'now' | 'later' | 'never' | 'sign-in' {
  return error instanceof AgentError ? error.retry : 'never';
}
