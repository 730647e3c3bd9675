// A worker runs tasks for real, reads only what has arrived in its region, and leaves no process behind.

import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode } from 'fast-png';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeJob } from '../../main/sandbox/farm/jobs.ts';
import { mapPath } from '../../main/sandbox/farm/path-mapping.ts';
import type { WorkerPlace } from '../../main/sandbox/farm/plugin-run.ts';
import { runTask, type TaskResult } from '../../main/sandbox/farm/worker.ts';
import { testWithBlender } from './blender.ts';
import { FARM_ROOT } from './farm-subject.ts';
import { isAlive } from './processes.ts';

const SAMPLE = join(import.meta.dirname, '../../resources/sample');
const PREVIEW = join(import.meta.dirname, '../../main/sandbox/preview-render.ts');

let dir: string;
let place: WorkerPlace;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'waybill-worker-'));
  place = {
    name: 'ip-10-16-0-1',
    root: join(dir, 'oregon'),
    farmRoot: FARM_ROOT,
    renderers: { blender: null, preview: { executable: process.execPath, script: PREVIEW } },
    scratchDir: join(dir, 'scratch'),
    auxDir: join(dir, 'aux'),
    exists: () => true,
    region: 'us-west-2',
    pathRules: [],
    sendTimes: async () => null,
  };
  await mkdir(join(place.root, 'shots'), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function start(
  info: Record<string, unknown>,
  plugin: Record<string, unknown>,
): ReturnType<typeof runTask> {
  const { job, tasks } = makeJob({
    info: { Plugin: 'CommandLine', Frames: '7', ...info },
    plugin,
    service: { user: 'deadline', machine: 'farm' },
  });
  const [task] = tasks;
  if (!task) throw new Error('the job has no task');
  return runTask(place, job, task);
}

const command = (Executable: string, Arguments: string): Promise<TaskResult> =>
  start({}, { Executable, Arguments }).done;

describe('the CommandLine plugin', () => {
  test('runs the command with frames filled in and farm paths mapped, in the region', async () => {
    await writeFile(join(place.root, 'shots/in put.txt'), 'payload');
    const result = await command(
      '/bin/cp',
      '<QUOTE>/mnt/hs/shots/in put.txt<QUOTE> /mnt/hs/shots/out.<STARTFRAME%4>.<ENDFRAME>.txt',
    );
    expect(result.kind).toBe('completed');
    expect(await readFile(join(place.root, 'shots/out.0007.7.txt'), 'utf8')).toBe('payload');
  });

  test('makes the output folder of the job before it starts', async () => {
    await start(
      { OutputDirectory0: '/mnt/hs/shots/new/out' },
      { Executable: '/usr/bin/touch', Arguments: '/mnt/hs/shots/new/out/frame' },
    ).done;
    expect(await readdir(join(place.root, 'shots/new/out'))).toEqual(['frame']);
  });

  test('a command per frame where only single frames are wanted', async () => {
    await start(
      { Frames: '3-5', ChunkSize: 3 },
      {
        Executable: '/usr/bin/touch',
        Arguments: '/mnt/hs/shots/f<STARTFRAME>',
        SingleFramesOnly: 'true',
      },
    ).done;
    expect(await readdir(join(place.root, 'shots'))).toEqual(['f3', 'f4', 'f5']);
  });

  test('payload that has not arrived fails the task, and the report speaks of farm paths', async () => {
    const result = await command('/bin/cat', '/mnt/hs/shots/late.png');
    expect(result).toMatchObject({ kind: 'error' });
    expect(result.kind === 'error' && result.title).toMatch(
      /^Error: .*\/mnt\/hs\/shots\/late\.png.*No such file/,
    );
    expect(result.log).not.toContain(dir);
  });

  test.each([
    ["an artist's own path", '/home/mika/scene.blend'],
    ['a path out of the mount', '/mnt/hs/../../home/mika/scene.blend'],
    ['a drive letter', 'C:\\work\\scene.blend'],
    ['a server path', '\\\\server\\work\\scene.blend'],
  ])('%s is on another machine', async (_what, path) => {
    const result = await command('/bin/cat', `<QUOTE>${path}<QUOTE>`);
    expect(result).toMatchObject({
      kind: 'error',
      title: `Error: "${path}" does not exist on ${place.name}.`,
    });
  });

  test('an output folder outside the mount fails before anything runs', async () => {
    const result = await start(
      { OutputDirectory0: '/home/mika/out' },
      { Executable: '/usr/bin/touch', Arguments: '/mnt/hs/shots/ran' },
    ).done;
    expect(result).toMatchObject({ kind: 'error' });
    expect(await readdir(join(place.root, 'shots'))).toEqual([]);
  });

  test.each([
    ['a plugin nobody has', { Plugin: 'Nuke' }, {}, /plugin Nuke is not installed/],
    ['no such command', {}, { Executable: '/usr/bin/nothing', Arguments: '' }, /ENOENT/],
    ['a failing command', {}, { Executable: '/bin/false', Arguments: '' }, /exited with code 1/],
  ])('%s is an error report', async (_what, info, plugin, words) => {
    const result = await start(info, plugin).done;
    expect(result.kind === 'error' && result.title).toMatch(words);
  });

  test('a task that is killed ends with everything it started', async () => {
    const task = start(
      {},
      { Executable: '/bin/sh', Arguments: '-c "sleep 61 & echo $! > pid; wait"' },
    );
    const pid = await pidIn(join(place.root, 'pid'));
    task.kill();
    expect((await task.done).kind).toBe('error');
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  test('a task over its time is ended and says so', async () => {
    const result = await start(
      { TaskTimeoutSeconds: 1 },
      { Executable: '/bin/sleep', Arguments: '61' },
    ).done;
    expect(result).toMatchObject({ kind: 'error', title: 'Error: The task took over 1 s.' });
  });

  test('the environment of this machine is not handed on', async () => {
    process.env['WAYBILL_TEST_SECRET'] = 'hidden';
    const result = await command('/usr/bin/env', '');
    delete process.env['WAYBILL_TEST_SECRET'];
    expect(result.log).toContain(`HOME=${place.scratchDir}`);
    expect(result.log).not.toContain('hidden');
  });

  test('the preview renderer draws a frame from what is in the region', async () => {
    await cp(SAMPLE, join(place.root, 'shots/demo'), { recursive: true });
    const result = await start(
      { OutputDirectory0: '/mnt/hs/shots/demo/renders' },
      {
        Executable: process.execPath,
        Arguments: `<QUOTE>${PREVIEW}<QUOTE> --scene /mnt/hs/shots/demo/shots/sh010/sh010_lighting.blend --input /mnt/hs/shots/demo/assets/props/textures/parcel/label.png --output /mnt/hs/shots/demo/renders/a.####.png --frame <STARTFRAME>`,
      },
    ).done;
    expect(result.kind).toBe('completed');
    expect(await readdir(join(place.root, 'shots/demo/renders'))).toEqual(['a.0007.png']);
  });
});

describe('path mapping', () => {
  test.each([
    ['/mnt/hs/shots/a.png', '/shots/a.png'],
    ['/mnt/hs', ''],
    ['\\mnt\\hs\\shots\\a.png', '/shots/a.png'],
    ['/mnt/hs/shots/../shots/a.png', '/shots/a.png'],
  ])('%s lies in the region', (path, below) => {
    expect(mapPath({ root: '/region', farmRoot: FARM_ROOT }, path)).toBe(`/region${below}`);
  });

  test.each(['/mnt/hsx/a', '/mnt/hs/../a', 'shots/a', '', '/'])('"%s" does not', (path) => {
    expect(mapPath({ root: '/region', farmRoot: FARM_ROOT }, path)).toBeNull();
  });
});

describe('the Blender plugin', () => {
  const PROJECT = '/mnt/hs/shots/demo';
  const SCENE = `${PROJECT}/shots/sh010/sh010_lighting.blend`;
  const LABEL = 'assets/props/textures/parcel/label.png';
  const here = (path: string): string => join(place.root, 'shots/demo', path);

  async function render(blender: string, scene = SCENE): Promise<TaskResult> {
    place = { ...place, renderers: { ...place.renderers, blender } };
    return start(
      { Plugin: 'Blender', Frames: '2', OutputDirectory0: `${PROJECT}/renders` },
      { SceneFile: scene, OutputFile: `${PROJECT}/renders/a.####.png` },
    ).done;
  }

  testWithBlender('renders the frame, and its pixels follow a texture', async (blender) => {
    await cp(SAMPLE, here('.'), { recursive: true });
    expect((await render(blender)).kind).toBe('completed');
    expect(await readdir(here('renders'))).toEqual(['a.0002.png']);
    const before = decode(await readFile(here('renders/a.0002.png')));
    expect([before.width, before.height]).toEqual([320, 180]);
    const label = decode(await readFile(here(LABEL)));
    await writeFile(here(LABEL), encode({ ...label, data: label.data.map((byte) => 255 - byte) }));
    expect((await render(blender)).kind).toBe('completed');
    const after = decode(await readFile(here('renders/a.0002.png')));
    const changed = before.data.filter((byte, at) => Math.abs(byte - (after.data[at] ?? 0)) > 40);
    expect(changed.length).toBeGreaterThan(300);
  });

  testWithBlender('refuses a scene of which one texture has not arrived', async (blender) => {
    await cp(SAMPLE, here('.'), { recursive: true });
    await rm(here('assets/props/textures/vase/glaze.1012.png'));
    const result = await render(blender);
    expect(result).toMatchObject({
      kind: 'error',
      title: `Error: "${PROJECT}/assets/props/textures/vase/glaze.1012.png" has not arrived on ${place.name}.`,
    });
    expect(await readdir(here('renders'))).toEqual([]);
  });

  testWithBlender('renders without a texture that nobody has', async (blender) => {
    place = { ...place, exists: (path) => !path.endsWith('planks_rough.png') };
    await cp(SAMPLE, here('.'), { recursive: true });
    await rm(here('assets/set/textures/planks_rough.png'));
    expect((await render(blender)).kind).toBe('completed');
  });

  testWithBlender('says so when the scene is not there or not a scene', async (blender) => {
    const absent = await render(blender);
    expect(absent.kind === 'error' && absent.title).toMatch(/scene file .* has not arrived/);
    await mkdir(here('.'), { recursive: true });
    await writeFile(here('bad.blend'), 'nothing');
    const bad = await render(blender, `${PROJECT}/bad.blend`);
    expect(bad.kind === 'error' && bad.title).toMatch(
      /Blender exited with code 1: .*not supported/,
    );
  });
});

async function pidIn(path: string): Promise<number> {
  for (;;) {
    const pid = Number(await readFile(path, 'utf8').catch(() => ''));
    if (pid > 0) return pid;
    await sleep(20);
  }
}
