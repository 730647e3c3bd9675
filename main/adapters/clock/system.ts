// The machine's own clock and timers.

import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../engine/ports/clock.ts';

export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (delayMs, options) =>
      delay(
        Math.max(0, delayMs),
        undefined,
        options?.signal === undefined ? {} : { signal: options.signal },
      ),
  };
}
