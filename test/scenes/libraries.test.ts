// Linked libraries: what is reached is needed, what is not is left, and no cycle goes on for ever.

import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LocalPath } from '../../main/engine/core/names.ts';
import { createSceneReader } from '../../main/scenes/reader.ts';
import { createBlend, type Container, type BlendLayout } from './blend-writer.ts';
import { addImage, addLibrary, blendWithScene, createStage, type Stage } from './stage.ts';

let stage: Stage;
const reader = createSceneReader({});
beforeEach(() => (stage = createStage()));
afterEach(() => stage[Symbol.dispose]());
afterAll(() => reader[Symbol.asyncDispose]());

/** hero: a mesh whose material slot holds a shader with one image; another image nobody uses. */
function heroLibrary(
  layout: BlendLayout = { version: 304 },
  container: Container = 'plain',
): Buffer {
  const blend = createBlend(layout);
  const used = addImage(blend, '//tex/skin.png');
  addImage(blend, '//tex/unused.png');
  const material = blend.add('MA', 'Material', { 'id.name': 'MAskin' });
  blend.add('DATA', 'bNodeTree', { 'id.name': 'NTShader' });
  blend.add('DATA', 'bNode', { id: { pointer: used } });
  // The slots are an array of bare pointers that the next block holds.
  const mesh = blend.add('ME', 'Mesh', {
    'id.name': 'MEhero',
    mat: { pointer: material + 0x400 },
  });
  expect(blend.addPointers([material])).toBe(material + 0x400);
  blend.add('OB', 'Object', { 'id.name': 'OBhero', data: { pointer: mesh } });
  return blend.bytes(container);
}

function linking(path: string, linked: readonly string[]): Buffer {
  const blend = blendWithScene();
  addLibrary(blend, path, linked);
  return blend.bytes();
}

async function closureOf(name: string) {
  const closure = await reader.read(stage.path(name) as LocalPath);
  return { closure, files: stage.names(closure), missing: stage.missing(closure) };
}

