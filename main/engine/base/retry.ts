// Tries again what failed for a passing reason: waits grow, with jitter, and stop for the signal.

import type { Clock } from '../ports/clock.ts';
import { AgentError, isAbort } from './errors.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly firstDelayMs?: number;
  readonly longestDelayMs?: number;
  /** Told before every wait, so that a person sees why nothing moves. */
  onTrouble?(error: unknown): void;
}

/** Runs `action` until it succeeds; errors that say 'never' or 'sign-in', and bugs, are thrown at once. */
export async function untilDone<T>(action: () => Promise<T>, options: RetryOptions): Promise<T> {
  let delayMs = options.firstDelayMs ?? 500;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      if (isAbort(error) || !mayRetry(error)) throw error;
      options.onTrouble?.(error);
      await options.clock.sleep(delayMs * (0.75 + Math.random() / 2), { signal: options.signal });
      delayMs = Math.min(delayMs * 2, options.longestDelayMs ?? 15_000);
    }
  }
}

function mayRetry(error: unknown): boolean {
  return error instanceof AgentError && (error.retry === 'now' || error.retry === 'later');
}
