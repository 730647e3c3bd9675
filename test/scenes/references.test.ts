// What each kind of data-block refers to, and what becomes of it on disk.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSceneReader } from '../../main/scenes/reader.ts';
import type { BlendWriter } from './blend-writer.ts';
import { addImage, blendWithScene, createStage, type Stage } from './stage.ts';

let stage: Stage;
const reader = createSceneReader({});
beforeAll(() => (stage = createStage()));
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  stage[Symbol.dispose]();
});

const PACKED = { pointer: 0xdead0 };

interface Case {
  readonly title: string;
  readonly onDisk?: readonly string[];
  add(blend: BlendWriter): void;
  readonly files?: readonly string[];
  readonly missing?: readonly string[];
  readonly kind?: string;
}

let caseCount = 0;
async function closureOf(one: Case) {
  caseCount += 1;
  const folder = `case${caseCount}`;
  for (const name of one.onDisk ?? []) stage.write(`${folder}/${name}`);
  const blend = blendWithScene();
  one.add(blend);
  const closure = await reader.read(stage.write(`${folder}/shot.blend`, blend.bytes()));
  const short = (names: string[]): string[] => names.map((name) => name.slice(folder.length + 1));
  return {
    closure,
    files: short(stage.names(closure)),
    missing: short(stage.missing(closure)),
  };
}

const IMAGES: readonly Case[] = [
  {
    title: 'a file',
    onDisk: ['tex/a.png'],
    add: (blend) => void addImage(blend, '//tex/a.png'),
    files: ['tex/a.png'],
    kind: 'image',
  },
  {
    title: 'a file that is numbered is one file',
    onDisk: ['tex/a_0001.png', 'tex/a_0002.png'],
    add: (blend) => void addImage(blend, '//tex/a_0001.png'),
    files: ['tex/a_0001.png'],
  },
  {
    title: 'a packed one needs no file',
    onDisk: ['tex/a.png'],
    add: (blend) => void addImage(blend, '//tex/a.png', { packedfile: PACKED }),
  },
  {
    title: 'packed tiles need no files',
    onDisk: ['tex/a.1001.png'],
    add: (blend) =>
      void addImage(blend, '//tex/a.<UDIM>.png', { source: 6, 'packedfiles.first': PACKED }),
  },
  {
    title: 'a generated one has no file',
    add: (blend) => void addImage(blend, '//tex/a.png', { source: 4 }),
  },
  {
    title: 'a movie',
    onDisk: ['a.mov'],
    add: (blend) => void addImage(blend, '//a.mov', { source: 3 }),
    files: ['a.mov'],
    kind: 'movie',
  },
  {
    title: 'a sequence is every frame on disk, its last digits counting',
    onDisk: ['p/v02_0003_L.png', 'p/v02_0004_L.png', 'p/v02_0004_R.png', 'p/v03_0003_L.png'],
    add: (blend) => void addImage(blend, '//p/v02_0003_L.png', { source: 2 }),
    files: ['p/v02_0003_L.png', 'p/v02_0004_L.png'],
    kind: 'sequence',
  },
  {
    title: 'a sequence of which nothing is there misses its first frame',
    add: (blend) => void addImage(blend, '//p/x.0101.exr', { source: 2 }),
    missing: ['p/x.0101.exr'],
  },
  {
    title: 'tiles are those of the image, not those on disk',
    onDisk: ['t/c.1001.png', 't/c.1003.png', 't/c.1011.png'],
    add(blend) {
      addImage(blend, '//t/c.<UDIM>.png', { source: 6 });
      blend.add('DATA', 'ImageTile', { tile_number: 1001 });
      blend.add('DATA', 'ImageTile', { tile_number: 1002 });
      blend.add('DATA', 'ImageTile', { tile_number: 1011 });
    },
    files: ['t/c.1001.png', 't/c.1011.png'],
    missing: ['t/c.1002.png'],
    kind: 'udim',
  },
  {
    title: 'tiles by column and row, in the middle of a name',
    onDisk: ['t/c_u1_v1_x.png', 't/c_u2_v2_x.png'],
    add(blend) {
      addImage(blend, '//t/c_<UVTILE>_x.png', { source: 6 });
      blend.add('DATA', 'ImageTile', { tile_number: 1001 });
      blend.add('DATA', 'ImageTile', { tile_number: 1012 });
    },
    files: ['t/c_u1_v1_x.png', 't/c_u2_v2_x.png'],
  },
  {
    title: 'tiles from before 3.1 are named after the first tile',
    onDisk: ['t/c.1001.png', 't/c.1002.png'],
    add(blend) {
      addImage(blend, '//t/c.1001.png', { source: 6 });
      blend.add('DATA', 'ImageTile', { tile_number: 1001 });
      blend.add('DATA', 'ImageTile', { tile_number: 1002 });
    },
    files: ['t/c.1001.png', 't/c.1002.png'],
  },
  {
    title: 'signs that look like patterns are part of a name',
    onDisk: ['t/a[1]{2}$F#%04d.png'],
    add: (blend) => void addImage(blend, '//t/a[1]{2}$F#%04d.png'),
    files: ['t/a[1]{2}$F#%04d.png'],
  },
  {
    title: 'a stereo image brings the file of its other eye',
    onDisk: ['s/a_L.png', 's/a_R.png', 's/b_L.png', 's/b_R.png', 's/c_R.png'],
    add(blend) {
      addImage(blend, '//s/a_L.png', { flag: 1 << 14 });
      addImage(blend, '//s/b_L.png');
      addImage(blend, '//s/c_R.png', { flag: 1 << 14 });
    },
    files: ['s/a_L.png', 's/a_R.png', 's/b_L.png', 's/c_R.png'],
  },
  {
    title: 'a folder is not a file',
    onDisk: ['tex/a.png'],
    add: (blend) => void addImage(blend, '//tex'),
    missing: ['tex'],
  },
];

