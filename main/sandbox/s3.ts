// The S3 endpoint: the share's bucket (objects are the files of the home tree) and the staging bucket movers use.
// SigV4 is checked, writes are conditional, checksums (trailing ones too) are verified, errors are XML.

import { createHash, timingSafeEqual } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import type { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { XMLBuilder } from 'fast-xml-parser';
import { checkSignature, type Credentials } from './sigv4.ts';
import type { Tree } from './tree.ts';
import {
  WorldError,
  isVisible,
  segmentsOf,
  type Node,
  type SiteName,
  type World,
} from './world.ts';

export interface S3Options {
  readonly world: World;
  readonly homeSite: SiteName;
  readonly homeTree: Tree;
  readonly stagingDir: string;
  readonly credentials: Credentials;
  readonly region: string;
  readonly port: number;
  /** Puts a door before the server, at which faults can be set. */
  guard?(server: EventEmitter): void;
}

export const STAGING_BUCKET = 'staging';
const MAX_OBJECT_BYTES = 5 * 1024 ** 3;

interface StoredObject {
  readonly key: string;
  readonly path: string;
  readonly size: number;
  readonly etag: string;
  readonly modified: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where a bucket's objects live. */
interface Bucket {
  get(key: string): Promise<StoredObject | null>;
  /** What a condition is held against: also an object that cannot be read here yet. */
  current(key: string): Promise<StoredObject | null>;
  /** Moves a finished temp file in as the object. */
  put(key: string, temp: string, object: Omit<StoredObject, 'key' | 'path'>): Promise<void>;
  remove(key: string): Promise<void>;
  list(prefix: string): Promise<StoredObject[]>;
}

class S3Error extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const xml = new XMLBuilder({ ignoreAttributes: false, format: false });

export async function startS3(
  options: S3Options,
): Promise<{ port: number; stop(): Promise<void> }> {
  const buckets: Readonly<Record<string, Bucket>> = {
    [options.world.options.share.name]: shareBucket(options),
    [STAGING_BUCKET]: folderBucket(options.stagingDir),
  };
  /** Writers of one key wait for each other, so that a condition is decided once. */
  const lines = new Map<string, Promise<unknown>>();
  let temps = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(`http://s3.invalid${request.url ?? '/'}`);
    const [bucketName = '', ...rest] = decodePath(url.pathname).split('/').slice(1);
    const signature = checkSignature(
      { method: request.method ?? '', url: request.url ?? '/', headers: request.headers },
      options.credentials,
      Date.now(),
    );
    if (signature.kind === 'refused') throw new S3Error(403, signature.code, signature.message);
    if (bucketName === '') {
      sendXml(response, 200, {
        ListAllMyBucketsResult: {
          Buckets: { Bucket: Object.keys(buckets).map((Name) => ({ Name })) },
        },
      });
      return;
    }
    const bucket = Object.hasOwn(buckets, bucketName) ? buckets[bucketName] : undefined;
    if (!bucket) throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist');
    const key = rest.join('/');
    if (key === '') return bucketCall(request, response, { bucket, bucketName, url });
    assertKey(key);
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return read(request, response, await existing(bucket, key));
      case 'PUT':
        return inLine(`${bucketName}/${key}`, () =>
          write(request, response, { bucket, key, payloadHash: signature.payloadHash }),
        );
      case 'DELETE':
        await inLine(`${bucketName}/${key}`, () => bucket.remove(key));
        response.writeHead(204).end();
        return;
      case undefined:
      default:
        throw new S3Error(
          405,
          'MethodNotAllowed',
          'The specified method is not allowed against this resource.',
        );
    }
  }

  async function bucketCall(
    request: IncomingMessage,
    response: ServerResponse,
    call: { bucket: Bucket; bucketName: string; url: URL },
  ): Promise<void> {
    if (request.method === 'HEAD') {
      response.writeHead(200, { 'x-amz-bucket-region': options.region }).end();
      return;
    }
    if (request.method !== 'GET')
      throw new S3Error(
        405,
        'MethodNotAllowed',
        'The specified method is not allowed against this resource.',
      );
    const query = call.url.searchParams;
    if (query.has('location')) {
      sendXml(response, 200, { LocationConstraint: options.region });
      return;
    }
    const prefix = query.get('prefix') ?? '';
    const max = Math.min(Number(query.get('max-keys') ?? 1000) || 1000, 1000);
    const after =
      query.get('continuation-token') ?? query.get('start-after') ?? query.get('marker') ?? '';
    const all = (await call.bucket.list(prefix))
      .filter((object) => object.key > after)
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const delimiter = query.get('delimiter') ?? '';
    const grouped = groupBy(all, prefix, delimiter);
    const page = grouped.objects.slice(0, max);
    const truncated = grouped.objects.length > page.length;
    sendXml(response, 200, {
      ListBucketResult: {
        '@_xmlns': 'http://s3.amazonaws.com/doc/2006-03-01/',
        Name: call.bucketName,
        Prefix: prefix,
        KeyCount: page.length + grouped.prefixes.length,
        MaxKeys: max,
        IsTruncated: truncated,
        ...(truncated ? { NextContinuationToken: page.at(-1)?.key } : {}),
        Contents: page.map((object) => ({
          Key: object.key,
          LastModified: new Date(object.modified).toISOString(),
          ETag: `"${object.etag}"`,
          Size: object.size,
          StorageClass: 'STANDARD',
        })),
        CommonPrefixes: grouped.prefixes.map((Prefix) => ({ Prefix })),
      },
    });
  }

  async function write(
    request: IncomingMessage,
    response: ServerResponse,
    call: { bucket: Bucket; key: string; payloadHash: string },
  ): Promise<void> {
    const { bucket, key } = call;
    assertCondition(request, await bucket.current(key));
    temps += 1;
    const temp = join(options.stagingDir, '.incoming', `${process.pid}-${temps}`);
    await mkdir(dirname(temp), { recursive: true });
    try {
      const received = await receive(request, temp, call.payloadHash);
      const metadata: Record<string, string> = {};
      for (const [name, value] of Object.entries(request.headers)) {
        if (name.startsWith('x-amz-meta-') && typeof value === 'string')
          metadata[name.slice(11)] = value;
      }
      await bucket.put(key, temp, {
        size: received.size,
        etag: received.md5,
        modified: Math.floor(Date.now()),
        contentType: request.headers['content-type'] ?? 'application/octet-stream',
        metadata,
      });
      response.writeHead(200, { ETag: `"${received.md5}"`, ...received.checksumHeaders }).end();
    } finally {
      await rm(temp, { force: true });
    }
  }

  function inLine<T>(name: string, action: () => Promise<T>): Promise<T> {
    const turn = (lines.get(name) ?? Promise.resolve()).then(action, action);
    const settled = turn.catch(() => undefined);
    lines.set(name, settled);
    void settled.then(() => {
      if (lines.get(name) === settled) lines.delete(name);
    });
    return turn;
  }

  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    handle(request, response).catch((error: unknown) => fail(request, response, error));
  });
  options.guard?.(server);
  const port = await listen(server, options.port);
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function existing(bucket: Bucket, key: string): Promise<StoredObject> {
  const object = await bucket.get(key);
  if (!object) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.');
  return object;
}

