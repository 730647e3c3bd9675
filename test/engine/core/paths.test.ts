// Path rules: nothing escapes its folder, and each mapping is its own inverse where it has one.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LocalPath, NamespacePath } from '../../../main/engine/core/names.ts';
import {
  farmPathOf,
  localPathOf,
  namespacePathOf,
  objectKeyOf,
  relativeInside,
  slugOf,
} from '../../../main/engine/core/paths.ts';

const segment = fc
  .string({ minLength: 1, maxLength: 12 })
  .filter((text) => !/[\\/]/.test(text) && text !== '.' && text !== '..');
const relative = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));

describe('a path below a folder', () => {
  test.each([
    ['/proj', '/proj/a/b.blend', 'a/b.blend'],
    ['/proj/', '/proj/a', 'a'],
    ['/proj', '/proj', ''],
    ['/proj', '/project/a', null],
    ['/proj', '/proj/../etc/passwd', null],
    ['C:\\proj', 'C:\\proj\\tex\\a.png', 'tex/a.png'],
    ['/', '/a', 'a'],
  ])('%s and %s give %s', (dir, path, expected) => {
    expect(relativeInside(dir, path)).toBe(expected);
  });

  test('goes to the namespace and back unchanged', () => {
    fc.assert(
      fc.property(relative, (path) => {
        const inNamespace = namespacePathOf('/shots/harbour' as NamespacePath, path);
        expect(relativeInside('/shots/harbour', inNamespace)).toBe(path);
        expect(objectKeyOf('/shots', inNamespace)).toBe(`harbour/${path}`);
        expect(farmPathOf('/mnt/hs/', inNamespace)).toBe(`/mnt/hs/shots/harbour/${path}`);
        expect(
          relativeInside(
            '/home/mika/harbour',
            localPathOf('/home/mika/harbour' as LocalPath, path),
          ),
        ).toBe(path);
      }),
    );
  });
});

describe('a folder name made from what a person typed', () => {
  test('holds only what every OS and the gateway accept, and is never empty', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(slugOf(text)).toMatch(/^[a-z0-9_-]{1,60}$/);
      }),
    );
  });
});