const OTHERS: readonly Case[] = [
  {
    title: 'a sound',
    onDisk: ['a.wav'],
    add: (blend) => void blend.add('SO', 'bSound', { 'id.name': 'SOa', name: '//a.wav' }),
    files: ['a.wav'],
    kind: 'sound',
  },
  {
    title: 'a packed sound',
    onDisk: ['a.wav'],
    add: (blend) => void blend.add('SO', 'bSound', { name: '//a.wav', packedfile: PACKED }),
  },
  {
    title: 'a font',
    onDisk: ['a.ttf'],
    add: (blend) => void blend.add('VF', 'VFont', { name: '//a.ttf' }),
    files: ['a.ttf'],
    kind: 'font',
  },
  {
    title: 'the built-in font',
    add: (blend) => void blend.add('VF', 'VFont', { name: '<builtin>' }),
  },
  {
    title: 'a movie clip',
    onDisk: ['a.mp4'],
    add: (blend) => void blend.add('MC', 'MovieClip', { name: '//a.mp4', source: 2 }),
    files: ['a.mp4'],
    kind: 'movie',
  },
  {
    title: 'a clip of images',
    onDisk: ['c/7.png', 'c/8.png', 'c/10.png', 'c/007.png'],
    add: (blend) => void blend.add('MC', 'MovieClip', { name: '//c/7.png', source: 1 }),
    files: ['c/10.png', 'c/7.png', 'c/8.png'],
    kind: 'sequence',
  },
  {
    title: 'a cache file',
    onDisk: ['a.abc', 's.1.abc', 's.2.abc'],
    add(blend) {
      blend.add('CF', 'CacheFile', { filepath: '//a.abc' });
      blend.add('CF', 'CacheFile', { filepath: '//s.1.abc', is_sequence: 1 });
    },
    files: ['a.abc', 's.1.abc', 's.2.abc'],
    kind: 'cache',
  },
  {
    title: 'a volume and a sequence of volumes',
    onDisk: ['v/ev_-2.vdb', 'v/s_0001.vdb', 'v/s_0003.vdb'],
    add(blend) {
      blend.add('VO', 'Volume', { filepath: '//v/ev_-2.vdb' });
      blend.add('VO', 'Volume', { filepath: '//v/s_0001.vdb', is_sequence: 1 });
    },
    files: ['v/ev_-2.vdb', 'v/s_0001.vdb', 'v/s_0003.vdb'],
    kind: 'volume',
  },
  {
    title: 'a text that lies in a file',
    onDisk: ['rig.py'],
    add(blend) {
      // The text's own block comes first, so its path's address is known in advance.
      const path = 0x1000 + 0x100 * 6;
      blend.add('TX', 'Text', { name: { pointer: path } });
      expect(blend.addText('//rig.py')).toBe(path);
    },
    files: ['rig.py'],
    kind: 'text',
  },
  {
    title: 'a text in memory',
    add(blend) {
      blend.add('TX', 'Text', { name: { pointer: 0x1000 + 0x100 * 6 }, flags: 1 << 2 });
      blend.addText('//rig.py');
    },
  },
  {
    title: 'the icon of a brush',
    onDisk: ['i.png'],
    add: (blend) => void blend.add('BR', 'Brush', { icon_filepath: '//i.png' }),
    files: ['i.png'],
  },
  {
    title: 'external shader scripts and light profiles',
    onDisk: ['a.osl', 'a.ies'],
    add(blend) {
      blend.add('MA', 'Material', { 'id.name': 'MAm' });
      blend.add('DATA', 'NodeShaderScript', { mode: 1, filepath: '//a.osl' });
      blend.add('DATA', 'NodeShaderScript', { mode: 0, filepath: '//stale.osl' });
      blend.add('DATA', 'NodeShaderTexIES', { mode: 1, filepath: '//a.ies' });
      blend.add('DATA', 'NodeShaderTexIES', { mode: 0, filepath: '//stale.ies' });
    },
    files: ['a.ies', 'a.osl'],
  },
  {
    title: 'mesh data and mesh caches outside the file',
    onDisk: ['a.btx', 'a.mdd'],
    add(blend) {
      blend.add('ME', 'Mesh', { 'id.name': 'MEa' });
      blend.add('DATA', 'CustomDataExternal', { filename: '//a.btx' });
      blend.add('OB', 'Object', { 'id.name': 'OBa' });
      blend.add('DATA', 'MeshCacheModifierData', { filepath: '//a.mdd' });
    },
    files: ['a.btx', 'a.mdd'],
    kind: 'cache',
  },
  {
    title: 'a fluid cache set to the project folder takes only what Blender writes there',
    onDisk: ['data/f_0001.vdb', 'config/c_0001.uni', 'secret.txt', 'work/data/x.vdb'],
    add(blend) {
      blend.add('OB', 'Object', { 'id.name': 'OBfluid' });
      blend.add('DATA', 'FluidDomainSettings', { cache_directory: '//', cache_flag: 2 });
    },
    files: ['config/c_0001.uni', 'data/f_0001.vdb'],
    kind: 'cache',
  },
  {
    title: 'a fluid that was baked misses its folder',
    add(blend) {
      blend.add('OB', 'Object', { 'id.name': 'OBfluid' });
      blend.add('DATA', 'FluidDomainSettings', { cache_directory: '//cache', cache_flag: 2 });
    },
    missing: ['cache'],
  },
  {
    title: 'a fluid that was never baked misses nothing',
    add(blend) {
      blend.add('OB', 'Object', { 'id.name': 'OBfluid' });
      blend.add('DATA', 'FluidDomainSettings', { cache_directory: '//cache' });
    },
  },
  {
    title: 'an ocean cache',
    onDisk: ['oc/disp_0001.exr', 'oc/foam_0001.exr', 'oc/notes.txt'],
    add(blend) {
      blend.add('OB', 'Object', { 'id.name': 'OBsea' });
      blend.add('DATA', 'OceanModifierData', { cached: 1, cachepath: '//oc' });
    },
    files: ['oc/disp_0001.exr', 'oc/foam_0001.exr'],
  },
  {
    title: 'a particle cache on disk, named after the object in hexadecimal',
    onDisk: [
      'blendcache_shot/43C3BC_000001_00.bphys',
      'blendcache_shot/43C3BC_000002_00.bphys',
      'blendcache_shot/43C3BCA0_000001_00.bphys',
    ],
    add(blend) {
      blend.add('OB', 'Object', { 'id.name': 'OBCü' });
      blend.add('DATA', 'PointCache', { flag: 1 | (1 << 6) });
    },
    files: ['blendcache_shot/43C3BC_000001_00.bphys', 'blendcache_shot/43C3BC_000002_00.bphys'],
    kind: 'cache',
  },
  {
    title: 'a cache with a name of its own, and one in memory',
    onDisk: ['blendcache_shot/hair [1]_000001_00.bphys'],
    add(blend) {
      blend.add('OB', 'Object', { 'id.name': 'OBhead' });
      blend.add('DATA', 'PointCache', { flag: 1 | (1 << 6), name: 'hair [1]' });
      blend.add('DATA', 'PointCache', { flag: 1 });
    },
    files: ['blendcache_shot/hair [1]_000001_00.bphys'],
  },
  {
    title: 'an external cache that is gone',
    add(blend) {
      blend.add('OB', 'Object', { 'id.name': 'OBhead' });
      blend.add('DATA', 'PointCache', { flag: 1 << 9, name: 'sim', path: '//ext/' });
    },
    missing: ['ext/sim_*'],
  },
];

