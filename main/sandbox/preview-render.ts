// The renderer for machines without Blender: reads a scene and all its inputs, and draws a contact sheet of them.
// Run by the CommandLine plugin as: preview-render --scene PATH [--input PATH]... --output PATH.####.png --frame N

import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { convertIndexedToRgb, decode, encode, hasPngSignature, type DecodedPng } from 'fast-png';

const WIDTH = 480;
const HEIGHT = 270;
const BAND = 26;
const GAP = 4;
const BACKGROUND: Colour = [38, 38, 38];
const PAPER: Colour = [52, 52, 52];
const INK: Colour = [214, 214, 214];
/** A larger picture is drawn by its bytes: a preview must not need a render machine's memory. */
const MAX_DECODED_PIXELS = 40_000_000;

type Colour = readonly [number, number, number];

/** What can be seen of one file. */
type Look =
  | { readonly kind: 'picture'; readonly picture: Picture }
  | { readonly kind: 'bytes'; readonly digest: Buffer };

interface Picture {
  readonly width: number;
  readonly height: number;
  /** 0 to 255. */
  sample(x: number, y: number, channel: number): number;
}

interface Sheet {
  readonly data: Uint8Array;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      scene: { type: 'string' },
      input: { type: 'string', multiple: true },
      output: { type: 'string' },
      frame: { type: 'string' },
    },
  });
  const { scene, output, frame } = values;
  if (scene === undefined || output === undefined || !/^-?\d{1,9}$/.test(frame ?? ''))
    throw new Error(
      'Usage: preview-render --scene PATH [--input PATH]... --output PATH.####.png --frame N',
    );
  const number = Number(frame);
  const sceneDigest = await digestOf(scene);
  const looks: Look[] = [];
  for (const path of values.input ?? []) looks.push(await lookAt(path));
  const sheet = newSheet();
  drawTiles(sheet, looks);
  drawBand(sheet, sceneDigest, number);
  const path = framePath(output, number);
  await writeWhole(path, encode({ width: WIDTH, height: HEIGHT, data: sheet.data, channels: 3 }));
  process.stdout.write(`Saved: ${path} from ${looks.length + 1} files\n`);
}

async function lookAt(path: string): Promise<Look> {
  if (!/\.png$/i.test(path)) return { kind: 'bytes', digest: await digestOf(path) };
  const bytes = await readFile(path).catch((error: unknown) => unreadable(path, error));
  const picture = pictureOf(path, bytes);
  if (picture) return { kind: 'picture', picture };
  return { kind: 'bytes', digest: createHash('sha256').update(bytes).digest() };
}

function pictureOf(path: string, bytes: Buffer): Picture | null {
  // Width and height stand at the head of the first chunk, before anything is unpacked.
  const isSmall =
    bytes.length > 24 &&
    hasPngSignature(bytes) &&
    bytes.readUInt32BE(16) * bytes.readUInt32BE(20) <= MAX_DECODED_PIXELS;
  if (!isSmall) return null;
  try {
    return pixelsOf(decode(bytes));
  } catch (error) {
    // Whatever its format, the file was read whole; how it looks is a detail of a preview.
    process.stdout.write(`${basename(path)} is drawn by its bytes (${reasonOf(error)})\n`);
    return null;
  }
}

function pixelsOf(png: DecodedPng): Picture {
  const { width, height, depth } = png;
  const isIndexed = png.palette !== undefined;
  const data = isIndexed ? convertIndexedToRgb(png) : png.data;
  const channels = isIndexed ? data.length / (width * height) : png.channels;
  const own = (channel: number): number => (channels < 3 ? 0 : channel);
  if (depth < 8 && !isIndexed) {
    const rowBytes = Math.ceil((width * depth * channels) / 8);
    const top = (1 << depth) - 1;
    const sample = (x: number, y: number): number => {
      const bit = x * depth * channels;
      const byte = data[y * rowBytes + (bit >> 3)] ?? 0;
      return (((byte >> (8 - depth - (bit & 7))) & top) * 255) / top;
    };
    return { width, height, sample };
  }
  const scale = depth === 16 ? 1 / 257 : 1;
  return {
    width,
    height,
    sample: (x, y, channel) => (data[(y * width + x) * channels + own(channel)] ?? 0) * scale,
  };
}

