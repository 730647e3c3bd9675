// Ready is a proof: every file, the tagged version, a current copy. Nothing less is shown as ready.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NamespacePath } from '../../../main/engine/core/names.ts';
import {
  readinessIn,
  type SeenFile,
  type WantedFile,
} from '../../../main/engine/core/readiness.ts';

const wantedFile: fc.Arbitrary<WantedFile> = fc.record({
  path: fc.nat(12).map((n) => `/shots/f${n}` as NamespacePath),
  size: fc.nat(5),
  homeModified: fc.option(fc.nat(3), { nil: null }),
});
const seenFile: fc.Arbitrary<SeenFile> = fc.record({
  size: fc.nat(5),
  modified: fc.option(fc.nat(3), { nil: null }),
  online: fc.boolean(),
});

describe('readiness', () => {
  test('is ready only when every file is there, online and the tagged version', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(wantedFile, { selector: (file) => file.path }),
        fc.dictionary(
          fc.nat(12).map((n) => `/shots/f${n}`),
          seenFile,
        ),
        (wanted, seen) => {
          const readiness = readinessIn(wanted, new Map(Object.entries(seen)));
          const proven =
            wanted.length > 0 &&
            wanted.every((file) => {
              const there = seen[file.path];
              return (
                there?.online &&
                there.size === file.size &&
                there.modified !== null &&
                there.modified === file.homeModified
              );
            });
          expect(readiness.kind === 'ready').toBe(proven);
          expect(readiness.filesReady).toBeLessThanOrEqual(readiness.filesKnown);
        },
      ),
    );
  });

  test('an empty view and an empty closure prove nothing', () => {
    const file: WantedFile = { path: '/shots/a' as NamespacePath, size: 1, homeModified: 1 };
    expect(readinessIn([file], new Map()).kind).toBe('metadata-missing');
    expect(readinessIn([], new Map()).kind).toBe('metadata-missing');
  });

  test('a newer version in the region is stale, not ready', () => {
    const file: WantedFile = { path: '/shots/a' as NamespacePath, size: 1, homeModified: 1 };
    const readiness = readinessIn(
      [file],
      new Map([['/shots/a', { size: 1, modified: 2, online: true }]]),
    );
    expect(readiness).toMatchObject({ kind: 'metadata-missing', stale: ['/shots/a'] });
  });
});
