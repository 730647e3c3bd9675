// The contract of the Clock port.

import { describe, expect, test } from 'vitest';
import type { Clock } from '../../main/engine/ports/clock.ts';

export function clockContract(name: string, clock: () => Clock): void {
  describe(`clock contract over ${name}`, () => {
    test('a sleep lasts as long as told by the monotonic clock', async () => {
      const before = clock().monotonic();
      await clock().sleep(50);
      const tookMs = clock().monotonic() - before;
      expect(tookMs).toBeGreaterThanOrEqual(48);
      expect(tookMs).toBeLessThan(5_000);
    });

    test('the wall clock tells milliseconds since 1970', () => {
      expect(Math.abs(clock().now() - Date.now())).toBeLessThan(1_000);
    });

    test('a sleep ends at once for its signal, also for one that fired before', async () => {
      const stop = new AbortController();
      const sleeping = clock().sleep(60_000, { signal: stop.signal });
      stop.abort();
      await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' });
      await expect(clock().sleep(60_000, { signal: stop.signal })).rejects.toMatchObject({
        name: 'AbortError',
      });
    });

    test('a negative sleep is no sleep', async () => {
      await expect(clock().sleep(-5)).resolves.toBeUndefined();
    });
  });
}
