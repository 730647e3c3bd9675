// Time as the studio sees it: the machine's own, or one that only moves when it is stepped.

import { setTimeout as delay } from 'node:timers/promises';

export interface WorldClock {
  /** Epoch ms. */
  now(): number;
  /** Runs `action` every so often until the returned function is called. */
  every(intervalMs: number, action: () => void): () => void;
  /** Rejects with the signal's reason when it fires first. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

export function machineClock(): WorldClock {
  return {
    now: () => Date.now(),
    every(intervalMs, action) {
      const timer = setInterval(action, intervalMs);
      return () => clearInterval(timer);
    },
    async sleep(delayMs, signal) {
      await delay(Math.max(0, delayMs), undefined, { signal });
    },
  };
}

export interface SteppedClock extends WorldClock {
  /** Moves time on, running what falls due in its order; resolves when time stands still again. */
  step(byMs: number): Promise<void>;
}

interface Due {
  at: number;
  readonly order: number;
  run(): void;
}

/** Stands still at `startMs` until stepped: a day of replication costs only what happens in it. */
export function steppedClock(startMs: number): SteppedClock {
  let now = startMs;
  let order = 0;
  let stepping: Promise<void> = Promise.resolve();
  const waiting = new Set<Due>();

  function add(at: number, run: () => void): Due {
    const due = { at, order: order++, run };
    waiting.add(due);
    return due;
  }

  function nextBefore(end: number): Due | null {
    let next: Due | null = null;
    for (const due of waiting) {
      if (due.at > end) continue;
      if (!next || due.at < next.at || (due.at === next.at && due.order < next.order)) next = due;
    }
    return next;
  }

  async function advance(byMs: number): Promise<void> {
    const end = now + byMs;
    for (let next = nextBefore(end); next; next = nextBefore(end)) {
      now = Math.max(now, next.at);
      next.run();
      // What a timer set going, such as a file on its way, takes its turn before time moves on.
      await new Promise((resolve) => setImmediate(resolve));
    }
    now = end;
  }

  return {
    now: () => now,
    every(intervalMs, action) {
      const due = add(now + intervalMs, () => {
        due.at += intervalMs;
        action();
      });
      return () => void waiting.delete(due);
    },
    sleep(delayMs, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        const end = (settle: () => void) => (): void => {
          waiting.delete(due);
          signal.removeEventListener('abort', onAbort);
          settle();
        };
        const onAbort = end(() => reject(signal.reason as Error));
        const due = add(now + Math.max(0, delayMs), end(resolve));
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },
    step(byMs) {
      stepping = stepping.then(() => advance(byMs));
      return stepping;
    },
  };
}
