// Frame lists: what Deadline's grammar means, and that a written range reads back as itself.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameText, parseFrames } from '../../../main/engine/core/frames.ts';

describe('a frame list', () => {
  test.each([
    ['5', [5]],
    ['1-4', [1, 2, 3, 4]],
    ['1-10x3', [1, 4, 7, 10]],
    ['1-10:3', [1, 4, 7, 10]],
    ['4-1', [4, 3, 2, 1]],
    ['1-3,3-5', [1, 2, 3, 4, 5]],
    ['-2-1 7', [-2, -1, 0, 1, 7]],
  ])('%s names its frames once each', (text, frames) => {
    expect(parseFrames(text)).toEqual({ kind: 'frames', frames });
  });

  test.each(['', ' , ', '1-', 'a', '1-10x0', '1-9999999999', '1..5'])(
    '%j is refused with a sentence',
    (text) => {
      const list = parseFrames(text);
      expect(list.kind).toBe('unreadable');
      expect(list.kind === 'unreadable' && list.why).toMatch(/\.$/);
    },
  );

  test('a written range reads back as the frames it names', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -500, max: 500 }),
        fc.nat(500),
        fc.integer({ min: 1, max: 20 }),
        (first, length, step) => {
          const last = first + length;
          const expected = [];
          for (let frame = first; frame <= last; frame += step) expected.push(frame);
          expect(parseFrames(frameText({ first, last, step, fps: null }))).toEqual({
            kind: 'frames',
            frames: expected,
          });
        },
      ),
    );
  });
});