describe.each([
  ['an image', IMAGES],
  ['another block', OTHERS],
])('%s', (_, cases) => {
  test.each(cases)('$title', async (one) => {
    const { closure, files, missing } = await closureOf(one);
    expect({ files, missing }).toEqual({ files: one.files ?? [], missing: one.missing ?? [] });
    if (one.kind !== undefined) expect(closure.files[1]?.kind).toBe(one.kind);
  });
});

describe('strips of the sequencer', () => {
  function addStrip(
    blend: BlendWriter,
    strip: { type: number; dir: string; names: readonly string[]; sound?: number },
  ): void {
    const elements = blend.add(
      'DATA',
      'StripElem',
      strip.names.map((name) => ({ name })),
    );
    const data = blend.add('DATA', 'Strip', { stripdata: { pointer: elements }, dir: strip.dir });
    blend.add('DATA', 'Sequence', {
      type: strip.type,
      strip: { pointer: data },
      ...(strip.sound === undefined ? {} : { sound: { pointer: strip.sound } }),
    });
  }

  test('images are listed one by one, and a sound strip follows its sound', async () => {
    const { files, missing } = await closureOf({
      title: '',
      onDisk: ['i/a_001.png', 'i/a_002.png', 'i/a_004.png', 'm/clip one.mp4', 's/track.wav'],
      add(blend) {
        const sound = blend.add('SO', 'bSound', { name: '//s/track.wav' });
        blend.add('SC', 'Scene', { 'id.name': 'SCedit' });
        addStrip(blend, { type: 0, dir: '//i/', names: ['a_001.png', 'a_002.png', 'a_003.png'] });
        addStrip(blend, { type: 3, dir: '//m', names: ['clip one.mp4'] });
        addStrip(blend, { type: 4, dir: '/stale/', names: ['old.wav'], sound });
        addStrip(blend, { type: 2, dir: '//i/', names: ['a_004.png'] });
      },
    });
    expect(files).toEqual(['i/a_001.png', 'i/a_002.png', 'm/clip one.mp4', 's/track.wav']);
    expect(missing).toEqual(['i/a_003.png']);
  });
});