function read(request: IncomingMessage, response: ServerResponse, object: StoredObject): void {
  const etag = `"${object.etag}"`;
  if (
    request.headers['if-match'] !== undefined &&
    !etagMatches(request.headers['if-match'], etag)
  ) {
    throw new S3Error(
      412,
      'PreconditionFailed',
      'At least one of the pre-conditions you specified did not hold',
    );
  }
  const headers: Record<string, string | number> = {
    ETag: etag,
    'Last-Modified': new Date(object.modified).toUTCString(),
    'Content-Type': object.contentType,
    'Accept-Ranges': 'bytes',
    ...Object.fromEntries(
      Object.entries(object.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]),
    ),
  };
  if (etagMatches(request.headers['if-none-match'] ?? '', etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  const range = rangeOf(request.headers.range, object.size);
  if (range === 'unsatisfiable')
    throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable');
  headers['Content-Length'] = range ? range.end - range.start + 1 : object.size;
  if (range) headers['Content-Range'] = `bytes ${range.start}-${range.end}/${object.size}`;
  response.writeHead(range ? 206 : 200, headers);
  if (request.method === 'HEAD' || object.size === 0) {
    response.end();
    return;
  }
  // Ends both sides when either fails: a client that goes away must not leave an open file.
  pipeline(createReadStream(object.path, range ?? {}), response).catch(() => response.destroy());
}

function assertCondition(request: IncomingMessage, current: StoredObject | null): void {
  const refused = new S3Error(
    412,
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
  );
  const ifNoneMatch = request.headers['if-none-match'];
  const ifMatch = request.headers['if-match'];
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw new S3Error(
      501,
      'NotImplemented',
      'A header you provided implies functionality that is not implemented',
    );
  }
  if (ifNoneMatch === '*' && current) throw refused;
  if (ifMatch === undefined) return;
  if (!current) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.');
  if (!etagMatches(ifMatch, `"${current.etag}"`)) throw refused;
}

