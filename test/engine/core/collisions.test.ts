// Collision names: both spellings, both suffix places, folders below a suffixed folder left alone.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  findCollisions,
  parseCollisionName,
  type SeenItem,
} from '../../../main/engine/core/collisions.ts';
import type { NamespacePath } from '../../../main/engine/core/names.ts';

const siteNames = new Map([
  [0, 'london'],
  [2, 'oregon'],
]);

function item(path: string, kind: 'file' | 'folder' = 'file'): SeenItem {
  return {
    path: path as NamespacePath,
    name: path.split('/').at(-1) ?? '',
    kind,
    size: 3,
    modified: 1,
    originSite: null,
  };
}

describe('a name with a collision suffix', () => {
  test.each([
    ['lookdev.txt[#S!=2]', { name: 'lookdev.txt', siteId: 2, kind: 'file-file' }],
    ['lookdev[#S!=2].txt', { name: 'lookdev.txt', siteId: 2, kind: 'file-file' }],
    ['Movie[#S=10]', { name: 'Movie', siteId: 10, kind: 'folder-folder' }],
  ])('%s is read', (shown, expected) => {
    expect(parseCollisionName(shown)).toEqual(expected);
  });

  test.each(['lookdev.txt', 'a[#S]', '[#S=1]', 'a[#S=]', 'a[#S=1', 'tex[1].png'])(
    '%s is an ordinary name',
    (shown) => {
      expect(parseCollisionName(shown)).toBeNull();
    },
  );

  test('any name with a suffix put on is read back', () => {
    const stem = fc
      .string({ minLength: 1, maxLength: 20 })
      .filter((text) => !/[[\]/\n]/.test(text));
    fc.assert(
      fc.property(stem, fc.nat(999_999), fc.boolean(), (name, siteId, isFile) => {
        const shown = `${name}[#S${isFile ? '!' : ''}=${siteId}]`;
        expect(parseCollisionName(shown)).toEqual({
          name,
          siteId,
          kind: isFile ? 'file-file' : 'folder-folder',
        });
      }),
    );
  });
});

describe('one site’s listing', () => {
  test('at a third site the plain name is told as the item of the site that made it', () => {
    const items = [
      { ...item('/shots/a.txt'), originSite: 'london' },
      { ...item('/shots/a.txt[#S!=5]'), originSite: 'mumbai' },
    ];
    const names = new Map([...siteNames, [5, 'mumbai']]);
    const [found] = findCollisions({ siteName: 'oregon', items, siteNames: names });
    expect(found?.sides.map((side) => side.site)).toEqual(['london', 'mumbai']);
  });

  test('shows both sides of a file collision, each with its site', () => {
    const items = [
      item('/shots/h/notes.txt'),
      item('/shots/h/notes.txt[#S!=2]'),
      item('/shots/h/other.txt'),
    ];
    expect(findCollisions({ siteName: 'london', items, siteNames })).toEqual([
      {
        kind: 'file-file',
        path: '/shots/h/notes.txt',
        sides: [
          { shownName: 'notes.txt', site: 'london', size: 3, modified: 1 },
          { shownName: 'notes.txt[#S!=2]', site: 'oregon', size: 3, modified: 1 },
        ],
      },
    ]);
  });

  test('warns once per top folder and shows an unknown site by its number', () => {
    const items = [
      item('/shots/h/out', 'folder'),
      item('/shots/h/out[#S=7]', 'folder'),
      item('/shots/h/out[#S=7]/a[#S=7]', 'folder'),
      item('/shots/h/out[#S=7]/a.exr'),
    ];
    const found = findCollisions({ siteName: 'london', items, siteNames });
    expect(found).toHaveLength(1);
    expect(found[0]?.sides.map((side) => side.site)).toEqual(['london', 'site 7']);
  });
});
