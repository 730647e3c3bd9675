// Broken and hostile files: one sentence, soon, whatever is in them; never a hang, a crash or gigabytes.

import { execFileSync } from 'node:child_process';
import { chmodSync, truncateSync } from 'node:fs';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentError } from '../../main/engine/base/errors.ts';
import type { LocalPath } from '../../main/engine/core/names.ts';
import { createSceneLibrary } from '../../main/scenes/read-scene.ts';
import { createSceneReader } from '../../main/scenes/reader.ts';
import { contained, createBlend, type BlendLayout } from './blend-writer.ts';
import { addImage, addLibrary, blendWithScene, createStage } from './stage.ts';

const stage = createStage();
const reader = createSceneReader({});
// The thread is up before times are taken; the limit is for the file.
beforeAll(() => reader.read(stage.write('whole.blend', whole())));
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  stage[Symbol.dispose]();
});

const LIMIT_MS = 1_000;

async function refusal(path: LocalPath): Promise<{ code: string; message: string; ms: number }> {
  const start = performance.now();
  try {
    await reader.read(path);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { code: error.code, message: error.message, ms: performance.now() - start };
  }
  throw new Error('it was read');
}

function whole(layout: BlendLayout = { version: 304 }): Buffer {
  const blend = blendWithScene(layout);
  addImage(blend, '//tex/a.<UDIM>.png', { source: 6 });
  blend.add('DATA', 'ImageTile', { tile_number: 1001 });
  addLibrary(blend, '//lib.blend', ['OBhero']);
  blend.add('OB', 'Object', { 'id.name': 'OBsim' });
  blend.add('DATA', 'PointCache', { flag: 65 });
  return blend.bytes();
}

/** The same file with a number of one block head changed; `at` is its offset in a 24-byte head. */
function withHead(code: string, change: (bytes: Buffer, head: number) => void): Buffer {
  const bytes = Buffer.from(whole());
  const head = bytes.indexOf(code, 12, 'latin1');
  change(bytes, head);
  return bytes;
}

const BROKEN: readonly (readonly [what: string, content: string | Buffer, code: string])[] = [
  ['an empty file', '', 'not-a-scene'],
  ['one byte', 'B', 'not-a-scene'],
  ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'not-a-scene'],
  ['a magic and nothing else', 'BLENDER-v304', 'not-a-scene'],
  ['a header of nonsense', 'BLENDERxx3040000000000', 'not-a-scene'],
  ['a header of a later format', `BLENDER17-02v0900${'\0'.repeat(64)}`, 'not-a-scene'],
  ['a file cut in the middle', whole().subarray(0, 5_000), 'not-a-scene'],
  ['a file without its last block', whole().subarray(0, -24), 'not-a-scene'],
  [
    'a file of zeros after its header',
    Buffer.concat([whole().subarray(0, 12), Buffer.alloc(9_999)]),
    'not-a-scene',
  ],
  [
    'a block longer than the file',
    withHead('IM\0\0', (bytes, head) => bytes.writeInt32LE(0x7fffffff, head + 4)),
    'not-a-scene',
  ],
  [
    'a block of negative length',
    withHead('IM\0\0', (bytes, head) => bytes.writeInt32LE(-5, head + 4)),
    'not-a-scene',
  ],
  [
    'a data-block shorter than its struct',
    withHead('IM\0\0', (bytes, head) => bytes.writeInt32LE(8, head + 4)),
    'not-a-scene',
  ],
  [
    'a struct table of nonsense',
    withHead('SDNA', (bytes, head) => bytes.fill(0xff, head + 8)),
    'not-a-scene',
  ],
  ['gzip that is cut', zlib.gzipSync(whole()).subarray(0, -30), 'not-a-scene'],
  ['gzip of something else', zlib.gzipSync('hello, this is no scene'), 'not-a-scene'],
  ['gzip of nothing', zlib.gzipSync(''), 'not-a-scene'],
  ['zstd that is cut', zlib.zstdCompressSync(whole()).subarray(0, -30), 'not-a-scene'],
  ['zstd of something else', zlib.zstdCompressSync(Buffer.from('hello')), 'not-a-scene'],
  ['zstd of zstd', zlib.zstdCompressSync(zlib.zstdCompressSync(whole())), 'not-a-scene'],
  ['a seek table that lies', lyingSeekTable(), 'not-a-scene'],
];

function lyingSeekTable(): Buffer {
  const bytes = Buffer.from(contained(whole(), 'zstd frames'));
  // The first entry's plain size is 4,096, and says where everything after it is.
  const footer = bytes.length - 9;
  const entries = footer - bytes.readUInt32LE(footer) * 8;
  bytes.writeUInt32LE(4_095, entries + 4);
  return bytes;
}

