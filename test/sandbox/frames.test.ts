// Deadline's frame-list grammar, and how a list becomes tasks.

import { expect, test } from 'vitest';
import { framesOf, tasksOf } from '../../main/sandbox/farm/frames.ts';

test.each([
  ['7', [7]],
  ['1-4', [1, 2, 3, 4]],
  ['1-10x3', [1, 4, 7, 10]],
  ['1-10:3', [1, 4, 7, 10]],
  ['1:10:3', [1, 4, 7, 10]],
  ['1-10 step 3', [1, 4, 7, 10]],
  ['1-10 by 3', [1, 4, 7, 10]],
  ['1-10 every 3', [1, 4, 7, 10]],
  ['4-1', [4, 3, 2, 1]],
  ['-2-1', [-2, -1, 0, 1]],
  ['5 7,9-10', [5, 7, 9, 10]],
  ['1-3,2-4', [1, 2, 3, 4]],
])('the list "%s" names its frames', (text, frames) => {
  expect(framesOf(text)).toEqual(frames);
});

test.each(['x', '1-', '1--', '1.5', '1-10y2', '0-999999999'])('"%s" is refused', (text) => {
  expect(() => framesOf(text)).toThrow(/frame list/);
});

test('tasks have a dash also for one frame, and end at gaps', () => {
  expect(tasksOf([1], 5)).toEqual(['1-1']);
  expect(tasksOf([1, 2, 3, 4, 5], 2)).toEqual(['1-2', '3-4', '5-5']);
  expect(tasksOf([1, 2, 5, 6, 9], 10)).toEqual(['1-2', '5-6', '9-9']);
  expect(tasksOf([3, 2, 1], 3)).toEqual(['3-3', '2-2', '1-1']);
});
