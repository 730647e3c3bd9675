// The stepped clock: time moves only when told, and what falls due runs in its order.

import { describe, expect, test } from 'vitest';
import { steppedClock } from '../../main/sandbox/clock.ts';
import { World } from '../../main/sandbox/world.ts';

const START = Date.parse('2026-03-01T08:00:00Z');
const never = new AbortController().signal;

describe('the stepped clock', () => {
  test('stands still until it is stepped', async () => {
    const clock = steppedClock(START);
    let slept = false;
    void clock.sleep(1_000, never).then(() => (slept = true));
    await clock.step(999);
    expect([clock.now(), slept]).toEqual([START + 999, false]);
    await clock.step(1);
    expect([clock.now(), slept]).toEqual([START + 1_000, true]);
  });

  test('runs what falls due in its order, at its own time', async () => {
    const clock = steppedClock(START);
    const seen: string[] = [];
    const note = (what: string) => (): void => void seen.push(`${what}@${clock.now() - START}`);
    clock.every(400, note('a'));
    const stop = clock.every(300, note('b'));
    await clock.step(700);
    stop();
    await clock.step(500);
    expect(seen).toEqual(['b@300', 'a@400', 'b@600', 'a@800', 'a@1200']);
  });

  test('a sleep that begets another is slept through in one step', async () => {
    const clock = steppedClock(START);
    let rounds = 0;
    async function nap(): Promise<void> {
      while (rounds < 5) {
        await clock.sleep(100, never);
        rounds += 1;
      }
    }
    const napping = nap();
    await clock.step(500);
    await napping;
    expect(rounds).toBe(5);
  });

  test('a sleep ends with its signal', async () => {
    const clock = steppedClock(START);
    const stop = new AbortController();
    const sleeping = clock.sleep(1_000, stop.signal);
    stop.abort();
    await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' });
    await expect(clock.sleep(1, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('a day of replication takes no day', async () => {
    const clock = steppedClock(START);
    const world = new World({
      sites: [
        { name: 'london', place: '', participantId: 0 },
        { name: 'oregon', place: '', participantId: 2 },
      ],
      share: { name: 'shots', path: '/shots' },
      intervalMs: 5_000,
      now: () => clock.now(),
      newUuid: () => 'u',
    });
    let intervals = 0;
    clock.every(5_000, () => {
      intervals += 1;
      world.replicate();
    });
    const node = world.writeFile('london', 'a.txt', { size: 1, modified: START, owner: 'mika' });
    await clock.step(4_999);
    expect(node.seen.has('oregon')).toBe(false);
    await clock.step(24 * 3_600_000);
    expect(node.seen.has('oregon')).toBe(true);
    expect(intervals).toBe(17_280);
    expect(world.sendTimes.get('london>oregon')).toBe(START + 24 * 3_600_000);
  });
});
