// A .blend file's plain bytes: stored plain, in gzip, or in one or many zstd frames.

import { readSync } from 'node:fs';
import { Readable } from 'node:stream';
import zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { damaged } from '../damage.ts';
import { createForwardReader, type ForwardReader, type Pieces } from './forward.ts';
import {
  decodeFrame,
  findFrames,
  isZstd,
  NODE_HAS_ZSTD,
  readAt,
  WHOLE_FRAME_BYTES,
  type Frame,
} from './zstd.ts';

export interface BlendSource {
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** Plain bytes in all; null when only reading to the end would tell. */
  readonly plainBytes: number | null;
  /** Starts over at the first byte. */
  forward(): ForwardReader;
  /** The last bytes, null where they cannot be had without reading everything before them. */
  tail(count: number): Buffer | null;
}

const WINDOW_BYTES = 64 * 1024;

/** Who decodes zstd: Node, or where it cannot (before 22.15) a slower decoder in JavaScript. */
export type ZstdDecoder = 'node' | 'script';

export function openSource(
  file: number,
  fileBytes: number,
  decoder: ZstdDecoder = NODE_HAS_ZSTD ? 'node' : 'script',
): BlendSource {
  const start = readAt(file, 0, Math.min(4, fileBytes));
  if (start.readUInt16BE(0) === 0x1f8b) return gzipSource(file, fileBytes);
  if (isZstd(start)) return zstdSource(file, fileBytes, decoder);
  return plainSource(file, fileBytes);
}

function plainSource(file: number, fileBytes: number): BlendSource {
  return {
    compression: 'none',
    plainBytes: fileBytes,
    forward: () =>
      createForwardReader(
        filePieces(file, { from: 0, to: fileBytes }, Buffer.allocUnsafe(WINDOW_BYTES)),
      ),
    tail: (count) => {
      const bytes = Math.min(count, fileBytes);
      return readAt(file, fileBytes - bytes, bytes);
    },
  };
}

function gzipSource(file: number, fileBytes: number): BlendSource {
  return {
    compression: 'gzip',
    plainBytes: null,
    forward: () =>
      createForwardReader(
        streamPieces(zlib.createGunzip(), filePieces(file, { from: 0, to: fileBytes })),
      ),
    tail: () => null,
  };
}

function zstdSource(file: number, fileBytes: number, decoder: ZstdDecoder): BlendSource {
  const frames = findFrames(file, fileBytes);
  let plainBytes: number | null = 0;
  for (const frame of frames) {
    plainBytes =
      plainBytes === null || frame.plainBytes === null ? null : plainBytes + frame.plainBytes;
  }
  return {
    compression: 'zstd',
    plainBytes,
    forward: () => createForwardReader(framePieces(file, frames, decoder)),
    tail: (count) => (decoder === 'node' ? frameTail(file, frames, count) : null),
  };
}

/** With a window each piece is only valid until the next; without one it may be kept. */
function filePieces(file: number, range: { from: number; to: number }, window?: Buffer): Pieces {
  let at = range.from;
  return {
    next() {
      const count = Math.min(WINDOW_BYTES, range.to - at);
      if (count === 0) return Promise.resolve(null);
      const bytes = window ?? Buffer.allocUnsafe(count);
      const got = readSync(file, bytes, 0, count, at);
      if (got === 0) return Promise.resolve(null);
      at += got;
      return Promise.resolve(bytes.subarray(0, got));
    },
    pass(count) {
      const passed = Math.min(count, range.to - at);
      at += passed;
      return passed;
    },
    close() {},
  };
}

function framePieces(file: number, frames: readonly Frame[], decoder: ZstdDecoder): Pieces {
  let index = 0;
  let streamed: Pieces | null = null;
  return {
    async next() {
      for (;;) {
        if (streamed) {
          const piece = await streamed.next();
          if (piece) return piece;
          streamed.close();
          streamed = null;
        }
        const frame = frames[index];
        if (!frame) return null;
        index += 1;
        if (decoder === 'node' && isWhole(frame)) {
          // An empty frame is legal and holds nothing.
          if (frame.plainBytes > 0) return decodeFrame(file, frame);
          continue;
        }
        streamed = streamedFrame(file, frame, decoder);
      }
    },
    pass(count) {
      let passed = 0;
      for (;;) {
        const frame = streamed ? undefined : frames[index];
        if (!frame || frame.plainBytes === null || frame.plainBytes > count - passed) return passed;
        passed += frame.plainBytes;
        index += 1;
      }
    },
    close: () => streamed?.close(),
  };
}

function frameTail(file: number, frames: readonly Frame[], count: number): Buffer | null {
  const parts: Buffer[] = [];
  let bytes = 0;
  for (let index = frames.length - 1; index >= 0 && bytes < count; index -= 1) {
    const frame = frames[index];
    if (!frame || !isWhole(frame)) return null;
    parts.unshift(decodeFrame(file, frame));
    bytes += frame.plainBytes;
  }
  return Buffer.concat(parts);
}

function isWhole(frame: Frame): frame is Frame & { readonly plainBytes: number } {
  return frame.plainBytes !== null && frame.plainBytes <= WHOLE_FRAME_BYTES;
}

function streamedFrame(file: number, frame: Frame, decoder: ZstdDecoder): Pieces {
  const stored = filePieces(file, {
    from: frame.offset,
    to: frame.offset + frame.compressedBytes,
  });
  return decoder === 'node'
    ? streamPieces(zlib.createZstdDecompress(), stored)
    : scriptPieces(stored);
}

function streamPieces(decoder: NodeJS.ReadWriteStream & Readable, stored: Pieces): Pieces {
  const input = Readable.from(storedBytes(stored), { objectMode: false });
  input.on('error', (error) => decoder.destroy(error));
  // The iterator reports a failure when it is asked; until then nobody listens, which would end the thread.
  decoder.on('error', () => {});
  input.pipe(decoder);
  const pieces = decoder[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return {
    async next() {
      try {
        const { done, value } = await pieces.next();
        return done === true ? null : value;
      } catch (error) {
        const early = error instanceof Error && error.message === 'unexpected end of file';
        damaged(
          early ? 'it ends in the middle of its compressed data' : 'its compressed data is damaged',
          error,
        );
      }
    },
    pass: () => 0,
    close() {
      input.destroy();
      decoder.destroy();
    },
  };
}

async function* storedBytes(stored: Pieces): AsyncGenerator<Buffer> {
  for (;;) {
    const piece = await stored.next();
    if (!piece) return;
    yield piece;
  }
}

function scriptPieces(stored: Pieces): Pieces {
  const ready: Buffer[] = [];
  const decoder = new Decompress((chunk) => {
    if (chunk.length > 0) ready.push(Buffer.from(chunk));
  });
  let ended = false;
  return {
    async next() {
      while (ready.length === 0 && !ended) {
        const piece = await stored.next();
        ended = piece === null;
        try {
          decoder.push(piece ?? new Uint8Array(0), ended);
        } catch (error) {
          damaged('its compressed data is damaged', error);
        }
      }
      return ready.shift() ?? null;
    },
    pass: () => 0,
    close() {},
  };
}