interface Received {
  readonly size: number;
  readonly md5: string;
  readonly checksumHeaders: Record<string, string>;
}

/** Streams the body to a file; decodes aws-chunked framing and verifies every checksum that was sent. */
async function receive(
  request: IncomingMessage,
  temp: string,
  payloadHash: string,
): Promise<Received> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  const sha1 = createHash('sha1');
  let crc = 0;
  let size = 0;
  const file = createWriteStream(temp, { flags: 'wx' });
  const failed = new Promise<never>((_resolve, reject) => file.on('error', reject));
  // It is raced below; a failure between two races must not count as nobody's.
  failed.catch(() => undefined);
  const take = async (chunk: Buffer): Promise<void> => {
    size += chunk.length;
    if (size > MAX_OBJECT_BYTES)
      throw new S3Error(
        400,
        'EntityTooLarge',
        'Your proposed upload exceeds the maximum allowed size',
      );
    md5.update(chunk);
    sha256.update(chunk);
    sha1.update(chunk);
    crc = crc32(chunk, crc);
    if (!file.write(chunk))
      await Promise.race([
        new Promise<void>((resolve) => file.once('drain', () => resolve())),
        failed,
      ]);
  };
  let trailers: Readonly<Record<string, string>> = {};
  try {
    if (payloadHash.startsWith('STREAMING-')) trailers = await readChunked(request, take);
    else for await (const chunk of request) await take(chunk as Buffer);
  } finally {
    await Promise.race([new Promise((resolve) => file.end(() => resolve(undefined))), failed]);
  }
  const expected =
    request.headers['x-amz-decoded-content-length'] ?? request.headers['content-length'];
  if (expected !== undefined && Number(expected) !== size)
    throw new S3Error(
      400,
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header',
    );
  const sums: Readonly<Record<string, string>> = {
    'x-amz-checksum-sha256': sha256.copy().digest('base64'),
    'x-amz-checksum-sha1': sha1.digest('base64'),
    'x-amz-checksum-crc32': Buffer.from(crc.toString(16).padStart(8, '0'), 'hex').toString(
      'base64',
    ),
  };
  const checksumHeaders: Record<string, string> = {};
  for (const [name, value] of Object.entries(sums)) {
    const sent = trailers[name] ?? request.headers[name];
    if (sent === undefined) continue;
    if (sent !== value)
      throw new S3Error(
        400,
        'BadDigest',
        `The ${name.slice(15).toUpperCase()} you specified did not match the calculated checksum.`,
      );
    checksumHeaders[name] = value;
  }
  const digest = md5.digest();
  const contentMd5 = request.headers['content-md5'];
  if (contentMd5 !== undefined && contentMd5 !== digest.toString('base64'))
    throw new S3Error(
      400,
      'BadDigest',
      'The Content-MD5 you specified did not match what we received.',
    );
  if (
    /^[0-9a-f]{64}$/.test(payloadHash) &&
    !timingSafeEqual(Buffer.from(payloadHash, 'hex'), sha256.digest())
  ) {
    throw new S3Error(
      400,
      'XAmzContentSHA256Mismatch',
      'The provided x-amz-content-sha256 header does not match what was computed.',
    );
  }
  return { size, md5: digest.toString('hex'), checksumHeaders };
}

