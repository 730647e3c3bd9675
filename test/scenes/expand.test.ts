// Frames, tiles and cache names: which files of a folder one reference stands for.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  frameOf,
  framePattern,
  gapsBetween,
  isCacheFrame,
  tileName,
} from '../../main/scenes/expand.ts';

describe('the frame number of a name', () => {
  test.each([
    ['plate.1001.png', 'plate.1002.png', 1002],
    ['plate.1001.png', 'plate.10010.png', 10_010],
    ['plate.1001.png', 'plate.01002.png', null],
    ['plate.1001.png', 'plate.1002.jpg', null],
    ['plate.1001.png', 'plate.png', null],
    ['fx_7.png', 'fx_10.png', 10],
    ['fx_7.png', 'fx_07.png', null],
    ['mask_v02_0003_L.png', 'mask_v02_0004_L.png', 4],
    ['mask_v02_0003_L.png', 'mask_v03_0003_L.png', null],
    ['000210.png', '000211.png', 211],
    ['a1.0001', 'a2.0001', 2],
    ['a_001_.png', 'a_002_.png', 2],
    ['aa1aa.png', 'aa.png', null],
  ])('of the sequence of %s, %s is %s', (given, name, frame) => {
    const pattern = framePattern(given);
    expect(pattern && frameOf(pattern, name)).toBe(frame);
  });

  test('a name without digits before its extension is no sequence', () => {
    expect(framePattern('plate.mp4')).toBeNull();
    expect(framePattern('')).toBeNull();
  });

  test('every name is a frame of its own sequence, and so is the next number', () => {
    const stem = fc.string({ maxLength: 12 });
    const tail = fc.string({ maxLength: 6 }).filter((text) => !/[\d.]/.test(text));
    fc.assert(
      fc.property(stem, fc.nat(99_998), fc.integer({ min: 1, max: 8 }), (before, frame, width) => {
        const padded = (number: number): string => String(number).padStart(width, '0');
        // Digits that touch the frame number would belong to it.
        fc.pre(!/\d$/.test(before));
        const pattern = framePattern(`${before}${padded(frame)}.exr`);
        expect(pattern && frameOf(pattern, `${before}${padded(frame + 1)}.exr`)).toBe(frame + 1);
      }),
    );
    fc.assert(
      fc.property(stem, tail, (before, after) => {
        const pattern = framePattern(`${before}12${after}.png`);
        expect(pattern && frameOf(pattern, `${before}12${after}.png`)).not.toBeNull();
      }),
    );
  });

  test('a name of many digit groups is read at once', () => {
    const start = performance.now();
    framePattern('1a'.repeat(200_000));
    framePattern('1'.repeat(400_000));
    expect(performance.now() - start).toBeLessThan(200);
  });
});

test.each([
  [[1, 2, 3], []],
  [[3, 1], [{ first: 2, last: 2 }]],
  [
    [1001, 1002, 1005, 1009],
    [
      { first: 1003, last: 1004 },
      { first: 1006, last: 1008 },
    ],
  ],
  [[], []],
])('between the frames %j the gaps are %j', (frames, gaps) => {
  expect(gapsBetween(frames)).toEqual(gaps);
});

test.each([
  ['a.<UDIM>.png', 1001, 'a.1001.png'],
  ['a.<UVTILE>.png', 1001, 'a.u1_v1.png'],
  ['a.<UVTILE>.png', 1010, 'a.u10_v1.png'],
  ['a.<UVTILE>.png', 1021, 'a.u1_v3.png'],
  ['a.1001.png', 1012, 'a.1012.png'],
  ['plain.png', 1012, 'plain.png'],
])('tile %s of %i is %s', (name, tile, expected) => {
  expect(tileName(name, tile)).toBe(expected);
});

test.each([
  ['A_', 'A_000001_00.bphys', true],
  ['A_', 'A_000001.bphys', true],
  ['A_', 'A_0001.bobj.gz', true],
  ['A_', 'A_B_000001_00.bphys', false],
  ['A_', 'A_notes.txt', false],
  ['A_', 'B_000001_00.bphys', false],
])('in the cache %s the file %s counts: %s', (stem, name, expected) => {
  expect(isCacheFrame(stem, name)).toBe(expected);
});
