// The share's bucket by the AWS SDK: every write carries a condition and a checksum, every read is verified.

import { createHash } from 'node:crypto';
import { constants, open, stat, unlink, type FileHandle } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type GetObjectCommandOutput,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { AgentError, isAbort } from '../../engine/base/errors.ts';
import type { LocalPath } from '../../engine/core/names.ts';
import type {
  ObjectFacts,
  ObjectStore,
  PutOutcome,
  TransferOptions,
  WriteCondition,
} from '../../engine/ports/objects.ts';
import { errnoName, fileFailure } from '../disk/errno.ts';
import { networkFailure } from '../http/failure.ts';

export interface ObjectStoreOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  secretAccessKey(): Promise<string | undefined>;
  /** PEM of the studio's own CA. */
  readonly ca?: string;
  /** Hammerspace's S3 server is addressed by path; a bucket host name needs DNS that studios rarely have. */
  readonly forcePathStyle?: boolean;
}

const CONNECT_MS = 5_000;
/** Silence on the socket, not the length of a transfer. */
const SILENCE_MS = 30_000;
/** S3's bound for one PUT; larger files need multipart upload. */
const MAX_PUT_BYTES = 5 * 1024 ** 3;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;
const PART_BYTES = 1 << 18;

export function createObjectStore(options: ObjectStoreOptions): ObjectStore {
  const { bucket } = options;
  const agent = { keepAlive: true, maxSockets: 16 };
  const client = new S3Client({
    endpoint: options.endpoint,
    region: options.region,
    forcePathStyle: options.forcePathStyle ?? true,
    credentials: () => credentials(options),
    followRegionRedirects: false,
    // We send SHA-256 ourselves and compare it ourselves; a third-party store may know no CRC trailers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({
        ...agent,
        ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
      }),
    },
  });

  async function attempt<T>(
    key: string,
    transfer: TransferOptions,
    action: () => Promise<T>,
  ): Promise<T> {
    transfer.signal?.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      throw storeFailure(error, {
        endpoint: options.endpoint,
        bucket,
        key,
        signal: transfer.signal,
      });
    }
  }

  async function head(key: string, transfer: TransferOptions = {}): Promise<ObjectFacts | null> {
    return attempt(key, transfer, async () => {
      try {
        const answer = await client.send(
          new HeadObjectCommand({ Bucket: bucket, Key: key }),
          abortable(transfer),
        );
        return factsOf(key, answer);
      } catch (error) {
        if (statusOf(error) === 404) return null;
        throw error;
      }
    });
  }

  async function put(
    request: {
      key: string;
      body: Readable | Buffer;
      size: number;
      sha256: string;
      condition: WriteCondition;
    },
    transfer: TransferOptions,
  ): Promise<PutOutcome> {
    const { key, size, sha256, condition } = request;
    try {
      const answer = await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: request.body,
          ContentLength: size,
          ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
          Metadata: { sha256 },
          ...(condition.kind === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag }),
        }),
        abortable(transfer),
      );
      return { kind: 'stored', etag: answer.ETag ?? '' };
    } catch (error) {
      const status = statusOf(error);
      // 404 answers a PUT with If-Match when the object went away meanwhile.
      const gone =
        status === 404 && condition.kind === 'unchanged' && nameOf(error) !== 'NoSuchBucket';
      if (status !== 412 && status !== 409 && !gone) throw error;
      return { kind: 'refused', current: await head(key, transfer) };
    }
  }

  return {
    head,
    list: (prefix, transfer = {}) =>
      attempt(prefix, transfer, async () => {
        const found: ObjectFacts[] = [];
        let token: string | undefined;
        do {
          const page = await client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: prefix,
              ...(token === undefined ? {} : { ContinuationToken: token }),
            }),
            abortable(transfer),
          );
          for (const item of page.Contents ?? []) {
            if (item.Key === undefined) continue;
            // A listing carries no user metadata: whose object it is, head says.
            found.push(
              factsOf(item.Key, {
                ContentLength: item.Size,
                ETag: item.ETag,
                LastModified: item.LastModified,
              }),
            );
          }
          token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
        } while (token !== undefined);
        return found;
      }),
    putFile: (request, transfer = {}) =>
      attempt(request.key, transfer, async () => {
        if (request.size > MAX_PUT_BYTES) throw tooLarge(request.path, request.size);
        await using handle = await openFile(request.path);
        const before = await handle.stat({ bigint: true });
        if (!before.isFile() || Number(before.size) !== request.size)
          throw fileChanged(request.path);
        const body = fileBody(handle, request.size, transfer);
        let outcome: PutOutcome;
        try {
          outcome = await put({ ...request, body }, transfer);
        } catch (error) {
          // Wrong bytes, too few or too many are all the file's doing when the file is not what it was.
          if (!isAbort(error) && !isSameFile(before, await statNow(request.path, handle)))
            throw fileChanged(request.path, error);
          if (isBadDigest(error)) throw fileChanged(request.path, error);
          throw error;
        } finally {
          body.destroy();
        }
        if (!isSameFile(before, await statNow(request.path, handle)))
          throw fileChanged(request.path);
        return outcome;
      }),
    putText: (request, transfer = {}) =>
      attempt(request.key, transfer, async () => {
        const body = Buffer.from(request.text, 'utf8');
        const sha256 = createHash('sha256').update(body).digest('hex');
        return put(
          { key: request.key, body, size: body.length, sha256, condition: request.condition },
          transfer,
        );
      }),
    getText: (key, transfer = {}) =>
      attempt(key, transfer, async () => {
        const answer = await getObject(client, { bucket, key }, transfer);
        if (!answer) return null;
        const facts = factsOf(key, answer);
        const parts: Buffer[] = [];
        let size = 0;
        for await (const part of bodyOf(answer)) {
          size += part.length;
          if (size > MAX_TEXT_BYTES)
            throw badContent(key, `it is larger than ${MAX_TEXT_BYTES / 1_048_576} MB`);
          parts.push(part);
        }
        const bytes = Buffer.concat(parts);
        verify(key, facts, { size, sha256: createHash('sha256').update(bytes).digest('hex') });
        return { text: bytes.toString('utf8'), etag: facts.etag };
      }),
    getFile: (key, path, transfer = {}) =>
      attempt(key, transfer, async () => {
        const answer = await getObject(client, { bucket, key }, transfer);
        if (!answer) {
          throw new AgentError('file-missing', {
            message: `${key} is not in the bucket ${bucket}. It may have been removed; look at the region and retry.`,
            retry: 'never',
            facts: { key, bucket },
          });
        }
        return download({ key, path, answer }, transfer);
      }),
  };
}