/** aws-chunked: `<hex size>[;chunk-signature=…]\r\n<data>\r\n … 0\r\n<trailers>\r\n`. Returns the trailers. */
async function readChunked(
  request: IncomingMessage,
  take: (chunk: Buffer) => Promise<void>,
): Promise<Record<string, string>> {
  const trailers: Record<string, string> = {};
  let buffer: Buffer = Buffer.alloc(0);
  let left = 0;
  let state = 'size' as 'size' | 'data' | 'end-of-data' | 'trailers';
  for await (const piece of request) {
    buffer = buffer.length === 0 ? (piece as Buffer) : Buffer.concat([buffer, piece as Buffer]);
    for (;;) {
      if (state === 'data') {
        const part = buffer.subarray(0, left);
        if (part.length > 0) await take(part);
        buffer = buffer.subarray(part.length);
        left -= part.length;
        if (left > 0) break;
        state = 'end-of-data';
      }
      const at = buffer.indexOf('\r\n');
      if (at < 0) {
        if (buffer.length > 16_384)
          throw new S3Error(400, 'InvalidRequest', 'A chunk header is too long.');
        break;
      }
      const line = buffer.subarray(0, at).toString('latin1');
      buffer = buffer.subarray(at + 2);
      if (state === 'end-of-data') state = 'size';
      else if (state === 'size') {
        const size = /^([0-9a-fA-F]{1,12})(;.*)?$/.exec(line)?.[1];
        if (size === undefined)
          throw new S3Error(400, 'InvalidRequest', 'A chunk header is malformed.');
        left = Number.parseInt(size, 16);
        state = left === 0 ? 'trailers' : 'data';
      } else {
        const colon = line.indexOf(':');
        if (colon > 0)
          trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
      }
    }
  }
  if (state !== 'trailers')
    throw new S3Error(400, 'IncompleteBody', 'The request body terminated unexpectedly');
  return trailers;
}

/** The bucket of the share: keys are paths below it, at the home site. */
function shareBucket(options: S3Options): Bucket {
  const { world, homeSite, homeTree } = options;
  const knownOf = (node: Node): StoredObject | null => {
    const known = node.seen.get(homeSite);
    if (node.kind !== 'file' || !known) return null;
    return {
      key: world.pathAt(homeSite, node),
      path: homeTree.pathOf(node),
      size: known.size,
      etag: known.etag,
      modified: known.modified,
      contentType: known.contentType,
      metadata: known.userMetadata,
    };
  };
  // Reading an object whose payload is elsewhere would pull it; here it is simply not served until it is home.
  const objectOf = (node: Node): StoredObject | null =>
    node.instances.get(homeSite) === node.seen.get(homeSite)?.version ? knownOf(node) : null;
  return {
    async get(key) {
      const node = world.find(homeSite, key);
      return node ? objectOf(node) : null;
    },
    async current(key) {
      const node = world.find(homeSite, key);
      return node ? knownOf(node) : null;
    },
    async put(key, temp, object) {
      const node = world.writeFile(homeSite, key, {
        size: object.size,
        modified: object.modified,
        owner: 'artist',
        userMetadata: object.metadata,
        contentType: object.contentType,
        etag: object.etag,
      });
      await homeTree.place(temp, node);
    },
    async remove(key) {
      const node = world.find(homeSite, key);
      if (!node || node.kind !== 'file') return;
      await homeTree.remove(node);
      world.remove(homeSite, node);
    },
    async list(prefix) {
      const found: StoredObject[] = [];
      for (const node of world.nodes()) {
        if (node.kind !== 'file' || !isVisible(homeSite, node)) continue;
        if (!world.pathAt(homeSite, node).startsWith(prefix)) continue;
        const object = objectOf(node);
        if (object) found.push(object);
      }
      return found;
    },
  };
}

