// Frames of a job by name: padding, extensions that the renderer adds, and twins that are somebody else's.

import { describe, expect, test } from 'vitest';
import { isFrameOf, writeSameFrames } from '../../../main/engine/core/outputs.ts';
import type { NamespacePath } from '../../../main/engine/core/names.ts';

describe('a frame', () => {
  test.each([
    ['sh010.####.png', 'sh010.0001.png'],
    ['sh010.####.png', 'sh010.10001.png'],
    ['sh010.####', 'sh010.0001'],
    ['sh010.####', 'sh010.0001.exr'],
    ['####.png', '0042.png'],
    ['v2_#.exr', 'v2_7.exr'],
    ['a#b.####.png', 'a#b.0001.png'],
    ['movie.mp4', 'movie.mp4'],
    ['movie', 'movie.mp4'],
  ])('of %s is %s', (pattern, name) => {
    expect(isFrameOf(pattern, name)).toBe(true);
  });

  test.each([
    ['sh010.####.png', 'sh010.001.png'],
    ['sh010.####.png', 'sh010.0001.exr'],
    ['sh010.####.png', 'sh020.0001.png'],
    ['sh010.####.png', 'sh010.0001.png[#S!=5]'],
    ['sh010.####', 'sh010.0001[#S!=5].exr'],
    ['sh010.####.png', 'sh010.0001.png.tmp'],
    ['sh010.####.png', '.waybill.json'],
  ])('of %s is not %s', (pattern, name) => {
    expect(isFrameOf(pattern, name)).toBe(false);
  });
});

test('two jobs meet only where folder and pattern are the same', () => {
  const output = { dir: '/shots/renders' as NamespacePath, pattern: 'a.####.png' };
  expect(writeSameFrames(output, { ...output })).toBe(true);
  expect(writeSameFrames(output, { ...output, pattern: 'b.####.png' })).toBe(false);
  expect(writeSameFrames(output, { ...output, dir: '/shots/x' as NamespacePath })).toBe(false);
});
