// The preview renderer reads what it is given for real: its pixels follow every input, and nothing else.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode, type ImageData } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../main/sandbox/preview-render.ts');
let dir: string;
const at = (name: string): string => join(dir, name);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'waybill-preview-'));
  writeFileSync(at('scene.blend'), 'a scene');
  writeFileSync(at('cache.abc'), 'a cache');
  writePng('rgb.png', { width: 300, height: 200, data: noise(300 * 200 * 3), channels: 3 });
  writePng('grey.png', { width: 64, height: 64, data: noise(64 * 64), channels: 1 });
  writePng('deep.png', {
    width: 40,
    height: 40,
    data: Uint16Array.from(noise(40 * 40 * 4), (byte) => byte * 257),
    channels: 4,
    depth: 16,
  });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function writePng(name: string, image: ImageData): void {
  writeFileSync(at(name), encode(image));
}

function noise(length: number): Uint8Array {
  let state = 7;
  return Uint8Array.from(
    { length },
    () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16,
  );
}

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

function run(args: readonly string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
    encoding: 'utf8',
  });
  return { code: status, out: stdout, error: stderr };
}

function render(frame: number, inputs: readonly string[] = INPUTS): Buffer {
  const args = inputs.flatMap((name) => ['--input', at(name)]);
  const output = ['--output', at('out/f.####.png'), '--frame', String(frame)];
  const { code, error } = run(['--scene', at('scene.blend'), ...args, ...output]);
  if (code !== 0) throw new Error(error);
  return readFileSync(at(`out/f.${String(frame).padStart(4, '0')}.png`));
}

const INPUTS = ['rgb.png', 'grey.png', 'deep.png', 'cache.abc'];

describe('a frame', () => {
  test('is a whole picture under its own name, and nothing lies beside it', () => {
    const image = decode(render(12));
    expect(image).toMatchObject({ width: 480, height: 270, channels: 3, depth: 8 });
    expect(new Set(image.data).size).toBeGreaterThan(50);
    expect(readdirSync(at('out'))).toEqual(['f.0012.png']);
  });

  test('is the same again from the same inputs', () => {
    expect(render(3).equals(render(3))).toBe(true);
  });

  test('shows its number', () => {
    expect(render(3).equals(render(4))).toBe(false);
  });

  test.each(['rgb.png', 'grey.png', 'deep.png'])('changes with one corner of %s', (name) => {
    const before = decode(render(5));
    const original = readFileSync(at(name));
    const image = decode(original);
    const top = image.depth === 16 ? 65_535 : 255;
    for (let x = 0; x < 16 * image.channels; x += 1)
      for (let y = 0; y < 16; y += 1) {
        const index = y * image.width * image.channels + x;
        image.data[index] = top - (image.data[index] ?? 0);
      }
    writeFileSync(at(name), encode(image));
    const after = decode(render(5));
    writeFileSync(at(name), original);
    expect(after.data).not.toEqual(before.data);
    // Only the tile of that one picture is touched.
    const touched = before.data.filter((byte, index) => byte !== after.data[index]).length;
    expect(touched).toBeLessThan(before.data.length / 8);
  });

  test.each(['cache.abc', 'scene.blend'])('changes with one byte of %s', (name) => {
    const before = render(6);
    const original = readFileSync(at(name));
    writeFileSync(at(name), Buffer.concat([original, Buffer.from([1])]));
    const after = render(6);
    writeFileSync(at(name), original);
    expect(after.equals(before)).toBe(false);
  });

  test('is drawn also of a picture that cannot be decoded, and says so', () => {
    writeFileSync(at('torn.png'), readFileSync(at('rgb.png')).subarray(0, 5_000));
    const named = ['--scene', at('scene.blend'), '--input', at('torn.png')];
    const { code, out } = run(named.concat('--output', at('torn/f.####.png'), '--frame', '1'));
    expect(code).toBe(0);
    expect(out).toMatch(/torn\.png is drawn by its bytes/);
  });

  test.each([0, 1, 200])('can have %i inputs', (count) => {
    expect(decode(render(1, Array<string>(count).fill('grey.png'))).width).toBe(480);
  });
});

describe('a refusal is one sentence', () => {
  test.each([
    ['an input that is not there', ['--scene', 'S', '--input', 'nope.png'], /nope\.png.*not there/],
    ['a scene that is not there', ['--scene', 'nope.blend'], /nope\.blend.*not there/],
    ['an input that is a folder', ['--scene', 'S', '--input', '.'], /EISDIR/],
    ['no scene', [], /^Usage: /],
    ['an unknown option', ['--colour'], /--colour/],
  ])('%s', (_what, args, words) => {
    const filled = args.map((arg) => (arg === 'S' ? at('scene.blend') : arg));
    const end = ['--output', at('refused/f.####.png'), '--frame', '1'];
    const { code, error } = run([...filled, ...end]);
    expect(code).toBe(1);
    expect(error).toMatch(words);
    expect(error.trim().split('\n')).toHaveLength(1);
  });
});