async function credentials(
  options: ObjectStoreOptions,
): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const secretAccessKey = await options.secretAccessKey();
  if (secretAccessKey !== undefined) return { accessKeyId: options.accessKeyId, secretAccessKey };
  throw new AgentError('sign-in-failed', {
    message: `No secret key is stored for the bucket ${options.bucket}. Enter it once.`,
    retry: 'sign-in',
  });
}

async function getObject(
  client: S3Client,
  object: { bucket: string; key: string },
  transfer: TransferOptions,
): Promise<GetObjectCommandOutput | null> {
  try {
    return await client.send(
      new GetObjectCommand({ Bucket: object.bucket, Key: object.key }),
      abortable(transfer),
    );
  } catch (error) {
    if (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket') return null;
    throw error;
  }
}

/** Streams to a file that must not exist; whatever fails, the file of ours goes away again. */
async function download(
  get: { key: string; path: LocalPath; answer: GetObjectCommandOutput },
  transfer: TransferOptions,
): Promise<ObjectFacts> {
  const { key, path, answer } = get;
  const facts = factsOf(key, answer);
  const body = bodyOf(answer);
  const flags =
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  let handle: FileHandle;
  try {
    handle = await open(path, flags, 0o644);
  } catch (error) {
    body.destroy();
    if (errnoName(error) === 'EEXIST') {
      throw new AgentError('object-exists', {
        message: `Something is at ${path} already, so nothing was downloaded to it. Choose another name.`,
        retry: 'never',
        cause: error,
        facts: { path },
      });
    }
    throw fileFailure(error, { doing: 'making the file', path });
  }
  try {
    const hash = createHash('sha256');
    let size = 0;
    for await (const part of body) {
      transfer.signal?.throwIfAborted();
      hash.update(part);
      await writeAll(handle, part, path);
      size += part.length;
      transfer.onProgress?.(size);
    }
    verify(key, facts, { size, sha256: hash.digest('hex') });
    await handle.sync();
    await handle.close();
    return facts;
  } catch (error) {
    body.destroy();
    await handle.close();
    await unlink(path);
    throw error;
  }
}

async function writeAll(handle: FileHandle, part: Buffer, path: string): Promise<void> {
  try {
    let written = 0;
    while (written < part.length) written += (await handle.write(part, written)).bytesWritten;
  } catch (error) {
    throw fileFailure(error, { doing: 'writing the file', path });
  }
}

function verify(key: string, facts: ObjectFacts, got: { size: number; sha256: string }): void {
  if (got.size !== facts.size) throw badContent(key, `${got.size} of ${facts.size} bytes came`);
  if (facts.sha256 !== null && got.sha256 !== facts.sha256)
    throw badContent(key, 'its checksum is wrong');
}

function badContent(key: string, why: string): AgentError {
  return new AgentError('unexpected-answer', {
    message: `${key} did not arrive whole: ${why}. It is fetched again.`,
    retry: 'later',
    facts: { key },
  });
}

function bodyOf(answer: GetObjectCommandOutput): Readable & AsyncIterable<Buffer> {
  if (answer.Body instanceof Readable) return answer.Body as Readable & AsyncIterable<Buffer>;
  throw new Error('invariant: the SDK gives a Node stream in Node');
}

function factsOf(
  key: string,
  answer: {
    ContentLength?: number | undefined;
    ETag?: string | undefined;
    LastModified?: Date | undefined;
    Metadata?: HeadObjectCommandOutput['Metadata'];
  },
): ObjectFacts {
  const sha256 = answer.Metadata?.['sha256'];
  return {
    key,
    size: answer.ContentLength ?? 0,
    etag: answer.ETag ?? '',
    modified: answer.LastModified?.getTime() ?? 0,
    sha256: sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null,
  };
}

// --- the file that is sent ----------------------------------------------------------------------------

async function openFile(path: LocalPath): Promise<FileHandle> {
  try {
    return await open(
      path,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    );
  } catch (error) {
    throw fileFailure(error, { doing: 'reading the file', path });
  }
}

/** Reads exactly `size` bytes, so that a file that grows meanwhile cannot break the framing of the request. */
function fileBody(handle: FileHandle, size: number, transfer: TransferOptions): Readable {
  async function* parts(): AsyncGenerator<Buffer> {
    let done = 0;
    while (done < size) {
      const length = Math.min(PART_BYTES, size - done);
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, done);
      if (bytesRead === 0) throw new Error('the file ended early');
      done += bytesRead;
      yield buffer.subarray(0, bytesRead);
      transfer.onProgress?.(done);
    }
  }
  return Readable.from(parts(), { objectMode: false, highWaterMark: PART_BYTES });
}