/** A plain bucket: objects are files of a folder, facts are kept in memory. */
function folderBucket(dir: string): Bucket {
  const objects = new Map<string, StoredObject>();
  return {
    get: async (key) => objects.get(key) ?? null,
    current: async (key) => objects.get(key) ?? null,
    async put(key, temp, object) {
      const path = join(dir, 'objects', createHash('sha256').update(key).digest('hex'));
      await mkdir(dirname(path), { recursive: true });
      await rename(temp, path);
      objects.set(key, { ...object, key, path });
    },
    async remove(key) {
      const object = objects.get(key);
      objects.delete(key);
      if (object) await rm(object.path, { force: true });
    },
    list: async (prefix) => [...objects.values()].filter((object) => object.key.startsWith(prefix)),
  };
}

function groupBy(
  all: readonly StoredObject[],
  prefix: string,
  delimiter: string,
): { objects: StoredObject[]; prefixes: string[] } {
  if (delimiter === '') return { objects: [...all], prefixes: [] };
  const prefixes = new Set<string>();
  const objects = all.filter((object) => {
    const at = object.key.indexOf(delimiter, prefix.length);
    if (at < 0) return true;
    prefixes.add(object.key.slice(0, at + delimiter.length));
    return false;
  });
  return { objects, prefixes: [...prefixes] };
}

function etagMatches(header: string, etag: string): boolean {
  return (
    header
      .split(',')
      .some(
        (candidate) =>
          candidate.trim() === '*' ||
          candidate.trim().replaceAll('"', '') === etag.replaceAll('"', ''),
      ) && header !== ''
  );
}

function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start > end ? 'unsatisfiable' : { start, end };
}

function assertKey(key: string): void {
  const bad =
    segmentsOf(key).some((segment) => segment === '..' || segment === '.') ||
    key.includes('\0') ||
    Buffer.byteLength(key) > 1024;
  if (bad) throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}

function sendXml(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'Content-Type': 'application/xml' })
    .end(`<?xml version="1.0" encoding="UTF-8"?>\n${xml.build(body)}`);
}

function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const known =
    error instanceof S3Error
      ? error
      : error instanceof WorldError
        ? new S3Error(409, 'InvalidRequest', error.message)
        : new S3Error(500, 'InternalError', 'We encountered an internal error. Please try again.');
  // A client that went away in the middle of its body is no fault of ours.
  if (known.status === 500 && request.complete)
    process.stderr.write(`sandbox s3: ${request.method} ${request.url}: ${String(error)}\n`);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  request.resume();
  if (request.method === 'HEAD') {
    response.writeHead(known.status).end();
    return;
  }
  sendXml(response, known.status, {
    Error: {
      Code: known.code,
      Message: known.message,
      Resource: request.url,
      RequestId: 'sandbox',
    },
  });
}

/** Node's 5 s would close connections just as clients that poll every few seconds use them again. */
export const KEEP_ALIVE_MS = 75_000;

export function listen(server: Server, port: number): Promise<number> {
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** Whether a file is on disk with the size its version says; used by movers before they send it. */
export async function isWhole(path: string, size: number): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.size === size;
}
