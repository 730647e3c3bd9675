// Circuit breaker: after five failures in a row nothing is asked for a while, then one call tries the way.

import { AgentError } from '../../engine/base/errors.ts';
import type { Clock } from '../../engine/ports/clock.ts';

const FAILURES_TO_OPEN = 5;
const OPEN_MS = 15_000;

export interface Breaker {
  run<T>(action: () => Promise<T>): Promise<T>;
}

export function createBreaker(options: { service: string; clock: Clock }): Breaker {
  const { service, clock } = options;
  let failures = 0;
  let openUntil = 0;
  let trying = false;

  return {
    async run(action) {
      const isOpen = failures >= FAILURES_TO_OPEN;
      const waitMs = openUntil - clock.monotonic();
      if (isOpen && (waitMs > 0 || trying)) {
        throw new AgentError('connection-refused', {
          message: `${service} failed ${failures} times in a row; it is asked again in ${Math.max(1, Math.ceil(waitMs / 1_000))} s.`,
          retry: 'later',
        });
      }
      if (isOpen) trying = true;
      try {
        const result = await action();
        failures = 0;
        return result;
      } catch (error) {
        // Only the way there counts: a refusal is an answer, and a cancel says nothing.
        if (isConnectionFailure(error)) {
          failures += 1;
          openUntil = clock.monotonic() + OPEN_MS;
        } else if (error instanceof AgentError) {
          failures = 0;
        }
        throw error;
      } finally {
        if (isOpen) trying = false;
      }
    },
  };
}

function isConnectionFailure(error: unknown): boolean {
  return (
    error instanceof AgentError &&
    (error.code === 'connection-refused' || error.code === 'connection-timeout')
  );
}