describe('paths of other places', () => {
  test.each([
    ['P:\\SHOW\\tex\\a.tx', 'P:/SHOW/tex/a.tx', 'Windows drive'],
    ['\\\\nas01\\SHOW\\tex\\a.tif', '\\\\nas01/SHOW/tex/a.tif', 'file server'],
    ['https://example.test/a.png', 'https://example.test/a.png', 'network address'],
  ])('%s is missing, with the reason', async (raw, path, why) => {
    const { closure } = await closureOf({ title: '', add: (blend) => void addImage(blend, raw) });
    expect(closure.missing).toEqual([{ path, raw, kind: 'image', via: closure.scene }]);
    expect(closure.warnings.join()).toContain(why);
  });

  test('a path without slashes in front is relative to nobody knows what', async () => {
    const { closure, missing } = await closureOf({
      title: '',
      onDisk: ['tex/a.png'],
      add: (blend) => void addImage(blend, 'tex/a.png'),
    });
    expect(missing).toEqual(['tex/a.png']);
    expect(closure.warnings).toHaveLength(1);
  });

  test.runIf(process.platform === 'linux')(
    'a name in another case or Unicode form is missing, and the near name is told',
    async () => {
      const { closure, missing } = await closureOf({
        title: '',
        onDisk: ['tex/wrong.png', 'tex/cafe\u0301.png'],
        add(blend) {
          addImage(blend, '//tex/Wrong.PNG');
          addImage(blend, '//tex/caf\u00e9.png');
        },
      });
      expect(missing).toEqual(['tex/Wrong.PNG', 'tex/caf\u00e9.png']);
      expect(closure.warnings[0]).toContain('"wrong.png"');
      expect(closure.warnings[1]).toContain('Unicode form');
    },
  );

  test('what a file says reaches a terminal without its control codes', async () => {
    const { closure } = await closureOf({
      title: '',
      add: (blend) => void addImage(blend, 'P:\\\u001b[2J\u202egnp.png'),
    });
    expect(closure.warnings.join()).not.toMatch(/\p{Cc}|\u202e/u);
    expect(closure.missing[0]?.raw).toContain('\u001b');
  });

  test('a gap in a sequence is told in runs', async () => {
    const { closure } = await closureOf({
      title: '',
      onDisk: [1001, 1002, 1005, 1007].map((frame) => `p/a.${frame}.png`),
      add: (blend) => void addImage(blend, '//p/a.1001.png', { source: 2 }),
    });
    expect(closure.warnings.join()).toContain('lacks frames 1003-1004, 1006');
  });
});
