// The reader as the engine holds it: limits, cancelling, a worker that dies, a file that is being written.

import { appendFileSync, closeSync, fstatSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import type { LocalPath } from '../../main/engine/core/names.ts';
import { openSource } from '../../main/scenes/blend/source.ts';
import { summarizeBlend } from '../../main/scenes/blend/summary.ts';
import { createSceneReader } from '../../main/scenes/reader.ts';
import type { Container } from './blend-writer.ts';
import { addImage, blendWithScene, createStage } from './stage.ts';

const stage = createStage();
afterAll(() => stage[Symbol.dispose]());

/** Fifteen million blocks, each of which has to be looked at: no machine reads that in two seconds. */
function slowScene(): LocalPath {
  const blend = blendWithScene();
  blend.addBytes('DATA', Buffer.alloc(0));
  const bytes = blend.bytes();
  const at = bytes.indexOf('DATA\0\0\0\0', 0, 'latin1');
  const many = gzipSync(Buffer.alloc(24 * 100_000, bytes.subarray(at, at + 24)));
  const members = Array.from({ length: 150 }, () => many);
  const whole = [gzipSync(bytes.subarray(0, at)), ...members, gzipSync(bytes.subarray(at))];
  return stage.write('slow.blend', Buffer.concat(whole));
}

const slow = slowScene();
const good = stage.write('good.blend', blendWithScene().bytes());

test('a scene that takes too long is given up with a sentence, and the next one is read', async () => {
  await using reader = createSceneReader({ timeLimitMs: 2_000 });
  await expect(reader.read(slow)).rejects.toMatchObject({
    code: 'file-unreadable',
    message: expect.stringContaining('within 2 s'),
  });
  await expect(reader.read(good)).resolves.toMatchObject({ engine: 'CYCLES' });
});

describe('a signal', () => {
  test('stops the scene being read with its own reason, and the next one is read', async () => {
    await using reader = createSceneReader({});
    const stop = new AbortController();
    const reading = reader.read(slow, { signal: stop.signal });
    const next = reader.read(good);
    setTimeout(() => stop.abort(), 100);
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    await expect(next).resolves.toMatchObject({ scene: good });
  });

  test('takes a waiting scene out of the queue without disturbing the others', async () => {
    await using reader = createSceneReader({});
    const stop = new AbortController();
    const first = reader.read(good);
    const second = reader.read(good, { signal: stop.signal });
    const third = reader.read(good);
    stop.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    await expect(Promise.all([first, third])).resolves.toHaveLength(2);
  });

  test('given before the call stops it at once', async () => {
    await using reader = createSceneReader({});
    await expect(reader.read(good, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

test('a scene that wants more memory than allowed ends its worker, not the process', async () => {
  await using reader = createSceneReader({ memoryLimitMb: 24 });
  const blend = blendWithScene();
  for (let index = 0; index < 40_000; index += 1) addImage(blend, `//tex/a ${index}.png`);
  const large = stage.write('large.blend', blend.bytes());
  await expect(reader.read(large)).rejects.toMatchObject({
    code: 'file-unreadable',
    message: expect.stringMatching(/24 MB|ended unexpectedly/),
  });
  await expect(reader.read(good)).resolves.toMatchObject({ scene: good });
});

test('many scenes are read in turn', async () => {
  await using reader = createSceneReader({});
  const closures = await Promise.all(Array.from({ length: 20 }, () => reader.read(good)));
  expect(closures.every((closure) => closure.engine === 'CYCLES')).toBe(true);
});

test('a closed reader reads nothing more', async () => {
  const reader = createSceneReader({});
  const reading = reader.read(slow);
  const ended = expect(reading).rejects.toMatchObject({ code: 'cancelled' });
  await reader[Symbol.asyncDispose]();
  await ended;
  await expect(reader.read(good)).rejects.toMatchObject({ code: 'cancelled' });
});

describe('a file that is being written', () => {
  const bytes = (() => {
    const blend = blendWithScene();
    blend.addBytes('DATA', Buffer.alloc(200_000));
    addImage(blend, '//late.png');
    return blend.bytes();
  })();

  test('is read once it is whole', async () => {
    await using reader = createSceneReader({});
    const path = stage.write('growing.blend', bytes.subarray(0, 50_000));
    const reading = reader.read(path);
    await delay(100);
    appendFileSync(path, bytes.subarray(50_000, 100_000));
    await delay(150);
    appendFileSync(path, bytes.subarray(100_000));
    const closure = await reading;
    expect(closure.missing.map(({ raw }) => raw)).toEqual(['//late.png']);
  });

  test('and put in place by a rename is read as it then is', async () => {
    await using reader = createSceneReader({});
    const path = stage.write('renamed.blend', 'BLENDER-v304 of an old, broken file');
    const reading = reader.read(path);
    await delay(100);
    writeFileSync(stage.path('renamed.blend@'), bytes);
    renameSync(stage.path('renamed.blend@'), path);
    await expect(reading).resolves.toMatchObject({ scene: path });
  });

  test('and saved again later gives a new answer', async () => {
    await using reader = createSceneReader({});
    const path = stage.write('again.blend', blendWithScene().bytes());
    expect((await reader.read(path)).missing).toEqual([]);
    writeFileSync(path, bytes);
    expect((await reader.read(path)).missing).toHaveLength(1);
  });
});

test.each<Container>(['zstd frames', 'zstd frame', 'zstd by hand'])(
  'a Node without zstd reads %s all the same',
  async (container) => {
    const blend = blendWithScene();
    blend.addBytes('DATA', Buffer.alloc(300_000, 5));
    addImage(blend, '//a.png');
    const path = stage.write('script.blend', blend.bytes(container));
    const file = openSync(path, 'r');
    try {
      const source = openSource(file, fstatSync(file).size, 'script');
      const summary = await summarizeBlend(source, 'scene');
      expect(summary.blocks.flatMap(({ references }) => references)).toHaveLength(1);
    } finally {
      closeSync(file);
    }
  },
);