function newSheet(): Sheet {
  const sheet = { data: new Uint8Array(WIDTH * HEIGHT * 3) };
  fill(sheet, { x: 0, y: 0, width: WIDTH, height: HEIGHT }, BACKGROUND);
  return sheet;
}

/** The number of columns that makes the tiles largest. */
function drawTiles(sheet: Sheet, looks: readonly Look[]): void {
  const space = { width: WIDTH - GAP, height: HEIGHT - BAND - GAP };
  let columns = 1;
  let size = 0;
  for (let count = 1; count <= Math.max(1, looks.length); count += 1) {
    const rows = Math.ceil(looks.length / count);
    const fits = Math.floor(Math.min(space.width / count, space.height / Math.max(1, rows)));
    if (fits <= size) continue;
    size = fits;
    columns = count;
  }
  const margin = Math.floor((space.width - columns * size) / 2);
  for (const [at, look] of looks.entries()) {
    drawLook(sheet, look, {
      x: GAP + margin + (at % columns) * size,
      y: GAP + Math.floor(at / columns) * size,
      width: Math.max(1, size - GAP),
      height: Math.max(1, size - GAP),
    });
  }
}

function drawLook(sheet: Sheet, look: Look, box: Box): void {
  if (look.kind === 'picture') drawPicture(sheet, look.picture, box);
  else drawBytes(sheet, look.digest, box);
}

/** Each pixel is the mean of what lies below it, so that a change anywhere in the picture shows. */
function drawPicture(sheet: Sheet, picture: Picture, box: Box): void {
  for (let y = 0; y < box.height; y += 1) {
    for (let x = 0; x < box.width; x += 1) {
      const area = {
        left: Math.floor((x * picture.width) / box.width),
        top: Math.floor((y * picture.height) / box.height),
        right: Math.ceil(((x + 1) * picture.width) / box.width),
        bottom: Math.ceil(((y + 1) * picture.height) / box.height),
      };
      put(sheet, box.x + x, box.y + y, meanOf(picture, area));
    }
  }
}

function meanOf(
  picture: Picture,
  area: { left: number; top: number; right: number; bottom: number },
): Colour {
  const mean = (channel: number): number => {
    let sum = 0;
    for (let y = area.top; y < area.bottom; y += 1)
      for (let x = area.left; x < area.right; x += 1) sum += picture.sample(x, y, channel);
    return Math.round(sum / Math.max(1, (area.right - area.left) * (area.bottom - area.top)));
  };
  return [mean(0), mean(1), mean(2)];
}

/** A file that is no picture: an eight by eight pattern of its digest, mirrored so that the eye can tell two apart. */
function drawBytes(sheet: Sheet, digest: Buffer, box: Box): void {
  fill(sheet, box, PAPER);
  const tint: Colour = [
    110 + ((digest[0] ?? 0) % 100),
    110 + ((digest[1] ?? 0) % 100),
    110 + ((digest[2] ?? 0) % 100),
  ];
  for (let row = 0; row < 8; row += 1) {
    for (let column = 0; column < 4; column += 1) {
      const byte = digest[row * 4 + column] ?? 0;
      if (byte < 112) continue;
      const shade = byte / 255;
      const colour: Colour = [tint[0] * shade, tint[1] * shade, tint[2] * shade];
      for (const place of [column, 7 - column]) fill(sheet, cellOf(box, place, row), colour);
    }
  }
}

function cellOf(box: Box, column: number, row: number): Box {
  const left = Math.floor((box.width * column) / 8);
  const top = Math.floor((box.height * row) / 8);
  return {
    x: box.x + left,
    y: box.y + top,
    width: Math.floor((box.width * (column + 1)) / 8) - left,
    height: Math.floor((box.height * (row + 1)) / 8) - top,
  };
}

