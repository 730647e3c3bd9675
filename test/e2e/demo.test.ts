// README's first command: the main job on the sample project, in order, with every byte accounted for.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { decode, encode } from 'fast-png';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import { runDemo, type DemoRun } from './studio-run.ts';

const STEPS = [
  'watched',
  'mirrored',
  'closure',
  'tagged',
  'submitted',
  'held',
  'arriving',
  'ready',
  'released',
  'rendering',
  'frames-home',
  'notified',
] as const;
const SAMPLE = join(import.meta.dirname, '../../resources/sample');
const SCENE = 'shots/sh010/sh010_lighting.blend';
const hasBlender = (process.env['PATH'] ?? '')
  .split(delimiter)
  .some((dir) => existsSync(join(dir, 'blender')));

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'waybill-demo-test-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** First mention of each step, in the order they came. */
function orderOf(run: DemoRun): string[] {
  const known = run.events
    .map((event) => event.event)
    .filter((name) => (STEPS as readonly string[]).includes(name));
  return [...new Set(known)];
}

function framesOf(run: DemoRun): Buffer[] {
  const { dir = '', names = [] } = run.summary?.frames ?? {};
  return names.map((name) => readFileSync(join(dir, name)));
}

async function changedSample(): Promise<string> {
  const dir = join(root, 'changed');
  await cp(SAMPLE, dir, { recursive: true });
  const path = join(dir, TEXTURE);
  const image = decode(await readFile(path));
  await writeFile(
    path,
    encode({
      ...image,
      data: image.data.map((value, at) => (at % image.channels === 3 ? value : 255 - value)),
    }),
  );
  return join(dir, SCENE);
}

const TEXTURE = 'assets/set/textures/planks_color.png';

function requireBlender(context: TestContext): void {
  if (hasBlender) return;
  if (process.env['WAYBILL_REQUIRE_ALL'] === '1')
    throw new Error('Blender is not installed: apt-get install blender');
  context.skip('Blender is not installed: apt-get install blender');
}

test('the demo without Blender tells every step in order, proves the bytes, and ends with 0', async () => {
  const run = await runDemo({ args: ['--dir', join(root, 'plain'), '--no-blender'] });
  expect(run.complaints).toBe('');
  expect(run.code).toBe(0);
  expect(orderOf(run)).toEqual(STEPS);
  expect(run.events.filter((event) => event.event === 'arriving').length).toBeGreaterThanOrEqual(3);
  expect(run.events.some((event) => event.event === 'changed')).toBe(true);
  expect(run.events.some((event) => event.event === 'collision')).toBe(true);
  expect(run.summary?.checks.filter((check) => !check.holds)).toEqual([]);
  expect(run.events.every((event) => event.event === 'summary' || (event.proof ?? '') !== '')).toBe(
    true,
  );
  expect(run.summary?.frames.names).toHaveLength(6);
});

test('with Blender the frames are its renders, and another texture gives other pixels', async (context) => {
  requireBlender(context);
  const plain = await runDemo({ args: ['--dir', join(root, 'blender')] });
  const changed = await runDemo({
    args: ['--dir', join(root, 'blender-changed'), '--scene', await changedSample()],
  });
  expect([plain.code, changed.code]).toEqual([0, 0]);
  const [before = [], after = []] = [plain, changed].map((run) =>
    framesOf(run).map((frame) => decode(frame)),
  );
  expect(before).toHaveLength(6);
  expect(after).toHaveLength(6);
  // Blender's Cycles leaves its statistics in the PNG's text.
  expect(framesOf(plain).every((frame) => frame.includes('cycles.ViewLayer.render_time'))).toBe(
    true,
  );
  for (const [at, frame] of before.entries()) {
    const other = after[at];
    expect([frame.width, frame.height]).toEqual([other?.width, other?.height]);
    const differing = frame.data.filter((value, index) => value !== other?.data[index]).length;
    expect(differing / frame.data.length).toBeGreaterThan(0.02);
  }
});

test('a region that is not there, a scene that is none and a folder in use each end in one sentence', async () => {
  const noScene = join(root, 'no.blend');
  await writeFile(noScene, 'this is no scene');
  const runs = [
    {
      args: ['--dir', join(root, 'mars'), '--no-blender', '--region', 'mars'],
      sentence: /no region "mars"/,
    },
    { args: ['--dir', join(root, 'none'), '--scene', noScene], sentence: /no\.blend/ },
    { args: ['--dir', SAMPLE], sentence: /is not empty/ },
  ];
  for (const { args, sentence } of runs) {
    const run = await runDemo({ args });
    expect(run.code, String(sentence)).not.toBe(0);
    expect(run.complaints.trim().split('\n')).toHaveLength(1);
    expect(run.complaints).toMatch(sentence);
  }
});
