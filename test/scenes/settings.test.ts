// Frames, cameras and output paths as the render farm needs them.

import { afterAll, describe, expect, test } from 'vitest';
import { createSceneReader } from '../../main/scenes/reader.ts';
import { createBlend, type Values } from './blend-writer.ts';
import { createStage } from './stage.ts';

const stage = createStage();
const reader = createSceneReader({});
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  stage[Symbol.dispose]();
});

const EXTENSION = 1 << 4;
const COMPOSITE = 1 << 0;

async function closureWith(values: Values) {
  const blend = createBlend({ version: 304 });
  blend.add('SC', 'Scene', { 'id.name': 'SCa', 'r.scemode': EXTENSION, ...values });
  return reader.read(stage.write('work/shot.blend', blend.bytes()));
}

describe('the output', () => {
  test.each([
    ['//render/shot_', 17, 'work/render', 'shot_####.png'],
    ['//render/shot_####', 23, 'work/render', 'shot_####.exr'],
    ['//render/shot.##.exr', 23, 'work/render', 'shot.##.exr'],
    ['//render/shot_####.png', 23, 'work/render', 'shot_####.exr'],
    ['//..\\out\\', 4, 'out', '####.jpg'],
    ['//', 17, 'work', '####.png'],
    ['//shot', 24, 'work', 'shot####-####.mpg'],
    ['//shot_####', 15, 'work', 'shot_####-####.avi'],
    ['//shot.avi', 15, 'work', 'shot.avi'],
  ])('%s in format %i is %s/%s', async (raw, format, dir, pattern) => {
    const { outputs } = await closureWith({ 'r.pic': raw, 'r.im_format.imtype': format });
    expect(outputs).toEqual([{ dir: stage.path(dir), pattern, raw }]);
  });

  test('keeps the name when no extension is to be added', async () => {
    const { outputs } = await closureWith({ 'r.pic': '//p_####.jpg', 'r.scemode': 0 });
    expect(outputs[0]?.pattern).toBe('p_####.jpg');
  });

  test.runIf(process.platform !== 'win32')('may be a folder of another system', async () => {
    const { outputs } = await closureWith({ 'r.pic': 'C:\\out\\', 'r.im_format.imtype': 17 });
    expect(outputs).toEqual([{ dir: 'C:/out', pattern: '####.png', raw: 'C:\\out\\' }]);
  });
});

test('the compositor writes what its nodes that are not muted say', async () => {
  const blend = createBlend({ version: 304 });
  const first = 0x1000;
  const at = (index: number) => ({ pointer: first + 0x100 * index });
  blend.add('SC', 'Scene', {
    'id.name': 'SCa',
    'r.scemode': EXTENSION | COMPOSITE,
    'r.im_format.imtype': 17,
    'r.pic': '//main_',
    use_nodes: 1,
  });
  blend.add('DATA', 'bNode', { storage: at(3), 'inputs.first': at(4) });
  blend.add('DATA', 'NodeImageMultiFile', { base_path: '//aov', 'format.imtype': 23 });
  blend.add('DATA', 'bNodeSocket', { storage: at(6), next: at(5) });
  blend.add('DATA', 'bNodeSocket', { storage: at(7), next: at(4) });
  blend.add('DATA', 'NodeImageMultiFileSocket', { path: 'beauty_####' });
  blend.add('DATA', 'NodeImageMultiFileSocket', { path: 'Z/depth_' });
  blend.add('DATA', 'bNode', { storage: at(9), flag: 1 << 9 });
  blend.add('DATA', 'NodeImageMultiFile', { base_path: '//muted', 'format.imtype': 28 });
  blend.add('DATA', 'bNode', { storage: at(11) });
  blend.add('DATA', 'NodeImageMultiFile', { base_path: '//multi_', 'format.imtype': 28 });
  const closure = await reader.read(stage.write('work/comp.blend', blend.bytes()));
  expect(closure.outputs.map(({ dir, pattern }) => `${dir}/${pattern}`)).toEqual([
    stage.path('work/main_####.png'),
    stage.path('work/aov/beauty_####.exr'),
    stage.path('work/aov/Z/depth_####.exr'),
    stage.path('work/multi_####.exr'),
  ]);
});

describe('the frames', () => {
  test('hold rates that are no whole number, and steps of at least one', async () => {
    const { frames } = await closureWith({
      'r.sfra': -5,
      'r.efra': 20,
      'r.frs_sec': 24,
      'r.frs_sec_base': 1.001,
    });
    expect(frames).toEqual({ first: -5, last: 20, step: 1, fps: 23.976 });
  });

  test('are those of the active scene', async () => {
    const blend = createBlend({ version: 403 });
    blend.add('SC', 'Scene', { 'id.name': 'SCa', 'r.sfra': 1, 'r.efra': 2 });
    const active = blend.add('SC', 'Scene', { 'id.name': 'SCb', 'r.sfra': 7, 'r.efra': 9 });
    blend.add('GLOB', 'FileGlobal', { curscene: { pointer: active } });
    const closure = await reader.read(stage.write('two.blend', blend.bytes()));
    expect(closure.frames).toMatchObject({ first: 7, last: 9 });
  });

  test('are unknown in a file without a scene', async () => {
    const blend = createBlend({ version: 304 });
    blend.add('OB', 'Object', { 'id.name': 'OBa' });
    const closure = await reader.read(stage.write('none.blend', blend.bytes()));
    expect(closure).toMatchObject({ frames: null, engine: null, cameras: [], outputs: [] });
  });
});

test('cameras: the scene’s own first, then its markers’, then the others of that scene', async () => {
  const blend = createBlend({ version: 304 });
  const camera = (name: string) => blend.add('OB', 'Object', { 'id.name': `OB${name}`, type: 11 });
  const [other, marked, own] = [camera('other'), camera('marked'), camera('own')];
  camera('elsewhere');
  const mesh = blend.add('OB', 'Object', { 'id.name': 'OBmesh', type: 1 });
  blend.add('SC', 'Scene', { 'id.name': 'SCa', camera: { pointer: own } });
  for (const object of [mesh, other, marked, own]) {
    blend.add('DATA', 'Base', { object: { pointer: object } });
  }
  blend.add('DATA', 'TimeMarker', { camera: { pointer: marked } });
  const closure = await reader.read(stage.write('cameras.blend', blend.bytes()));
  expect(closure.cameras).toEqual(['own', 'marked', 'other']);
});
