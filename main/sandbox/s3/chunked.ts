// Decodes aws-chunked bodies and checks the signature of every chunk and of the trailer as they come.

import { createHash } from 'node:crypto';
import { S3Error } from './errors.ts';
import { sameHex, type ChunkSeal } from './signature.ts';

export interface Chunked {
  readonly seal: ChunkSeal | null;
  readonly hasTrailer: boolean;
}

/** Bounds of what is kept in memory while a line or the trailer is not whole. */
const MAX_LINE_BYTES = 4_096;
const MAX_TRAILER_BYTES = 16_384;
/** Every signed chunk but the last has at least this many bytes (Amazon S3 API Reference, "Chunked uploads"). */
const MIN_CHUNK_BYTES = 8_192;

/** `<hex size>[;chunk-signature=…]\r\n<data>\r\n … 0…\r\n<trailers>\r\n`. The trailers are left in `trailers`. */
export async function* unchunk(
  source: AsyncIterable<Buffer>,
  { seal, hasTrailer }: Chunked,
  trailers: Record<string, string>,
): AsyncGenerator<Buffer, void> {
  let buffer: Buffer = Buffer.alloc(0);
  let state = 'size' as 'size' | 'data' | 'end-of-data' | 'trailer';
  let left = 0;
  let size = 0;
  let before: number | null = null;
  let signature = '';
  let hash = createHash('sha256');

  function endChunk(): void {
    if (!seal) return;
    if (!sameHex(seal.chunk(hash.digest('hex')), signature))
      throw new S3Error('SignatureDoesNotMatch');
    hash = createHash('sha256');
  }

  for await (const piece of source) {
    buffer = buffer.length === 0 ? piece : Buffer.concat([buffer, piece]);
    for (;;) {
      if (state === 'trailer') {
        if (buffer.length > MAX_TRAILER_BYTES) throw new S3Error('MalformedTrailerError');
        break;
      }
      if (state === 'data') {
        const part = buffer.subarray(0, left);
        buffer = buffer.subarray(part.length);
        left -= part.length;
        if (part.length > 0) {
          if (seal) hash.update(part);
          yield part;
        }
        if (left > 0) break;
        endChunk();
        state = 'end-of-data';
      }
      const at = buffer.indexOf('\r\n');
      if (at < 0) {
        if (buffer.length > MAX_LINE_BYTES)
          throw new S3Error('InvalidRequest', 'A chunk header is too long.');
        break;
      }
      const line = buffer.toString('latin1', 0, at);
      buffer = buffer.subarray(at + 2);
      if (state === 'end-of-data') {
        if (line !== '') throw new S3Error('IncompleteBody');
        state = 'size';
        continue;
      }
      const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
      if (!match || (seal && match[2] === undefined))
        throw new S3Error('InvalidRequest', 'A chunk header is malformed.');
      size = Number.parseInt(match[1] ?? '0', 16);
      signature = match[2] ?? '';
      if (seal && size > 0 && before !== null && before < MIN_CHUNK_BYTES)
        throw new S3Error('InvalidChunkSizeError');
      before = size;
      left = size;
      state = size === 0 ? 'trailer' : 'data';
      if (size === 0) endChunk();
    }
  }
  if (state !== 'trailer') throw new S3Error('IncompleteBody');
  readTrailer(buffer.toString('latin1'), trailers);
  const trailerSignature = trailers['x-amz-trailer-signature'];
  delete trailers['x-amz-trailer-signature'];
  if (!hasTrailer && Object.keys(trailers).length > 0) throw new S3Error('MalformedTrailerError');
  if (seal && hasTrailer) {
    const canonical = Object.entries(trailers)
      .map(([name, value]) => `${name}:${value}\n`)
      .join('');
    const expected = seal.trailer(createHash('sha256').update(canonical).digest('hex'));
    if (!sameHex(expected, trailerSignature ?? '')) throw new S3Error('SignatureDoesNotMatch');
  }
}

function readTrailer(text: string, trailers: Record<string, string>): void {
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue;
    const [, name, value] = /^([\w-]+)\s*:\s*(\S*)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined || Object.hasOwn(trailers, name.toLowerCase()))
      throw new S3Error('MalformedTrailerError');
    trailers[name.toLowerCase()] = value;
  }
}