/** Below the sheet: the frame number, and the scene's own bytes as a row of bars. */
function drawBand(sheet: Sheet, sceneDigest: Buffer, frame: number): void {
  const top = HEIGHT - BAND;
  const text = `${frame < 0 ? '-' : ''}${String(Math.abs(frame)).padStart(4, '0')}`;
  for (const [at, digit] of text.split('').entries())
    drawDigit(sheet, digit, { x: GAP * 2 + at * 14, y: top + 4, width: 9, height: 17 });
  const left = GAP * 4 + text.length * 14;
  const step = Math.floor((WIDTH - left - GAP) / sceneDigest.length);
  for (const [at, byte] of sceneDigest.entries()) {
    const height = 2 + Math.round((byte / 255) * (BAND - 10));
    const box = { x: left + at * step, y: top + BAND - 5 - height, width: step - 2, height };
    fill(sheet, box, at === ((frame % 32) + 32) % 32 ? INK : [120, 120, 120]);
  }
}

/** Seven segments: top, upper left, upper right, middle, lower left, lower right, bottom. */
const SEGMENTS: Readonly<Record<string, string>> = {
  '0': '1110111',
  '1': '0010010',
  '2': '1011101',
  '3': '1011011',
  '4': '0111010',
  '5': '1101011',
  '6': '1101111',
  '7': '1010010',
  '8': '1111111',
  '9': '1111011',
  '-': '0001000',
};

function drawDigit(sheet: Sheet, digit: string, box: Box): void {
  const half = Math.floor(box.height / 2);
  const thick = 2;
  const across = (y: number): Box => ({ x: box.x, y, width: box.width, height: thick });
  const down = (x: number, y: number): Box => ({ x, y, width: thick, height: half + thick });
  const right = box.x + box.width - thick;
  const places = [
    across(box.y),
    down(box.x, box.y),
    down(right, box.y),
    across(box.y + half),
    down(box.x, box.y + half),
    down(right, box.y + half),
    across(box.y + 2 * half),
  ];
  for (const [at, place] of places.entries())
    if (SEGMENTS[digit]?.[at] === '1') fill(sheet, place, INK);
}

function fill(sheet: Sheet, box: Box, colour: Colour): void {
  for (let y = box.y; y < box.y + box.height; y += 1)
    for (let x = box.x; x < box.x + box.width; x += 1) put(sheet, x, y, colour);
}

function put(sheet: Sheet, x: number, y: number, colour: Colour): void {
  if (x < 0 || y < 0 || x >= WIDTH || y >= HEIGHT) return;
  sheet.data.set(colour, (y * WIDTH + x) * 3);
}

/** Reads the file to its end without keeping it: a cache may be larger than memory. */
async function digestOf(path: string): Promise<Buffer> {
  const hash = createHash('sha256');
  try {
    await using file = await open(path, 'r');
    for await (const chunk of file.createReadStream({ autoClose: false }))
      hash.update(chunk as Buffer);
  } catch (error) {
    return unreadable(path, error);
  }
  return hash.digest();
}

function unreadable(path: string, error: unknown): never {
  throw new Error(
    `The input ${path} cannot be read (${reasonOf(error)}). Send the scene again so that it arrives.`,
    { cause: error },
  );
}

function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (code === 'ENOENT') return 'it is not there';
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.message : String(error);
}

function framePath(pattern: string, frame: number): string {
  const digits = (width: number): string =>
    frame < 0 ? `-${String(-frame).padStart(width - 1, '0')}` : String(frame).padStart(width, '0');
  const path = /#/.test(pattern)
    ? pattern.replace(/#+(?!.*#)/, (hashes) => digits(hashes.length))
    : pattern;
  return /\.png$/i.test(path) ? path : `${path}.png`;
}

/** The name is only ever held by a whole frame; the sandbox takes no notice of the temp name. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temp = join(dirname(path), `.waybill-${process.pid}-${basename(path)}`);
  try {
    await writeFile(temp, bytes);
    await rename(temp, path);
  } finally {
    await rm(temp, { force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