/** Both the opened file and the one that has its name now: a save by rename swaps the second. */
async function statNow(path: string, handle: FileHandle): Promise<BigIntStats | null> {
  try {
    const [opened, named] = await Promise.all([
      handle.stat({ bigint: true }),
      stat(path, { bigint: true }),
    ]);
    return opened.ino === named.ino && opened.dev === named.dev ? opened : null;
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return null;
    throw fileFailure(error, { doing: 'reading its facts', path });
  }
}

function isSameFile(before: BigIntStats, after: BigIntStats | null): boolean {
  return (
    after !== null &&
    after.size === before.size &&
    after.mtimeNs === before.mtimeNs &&
    after.ctimeNs === before.ctimeNs &&
    after.ino === before.ino
  );
}

function fileChanged(path: string, cause?: unknown): AgentError {
  return new AgentError('file-changed', {
    message: `${path} changed while it was sent. It is scanned and sent again once it is still.`,
    retry: 'later',
    cause,
    facts: { path },
  });
}

function tooLarge(path: string, size: number): AgentError {
  return new AgentError('bad-argument', {
    message: `${path} has ${size} bytes; files above 5 GiB cannot be sent yet. Put it on the mount instead.`,
    retry: 'never',
    facts: { path, size },
  });
}

// --- failures -----------------------------------------------------------------------------------------

const SIGN_IN_NAMES = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'AccessDenied',
  'ExpiredToken',
  'InvalidToken',
  'Forbidden',
]);

function storeFailure(
  error: unknown,
  call: { endpoint: string; bucket: string; key: string; signal?: AbortSignal | undefined },
): unknown {
  if (error instanceof AgentError) return error;
  if (call.signal?.aborted === true) return isAbort(error) ? error : call.signal.reason;
  const status = statusOf(error);
  const name = nameOf(error);
  const facts = { bucket: call.bucket, key: call.key, status: status ?? 0, error: name };
  if (status === null)
    return networkFailure(error, { service: 'The S3 server', url: call.endpoint });
  if (status === 401 || status === 403 || SIGN_IN_NAMES.has(name)) {
    return new AgentError('sign-in-failed', {
      message: `The S3 server does not let us work on ${call.key} in bucket ${call.bucket} (${name}). Check the access key and its rights.`,
      retry: 'sign-in',
      cause: error,
      facts,
    });
  }
  return new AgentError('unexpected-answer', {
    message: `The S3 server refused ${call.key} in bucket ${call.bucket} with status ${status} (${name}). ${status >= 500 || status === 429 ? 'It is tried again.' : 'Check the studio file.'}`,
    retry: status >= 500 || status === 429 ? 'later' : 'never',
    cause: error,
    facts,
  });
}

function isBadDigest(error: unknown): boolean {
  return [
    'BadDigest',
    'XAmzContentChecksumMismatch',
    'XAmzContentSHA256Mismatch',
    'InvalidDigest',
  ].includes(nameOf(error));
}

/** Null when no HTTP answer came. */
function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return null;
  const { httpStatusCode } = error.$metadata as { httpStatusCode?: number };
  return httpStatusCode ?? null;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function abortable(transfer: TransferOptions): { abortSignal?: AbortSignal } {
  return transfer.signal === undefined ? {} : { abortSignal: transfer.signal };
}
