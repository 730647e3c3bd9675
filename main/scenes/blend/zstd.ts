// The frames of a zstd-compressed .blend: found by the seek table or by their headers, decoded one at a time.

import { readSync } from 'node:fs';
import zlib from 'node:zlib';
import { damaged } from '../damage.ts';

/** One zstd frame. Node's zstdDecompressSync returns only the first frame of a file, without an error. */
export interface Frame {
  readonly offset: number;
  readonly compressedBytes: number;
  /** Null when the frame does not say. */
  readonly plainBytes: number | null;
}

/** Frames up to this size are decoded whole; Blender writes 1 MB ones. Larger ones are streamed. */
export const WHOLE_FRAME_BYTES = 16 * 1024 * 1024;
/** Most that zstd adds to bytes it cannot compress, generously (ZSTD_compressBound). */
const BOUND_SLACK_BYTES = 64 * 1024;

const MAGIC = 0xfd2fb528;
/** Skippable frames have magics 0x184D2A50 to 0x184D2A5F (RFC 8878 §3.1.2). */
const SKIPPABLE = 0x184d2a50;
const SEEK_TABLE_MAGIC = 0x8f92eab1;
const SEEK_FOOTER_BYTES = 9;
const MAX_FRAMES = 4_000_000;

/** Whether this Node decodes zstd itself; older ones fall back to a decoder in JavaScript. */
export const NODE_HAS_ZSTD = typeof zlib.zstdDecompressSync === 'function';

export function isZstd(start: Buffer): boolean {
  if (start.length < 4) return false;
  const magic = start.readUInt32LE(0);
  return magic === MAGIC || isSkippable(magic);
}

export function findFrames(file: number, fileBytes: number): Frame[] {
  return seekTableFrames(file, fileBytes) ?? framesByHeader(file, fileBytes);
}

/** The plain bytes of a frame that is not too large to be held whole. */
export function decodeFrame(file: number, frame: Frame): Buffer {
  const plainBytes = frame.plainBytes ?? damaged('a compressed part does not say its size');
  if (frame.compressedBytes > plainBytes + plainBytes / 128 + BOUND_SLACK_BYTES) {
    damaged('its compressed parts have impossible sizes');
  }
  const compressed = readAt(file, frame.offset, frame.compressedBytes);
  let plain: Buffer;
  try {
    plain = zlib.zstdDecompressSync(compressed, { maxOutputLength: Math.max(1, plainBytes) });
  } catch (error) {
    damaged('its compressed data is damaged', error);
  }
  if (plain.length !== plainBytes) damaged('a compressed part is shorter than it says');
  return plain;
}

export function readAt(file: number, offset: number, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  for (let filled = 0; filled < count;) {
    const got = readSync(file, bytes, filled, count - filled, offset + filled);
    if (got === 0) damaged('it is shorter than when it was opened');
    filled += got;
  }
  return bytes;
}

/** Null when there is no seek table that fits the file exactly. */
function seekTableFrames(file: number, fileBytes: number): Frame[] | null {
  if (fileBytes < SEEK_FOOTER_BYTES + 8) return null;
  const footer = readAt(file, fileBytes - SEEK_FOOTER_BYTES, SEEK_FOOTER_BYTES);
  if (footer.readUInt32LE(5) !== SEEK_TABLE_MAGIC) return null;
  const count = footer.readUInt32LE(0);
  const entryBytes = (footer.readUInt8(4) & 0x80) === 0 ? 8 : 12;
  const tableBytes = 8 + count * entryBytes + SEEK_FOOTER_BYTES;
  if (count > MAX_FRAMES || tableBytes > fileBytes) return null;
  const table = readAt(file, fileBytes - tableBytes, tableBytes);
  if (!isSkippable(table.readUInt32LE(0)) || table.readUInt32LE(4) !== tableBytes - 8) return null;
  const frames: Frame[] = [];
  let offset = 0;
  for (let index = 0; index < count; index += 1) {
    const compressedBytes = table.readUInt32LE(8 + index * entryBytes);
    const plainBytes = table.readUInt32LE(12 + index * entryBytes);
    frames.push({ offset, compressedBytes, plainBytes });
    offset += compressedBytes;
  }
  return offset === fileBytes - tableBytes ? frames : null;
}

/** Walks frame and block headers (RFC 8878 §3.1.1); a block is at most 128 kB, so this reads little. */
function framesByHeader(file: number, fileBytes: number): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at + 8 <= fileBytes) {
    const start = readAt(file, at, Math.min(18, fileBytes - at));
    const magic = start.readUInt32LE(0);
    if (isSkippable(magic)) {
      at += 8 + start.readUInt32LE(4);
      continue;
    }
    if (magic !== MAGIC) damaged('its compressed data is damaged');
    const header = frameHeader(start);
    const end = endOfBlocks(file, fileBytes, at + header.bytes) + header.checksumBytes;
    if (end > fileBytes) damaged('it ends in the middle of its compressed data');
    frames.push({ offset: at, compressedBytes: end - at, plainBytes: header.plainBytes });
    if (frames.length > MAX_FRAMES) damaged('it has more compressed parts than a scene can have');
    at = end;
  }
  if (at !== fileBytes) damaged('it ends in the middle of its compressed data');
  return frames;
}

function frameHeader(start: Buffer): {
  bytes: number;
  checksumBytes: number;
  plainBytes: number | null;
} {
  const descriptor = start.readUInt8(4);
  const single = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][sizeFlag] ?? 0;
  const sizeAt = 5 + (single ? 0 : 1) + dictionaryBytes;
  const bytes = sizeAt + sizeBytes;
  if (bytes > start.length) damaged('it ends in the middle of its compressed data');
  const plainBytes = {
    0: () => null,
    1: () => start.readUInt8(sizeAt),
    2: () => start.readUInt16LE(sizeAt) + 256,
    4: () => start.readUInt32LE(sizeAt),
    8: () => Number(start.readBigUInt64LE(sizeAt)),
  }[sizeBytes as 0 | 1 | 2 | 4 | 8]();
  return { bytes, checksumBytes: (descriptor & 4) === 0 ? 0 : 4, plainBytes };
}

function endOfBlocks(file: number, fileBytes: number, from: number): number {
  let at = from;
  for (;;) {
    if (at + 3 > fileBytes) damaged('it ends in the middle of its compressed data');
    const head = readAt(file, at, 3).readUIntLE(0, 3);
    const type = (head >> 1) & 3;
    if (type === 3) damaged('its compressed data is damaged');
    // A run-length block holds one byte, whatever size it stands for.
    at += 3 + (type === 1 ? 1 : head >> 3);
    if ((head & 1) === 1) return at;
  }
}

function isSkippable(magic: number): boolean {
  return (magic & 0xfffffff0) >>> 0 === SKIPPABLE;
}
