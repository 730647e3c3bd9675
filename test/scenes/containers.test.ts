// One scene in every layout and container: the answer is the same.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSceneReader } from '../../main/scenes/reader.ts';
import type { BlendLayout, Container } from './blend-writer.ts';
import { addImage, blendWithScene, createStage } from './stage.ts';

const stage = createStage();
const reader = createSceneReader({});
beforeAll(() => void stage.write('tex/wood.png', 'twelve bytes'));
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  stage[Symbol.dispose]();
});

const LAYOUTS: readonly (readonly [name: string, layout: BlendLayout, version: string])[] = [
  ['2.48, 32 bit', { version: 248, pointerBytes: 4 }, '2.48'],
  ['2.60, 32 bit big-endian', { version: 260, pointerBytes: 4, bigEndian: true }, '2.60'],
  ['2.79, 64 bit big-endian', { version: 279, bigEndian: true }, '2.79'],
  ['3.4', { version: 304 }, '3.4'],
  ['4.3', { version: 403 }, '4.3'],
  ['5.0, wide heads', { version: 500 }, '5.0'],
];
const CONTAINERS: readonly Container[] = [
  'plain',
  'gzip',
  'zstd frames',
  'zstd frame',
  'zstd by hand',
];

describe.each(LAYOUTS)('a scene of Blender %s', (name, layout, version) => {
  test.each(CONTAINERS)('stored as %s is read whole', async (container) => {
    const blend = blendWithScene(layout);
    // Larger than a frame and a window, so that reading has to skip.
    blend.addBytes('DATA', Buffer.alloc(300_000, 7));
    addImage(blend, '//tex\\wood.png');
    addImage(blend, '//tex/gone.png');
    const scene = stage.write(`${name} ${container}.blend`, blend.bytes(container));
    const closure = await reader.read(scene);
    expect(closure).toEqual({
      scene,
      format: 'blend',
      dcc: { name: 'Blender', version },
      frames: { first: 1001, last: 1048, step: 2, fps: 25 },
      engine: 'CYCLES',
      cameras: ['shotCam'],
      outputs: [{ dir: stage.path('render'), pattern: 'shot_####.png', raw: '//render/shot_' }],
      files: [
        { path: scene, kind: 'scene', exists: true, size: expect.any(Number), via: null },
        { path: stage.path('tex/wood.png'), kind: 'image', exists: true, size: 12, via: scene },
        { path: stage.path('tex/gone.png'), kind: 'image', exists: false, size: 0, via: scene },
      ],
      missing: [
        { path: stage.path('tex/gone.png'), raw: '//tex/gone.png', kind: 'image', via: scene },
      ],
      warnings: [],
    });
  });
});

test('a scene is known by its content, whatever its name', async () => {
  const scene = stage.write('renamed.bak', blendWithScene().bytes());
  await expect(reader.read(scene)).resolves.toMatchObject({ format: 'blend' });
});

test.each([
  ['shot.blend', true],
  ['SHOT.BLEND', true],
  ['shot.blend1', false],
  ['shot.blend@', false],
  ['shot.png', false],
])('%s may be a scene: %s', (name, expected) => {
  expect(reader.isScene(name)).toBe(expected);
});