describe('a broken file', () => {
  test.each(BROKEN)('%s is refused with one sentence', async (what, content, code) => {
    const path = stage.write(`broken ${what}.blend`, content);
    const answer = await refusal(path);
    expect(answer.code).toBe(code);
    expect(answer.message).toContain(path);
    expect(answer.message).not.toMatch(/\n|\bat \w+ \(/);
    expect(answer.ms).toBeLessThan(LIMIT_MS);
  });

  test('that is not there, a folder, or closed to us has its own code', async () => {
    expect((await refusal(stage.path('gone.blend'))).code).toBe('file-missing');
    stage.write('folder.blend/x');
    const folder = await refusal(stage.path('folder.blend'));
    expect(folder).toMatchObject({ code: 'file-unreadable' });
    expect(folder.message).toContain('is a folder');
    const closed = stage.write('closed.blend', whole());
    chmodSync(closed, 0o000);
    if (process.getuid?.() !== 0) expect((await refusal(closed)).code).toBe('file-unreadable');
  });

  test.skipIf(process.platform === 'win32')('that is a pipe is not waited for', async () => {
    const maker = 'mkfifo';
    execFileSync(maker, [stage.path('pipe.blend')]);
    expect((await refusal(stage.path('pipe.blend'))).code).toBe('file-unreadable');
  });

  test('cut at any place is refused, or says exactly what the whole one says', async () => {
    const bytes = whole();
    const library = createSceneLibrary({ restMs: 1 });
    for (let length = 0; length < bytes.length; length += 997) {
      const path = stage.write('cut.blend', bytes.subarray(0, length));
      await expect(summaryOf(library, path)).resolves.toBe('not-a-scene');
    }
  });
});

/** The code of the refusal, or 'read'; anything but an AgentError is a bug and thrown. */
async function summaryOf(
  library: ReturnType<typeof createSceneLibrary>,
  path: LocalPath,
): Promise<string> {
  try {
    await library.read({ path, roots: [stage.dir] });
    return 'read';
  } catch (error) {
    if (error instanceof AgentError) return error.code;
    throw error;
  }
}

describe('a hostile file', () => {
  test('that claims gigabytes in a few bytes allocates nothing of the kind', async () => {
    const blend = createBlend({ version: 304 });
    const strip = blend.add('SC', 'Scene', { 'id.name': 'SCa' });
    expect(strip).toBeGreaterThan(0);
    const bytes = blend.bytes();
    // The struct table claims as many names as 32 bits can count.
    const names = bytes.indexOf('NAME', 0, 'latin1');
    bytes.writeUInt32LE(0xffffffff, names + 4);
    const before = process.memoryUsage().rss;
    expect((await refusal(stage.write('names.blend', bytes))).code).toBe('not-a-scene');
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  test('of one kilobyte that unpacks to half a gigabyte is passed over in little memory', async () => {
    const blend = blendWithScene();
    const start = blend.bytes();
    // A DATA block of 256 MB of zeros, twice, in the place of the struct table.
    const head = Buffer.alloc(24);
    head.write('DATA', 0, 'latin1');
    head.writeInt32LE(256 * 1024 * 1024, 4);
    const zeros = zlib.gzipSync(Buffer.alloc(256 * 1024 * 1024));
    const body = start.subarray(0, start.lastIndexOf('DNA1', undefined, 'latin1'));
    const members = [zlib.gzipSync(body)];
    for (let index = 0; index < 2; index += 1) members.push(zlib.gzipSync(head), zeros);
    const path = stage.write('bomb.blend', Buffer.concat(members));
    const before = process.memoryUsage().rss;
    const answer = await refusal(path);
    expect(answer.code).toBe('not-a-scene');
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
  });

  test('whose structs contain themselves ends', async () => {
    const bytes = Buffer.from(whole());
    // Every type of every field becomes the type of the struct that holds it.
    const table = bytes.lastIndexOf('STRC', undefined, 'latin1');
    for (let at = table + 12; at + 4 < bytes.length - 24; at += 4) bytes.writeUInt16LE(20, at);
    const answer = await refusal(stage.write('selves.blend', bytes));
    expect(answer.ms).toBeLessThan(LIMIT_MS);
  });

  test.each<[string, BlendLayout]>([
    ['3.4', { version: 304 }],
    ['2.79 big-endian, 32 bit', { version: 279, pointerBytes: 4, bigEndian: true }],
    ['5.0', { version: 500 }],
  ])('made from one of %s by changing bytes is read or refused, soon', async (_, layout) => {
    const library = createSceneLibrary({ restMs: 1 });
    const original = whole(layout);
    const change = fc.record({ at: fc.nat(original.length - 1), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
        const bytes = Buffer.from(original);
        for (const { at, value } of changes) bytes[at] = value;
        const path = stage.write('fuzzed.blend', bytes);
        const start = performance.now();
        await summaryOf(library, path);
        expect(performance.now() - start).toBeLessThan(LIMIT_MS);
      }),
      { numRuns: 60 },
    );
  });

  test('whose struct table is changed is read or refused, soon', async () => {
    const library = createSceneLibrary({ restMs: 1 });
    const original = whole();
    const table = original.lastIndexOf('SDNA', undefined, 'latin1');
    const change = fc.record({
      at: fc.integer({ min: table, max: original.length - 25 }),
      value: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const bytes = Buffer.from(original);
        for (const { at, value } of changes) bytes[at] = value;
        const start = performance.now();
        await summaryOf(library, stage.write('fuzzed.blend', bytes));
        expect(performance.now() - start).toBeLessThan(LIMIT_MS);
      }),
      { numRuns: 60 },
    );
  });

  test.each(['gzip', 'zstd frames', 'zstd frame'] as const)(
    'in %s with changed bytes is read or refused',
    async (container) => {
      const library = createSceneLibrary({ restMs: 1 });
      const original = contained(whole(), container);
      await fc.assert(
        fc.asyncProperty(fc.nat(original.length - 1), fc.nat(255), async (at, value) => {
          const bytes = Buffer.from(original);
          bytes[at] = value;
          await summaryOf(library, stage.write('fuzzed.blend', bytes));
        }),
        { numRuns: 40 },
      );
    },
  );
});

test('a file that shrinks while it is read is refused, not half believed', async () => {
  const library = createSceneLibrary({ restMs: 1 });
  const path = stage.write('shrinks.blend', whole());
  truncateSync(path, 4_000);
  await expect(summaryOf(library, path)).resolves.toBe('not-a-scene');
});
