// Takes a request's body in: decodes it, sums it up as it passes, and refuses what is not what was announced.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import {
  algorithmOf,
  assertWellFormed,
  badDigest,
  checksumIn,
  createSum,
  type Algorithm,
} from './checksums.ts';
import { unchunk } from './chunked.ts';
import type { Call } from './call.ts';
import { S3Error } from './errors.ts';

/** S3's bound for one PUT and for one part. */
export const MAX_PUT_BYTES = 5 * 1024 ** 3;
const MAX_XML_BYTES = 4 * 1024 ** 2;
const COPY_BYTES = 1024 ** 2;

export interface Received {
  readonly size: number;
  readonly md5: Buffer;
  /** What the client sent, or what it asked to be computed. */
  readonly checksum: { readonly algorithm: Algorithm; readonly value: string } | null;
}

/** Streams the body to a new file. */
export async function receiveFile(
  call: Call,
  temp: string,
  algorithm: Algorithm | null = null,
): Promise<Received> {
  const file = await open(temp, 'wx');
  try {
    return await receive(call, {
      maxBytes: MAX_PUT_BYTES,
      declared: declaredChecksum(call),
      algorithm,
      take: (chunk) => writeWhole(file, chunk),
    });
  } finally {
    await file.close();
  }
}

/** Joins pieces of stored files in a new one, for copies and for uploads whose parts are all there. */
export async function joinFiles(
  pieces: readonly { path: string; start?: number; end?: number }[],
  temp: string,
  algorithm: Algorithm | null,
): Promise<Received> {
  const file = await open(temp, 'wx');
  const md5 = createHash('md5');
  const sum = algorithm && createSum(algorithm);
  let size = 0;
  try {
    for (const { path, ...range } of pieces) {
      for await (const chunk of createReadStream(path, { ...range, highWaterMark: COPY_BYTES })) {
        const bytes = chunk as Buffer;
        md5.update(bytes);
        sum?.update(bytes);
        size += bytes.length;
        await writeWhole(file, bytes);
      }
    }
  } finally {
    await file.close();
  }
  const value = sum?.digest().toString('base64');
  const checksum = algorithm === null || value === undefined ? null : { algorithm, value };
  return { size, md5: md5.digest(), checksum };
}

async function writeWhole(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
}

/** Whose a checksum in the headers is: the document's, as a must or not, or the object's the call makes. */
export type DigestRule = 'required' | 'optional' | 'of-object';

/** The whole of a small body, for the calls that carry a document. */
export async function receiveDocument(call: Call, rule: DigestRule = 'optional'): Promise<Buffer> {
  const declared = rule === 'of-object' ? null : declaredChecksum(call);
  if (rule === 'required' && !declared && call.header('content-md5') === undefined)
    throw new S3Error(
      'InvalidRequest',
      'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    );
  const parts: Buffer[] = [];
  await receive(call, {
    maxBytes: MAX_XML_BYTES,
    declared,
    algorithm: null,
    take: async (chunk) => void parts.push(chunk),
  });
  return Buffer.concat(parts);
}

interface Sink {
  readonly maxBytes: number;
  readonly declared: Declared | null;
  /** Summed up where the client sends no checksum of its own. */
  readonly algorithm: Algorithm | null;
  take(chunk: Buffer): Promise<void>;
}

async function receive(call: Call, sink: Sink): Promise<Received> {
  const { request, payload, header } = call;
  const expected = expectedSize(call);
  if (expected > sink.maxBytes) throw tooLarge(sink.maxBytes, expected);
  const contentMd5 = header('content-md5');
  if (contentMd5 !== undefined && Buffer.from(contentMd5, 'base64').length !== 16)
    throw new S3Error('InvalidDigest');
  const { declared } = sink;
  const algorithm = declared?.algorithm ?? sink.algorithm;
  const md5 = createHash('md5');
  const sha256 = payload.kind === 'signed' ? createHash('sha256') : null;
  const sum = algorithm && createSum(algorithm);
  const trailers: Record<string, string> = {};
  let size = 0;

  if (call.expectsContinue) call.response.writeContinue();
  const source: AsyncIterable<Buffer> = request;
  const chunks = payload.kind === 'chunked' ? unchunk(source, payload, trailers) : source;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > expected) throw new S3Error('IncompleteBody');
    md5.update(chunk);
    sha256?.update(chunk);
    sum?.update(chunk);
    await sink.take(chunk);
  }
  if (size !== expected) throw new S3Error('IncompleteBody');

  if (payload.kind === 'signed' && sha256?.digest('hex') !== payload.sha256)
    throw new S3Error('XAmzContentSHA256Mismatch');
  const digest = md5.digest();
  if (contentMd5 !== undefined && contentMd5 !== digest.toString('base64'))
    throw new S3Error('BadDigest');
  const value = sum?.digest().toString('base64');
  if (algorithm === null || value === undefined) return { size, md5: digest, checksum: null };
  const sent = declared?.value ?? checksumIn(trailers)?.value;
  if (declared && sent === undefined) throw new S3Error('MalformedTrailerError');
  if (sent !== undefined) {
    assertWellFormed({ algorithm, value: sent });
    if (sent !== value) throw badDigest(algorithm);
  }
  return { size, md5: digest, checksum: { algorithm, value } };
}

/** A checksum in the headers, or one the headers announce for the trailer: then without its value. */
interface Declared {
  readonly algorithm: Algorithm;
  readonly value?: string;
}

function declaredChecksum(call: Call): Declared | null {
  const inHeader = checksumIn(call.request.headers);
  if (inHeader) {
    assertWellFormed(inHeader);
    return inHeader;
  }
  const trailer = call.header('x-amz-trailer')?.trim().toLowerCase();
  if (trailer !== undefined) {
    const name = /^x-amz-checksum-(\w+)$/.exec(trailer)?.[1];
    if (name === undefined || call.payload.kind !== 'chunked' || !call.payload.hasTrailer)
      throw new S3Error(
        'InvalidRequest',
        'The value specified in the x-amz-trailer header is not supported',
      );
    const algorithm = algorithmOf(name);
    if (algorithm) return { algorithm };
  }
  if (call.header('x-amz-sdk-checksum-algorithm') !== undefined)
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  return null;
}

function expectedSize(call: Call): number {
  const name = call.payload.kind === 'chunked' ? 'x-amz-decoded-content-length' : 'content-length';
  const text = call.header(name);
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw new S3Error('MissingContentLength');
  return Number(text);
}

function tooLarge(maxBytes: number, size: number): S3Error {
  if (maxBytes < MAX_PUT_BYTES)
    return new S3Error('MaxMessageLengthExceeded', undefined, {
      fields: { MaxMessageLengthBytes: maxBytes },
    });
  return new S3Error('EntityTooLarge', undefined, {
    fields: { ProposedSize: size, MaxSizeAllowed: maxBytes },
  });
}