describe('a linked library', () => {
  test.each<[string, BlendLayout, Container]>([
    ['3.4', { version: 304 }, 'plain'],
    ['2.79, 32 bit', { version: 279, pointerBytes: 4 }, 'gzip'],
    ['2.60, big-endian', { version: 260, pointerBytes: 4, bigEndian: true }, 'plain'],
    ['4.3 in zstd', { version: 403 }, 'zstd frames'],
    ['5.0', { version: 500 }, 'zstd frame'],
  ])('of %s brings what the linked block reaches', async (_, layout, container) => {
    stage.write('lib/hero.blend', heroLibrary(layout, container));
    stage.write('lib/tex/skin.png');
    stage.write('lib/tex/unused.png');
    stage.write('shots/sh010.blend', linking('//../lib/hero.blend', ['OBhero']));
    const { closure, files, missing } = await closureOf('shots/sh010.blend');
    expect(files).toEqual(['lib/hero.blend', 'lib/tex/skin.png']);
    expect(missing).toEqual([]);
    const via = (name: string) => closure.files.find(({ path }) => path === stage.path(name))?.via;
    expect(via('lib/hero.blend')).toBe(stage.path('shots/sh010.blend'));
    expect(via('lib/tex/skin.png')).toBe(stage.path('lib/hero.blend'));
    expect(closure.files[1]?.kind).toBe('library');
  });

  test('is needed even when the linked block needs nothing', async () => {
    stage.write('hero.blend', heroLibrary());
    stage.write('sh.blend', linking('//hero.blend', ['MAskin']));
    stage.write('tex/skin.png');
    expect((await closureOf('sh.blend')).files).toEqual(['hero.blend', 'tex/skin.png']);
  });

  test('is followed through other libraries, each with its own folder', async () => {
    stage.write('char/hero.blend', heroLibrary());
    stage.write('char/tex/skin.png');
    const street = createBlend({ version: 304 });
    const [hero = 0] = addLibrary(street, '//..\\char\\hero.blend', ['OBhero']);
    street.add('OB', 'Object', { 'id.name': 'OBcrowd', parent: { pointer: hero } });
    street.add('OB', 'Object', { 'id.name': 'OBlamp' });
    stage.write('set/street.blend', street.bytes());
    stage.write('sh.blend', linking('//set/street.blend', ['OBcrowd']));
    stage.write('lamp.blend', linking('//set/street.blend', ['OBlamp']));
    expect((await closureOf('sh.blend')).files).toEqual([
      'char/hero.blend',
      'char/tex/skin.png',
      'set/street.blend',
    ]);
    expect((await closureOf('lamp.blend')).files).toEqual(['set/street.blend']);
  });

  test('that is gone is missing', async () => {
    stage.write('sh.blend', linking('//gone.blend', ['OBhero']));
    const { missing, closure } = await closureOf('sh.blend');
    expect(missing).toEqual(['gone.blend']);
    expect(closure.missing[0]).toMatchObject({ raw: '//gone.blend', kind: 'library' });
  });

  test('that is damaged is listed, with a warning and no error', async () => {
    stage.write('bad.blend', 'not a blend file at all');
    stage.write('sh.blend', linking('//bad.blend', ['OBhero']));
    const { files, closure } = await closureOf('sh.blend');
    expect(files).toEqual(['bad.blend']);
    expect(closure.warnings.join()).toContain('what it needs is unknown');
  });

  test('that lost the block is told', async () => {
    stage.write('hero.blend', heroLibrary());
    stage.write('sh.blend', linking('//hero.blend', ['OBgone', 'OBhero']));
    expect((await closureOf('sh.blend')).closure.warnings).toContainEqual(
      expect.stringContaining('no longer holds gone'),
    );
  });

  test('packed into the scene is not read from disk', async () => {
    stage.write('hero.blend', heroLibrary());
    const blend = blendWithScene();
    blend.add('LI', 'Library', { name: '//hero.blend', packedfile: { pointer: 0xdead0 } });
    stage.write('sh.blend', blend.bytes());
    expect((await closureOf('sh.blend')).files).toEqual([]);
  });

  test('whose blocks were packed one by one keeps their paths (5.0)', async () => {
    const blend = blendWithScene({ version: 500 });
    const home = blend.add('LI', 'Library', { 'id.name': 'LIhome', name: '//lib/hero.blend' });
    const archive = blend.add('LI', 'Library', {
      'id.name': 'LIarchive',
      name: '//lib/hero.blend',
      flag: 1,
      archive_parent_library: { pointer: home },
    });
    addImage(blend, '//tex/skin.png', { 'id.lib': { pointer: archive } });
    stage.write('sh.blend', blend.bytes());
    stage.write('lib/tex/skin.png');
    expect((await closureOf('sh.blend')).files).toEqual(['lib/tex/skin.png']);
  });

  test('cache of a linked object lies beside the library, or beside the scene when asked so', async () => {
    const library = createBlend({ version: 304 });
    library.add('OB', 'Object', { 'id.name': 'OBA' });
    library.add('DATA', 'PointCache', { flag: 1 | (1 << 6) });
    library.add('DATA', 'PointCache', { flag: 1 | (1 << 6) | (1 << 11), name: 'local' });
    stage.write('lib/hero.blend', library.bytes());
    stage.write('lib/blendcache_hero/41_000001_00.bphys');
    stage.write('shots/blendcache_sh/local_000001_00.bphys');
    stage.write('shots/sh.blend', linking('//../lib/hero.blend', ['OBA']));
    expect((await closureOf('shots/sh.blend')).files).toEqual([
      'lib/blendcache_hero/41_000001_00.bphys',
      'lib/hero.blend',
      'shots/blendcache_sh/local_000001_00.bphys',
    ]);
  });
});

describe('a cycle', () => {
  test('of two libraries that link each other ends', async () => {
    for (const [own, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ]) {
      const blend = blendWithScene();
      const [linked = 0] = addLibrary(blend, `//${other}.blend`, [`OB${other}`]);
      blend.add('OB', 'Object', { 'id.name': `OB${own}`, parent: { pointer: linked } });
      stage.write(`${own}.blend`, blend.bytes());
    }
    expect((await closureOf('a.blend')).files).toEqual(['b.blend']);
  });

  test('of a file that links itself ends', async () => {
    stage.write('self.blend', linking('//self.blend', ['OBshotCam']));
    expect((await closureOf('self.blend')).files).toEqual([]);
  });

  test('of parents inside a library ends', async () => {
    const library = createBlend({ version: 304 });
    const one = library.add('OB', 'Object', {
      'id.name': 'OBone',
      parent: { pointer: 0x1200 },
    });
    library.add('OB', 'Object', { 'id.name': 'OBtwo', parent: { pointer: one } });
    stage.write('lib.blend', library.bytes());
    stage.write('sh.blend', linking('//lib.blend', ['OBone']));
    expect((await closureOf('sh.blend')).files).toEqual(['lib.blend']);
  });
});
