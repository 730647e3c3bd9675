// The calls on one object: read, write, copy, delete and its tags; and the delete of many.

import { open, rm, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  answerHeaders,
  attributesOf,
  checksumHeaders,
  tagsInXml,
  type Attributes,
} from './attributes.ts';
import { MAX_PUT_BYTES, joinFiles, receiveDocument, receiveFile, type Received } from './body.ts';
import type { Bucket, StoredObject } from './buckets.ts';
import { assertKey, decodePath, type Call } from './call.ts';
import { algorithmOf, elementOf, type Checksum } from './checksums.ts';
import { assertSource, assertWrite, isNotModified } from './conditions.ts';
import { S3Error } from './errors.ts';
import type { Service } from './service.ts';
import { parseXml, sendXml, textIn, treesOf, type XmlTree } from './xml.ts';

const MAX_DELETES = 1_000;

export async function existing(bucket: Bucket, key: string): Promise<StoredObject> {
  const object = await bucket.get(key);
  if (!object) throw new S3Error('NoSuchKey', undefined, { fields: { Key: key } });
  return object;
}

/** Drops the lock-step of "who may write" to one place: the condition holds at the moment the object is put. */
export function commit(
  service: Service,
  call: Call,
  bucket: Bucket,
  put: () => Promise<void>,
): Promise<void> {
  return service.inLine(`${bucket.name}/${call.key}`, async () => {
    assertWrite(call.header, await bucket.current(call.key));
    await put();
  });
}

export async function readObject(call: Call, bucket: Bucket): Promise<void> {
  const { response } = call;
  for (let round = 0; ; round += 1) {
    const object = await existing(bucket, call.key);
    const headers = answerHeaders(object);
    if (isNotModified(call.header, object)) {
      response
        .writeHead(304, { ETag: headers['ETag'], 'Last-Modified': headers['Last-Modified'] })
        .end();
      return;
    }
    const span = spanOf(call, object);
    for (const [param, header] of OVERRIDES) {
      const value = call.params.get(param);
      if (value !== null && !/[^\t\x20-\x7e]/.test(value)) headers[header] = value;
    }
    headers['Content-Length'] = span.end - span.start + 1;
    if (span.isPart) headers['Content-Range'] = `bytes ${span.start}-${span.end}/${object.size}`;
    if (span.parts > 0) headers['x-amz-mp-parts-count'] = span.parts;
    // The sum is of the whole, so it stands only beside the whole.
    if (call.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED' && !span.isPart)
      Object.assign(headers, checksumHeaders(object));
    const status = span.isPart ? 206 : 200;
    if (call.method === 'HEAD' || object.size === 0 || object.path === null) {
      response.writeHead(status, headers).end();
      return;
    }
    const file = await openWhole(object.path, object.size);
    if (!file) {
      // Between the moment a version is known and the moment its file is in place; answered like any short trouble.
      if (round >= 20) throw new S3Error('SlowDown');
      await sleep(25);
      continue;
    }
    response.writeHead(status, headers);
    if (span.end - span.start < SMALL_BYTES) {
      response.end(await readSmall(file, span));
      return;
    }
    // Ends both sides when either fails: a client that goes away must not leave an open file.
    await pipeline(file.createReadStream({ start: span.start, end: span.end }), response).catch(
      () => response.destroy(),
    );
    return;
  }
}

const OVERRIDES = [
  ['response-cache-control', 'cache-control'],
  ['response-content-disposition', 'content-disposition'],
  ['response-content-encoding', 'content-encoding'],
  ['response-content-language', 'content-language'],
  ['response-content-type', 'Content-Type'],
  ['response-expires', 'expires'],
] as const;

/** A stream costs a small object more than its bytes do. */
const SMALL_BYTES = 64 * 1024;

async function readSmall(file: FileHandle, span: Span): Promise<Buffer> {
  try {
    const bytes = Buffer.alloc(span.end - span.start + 1);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, span.start);
    if (bytesRead !== bytes.length) throw new Error('the file became shorter while it was read');
    return bytes;
  } finally {
    await file.close();
  }
}

async function openWhole(path: string, size: number) {
  try {
    const file = await open(path);
    if ((await file.stat()).size === size) return file;
    await file.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return null;
}

interface Span {
  readonly start: number;
  readonly end: number;
  readonly isPart: boolean;
  /** Number of parts, where one was asked for. */
  readonly parts: number;
}

function spanOf(call: Call, object: StoredObject): Span {
  const whole = { start: 0, end: object.size - 1, isPart: false, parts: 0 };
  const range = call.header('range');
  const partNumber = call.params.get('partNumber');
  if (partNumber !== null) {
    if (range !== undefined)
      throw new S3Error(
        'InvalidRequest',
        'Cannot specify both Range header and partNumber query parameter',
      );
    const number = Number(partNumber);
    const sizes = object.partSizes.length > 0 ? object.partSizes : [object.size];
    const size = sizes[number - 1];
    if (size === undefined) throw new S3Error('InvalidPartNumber');
    const start = sizes.slice(0, number - 1).reduce((sum, before) => sum + before, 0);
    if (size === 0) return whole;
    return { start, end: start + size - 1, isPart: true, parts: object.partSizes.length };
  }
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  // Several ranges, and ranges that are none, are answered with the whole.
  if ((from === '' && to === '') || (from !== '' && to !== '' && Number(to) < Number(from)))
    return whole;
  const start = from === '' ? Math.max(0, object.size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? object.size - 1 : Math.min(Number(to), object.size - 1);
  if (start > end)
    throw new S3Error('InvalidRange', undefined, {
      fields: { RangeRequested: range ?? '', ActualObjectSize: object.size },
      headers: { 'Content-Range': `bytes */${object.size}` },
    });
  return { start, end, isPart: true, parts: 0 };
}

export async function putObject(service: Service, call: Call, bucket: Bucket): Promise<void> {
  refuseUnknown(call);
  const attributes = attributesOf(call);
  // Asked before the body comes too, so that nobody sends gigabytes that will not be taken.
  assertWrite(call.header, await bucket.current(call.key));
  const temp = service.tempPath();
  try {
    const received = await receiveFile(call, temp);
    const object = objectFrom(received, attributes, service.now());
    await commit(service, call, bucket, () => bucket.put(call.key, temp, object));
    call.response
      .writeHead(200, {
        ETag: `"${object.etag}"`,
        'Content-Length': 0,
        ...checksumHeaders(object),
      })
      .end();
  } finally {
    await rm(temp, { force: true });
  }
}

function objectFrom(received: Received, attributes: Attributes, now: number) {
  const checksum: Checksum | null = received.checksum && {
    ...received.checksum,
    type: 'FULL_OBJECT',
  };
  return {
    ...attributes,
    size: received.size,
    etag: received.md5.toString('hex'),
    modified: Math.floor(now),
    checksum,
    partSizes: [],
  };
}

/** Encryption with a customer's key would have to be kept up on every read, so it is refused rather than ignored. */
function refuseUnknown(call: Call): void {
  const customerKey = 'x-amz-server-side-encryption-customer-algorithm';
  if (call.header(customerKey) !== undefined)
    throw new S3Error('NotImplemented', undefined, { fields: { Header: customerKey } });
}

export async function copyObject(service: Service, call: Call, bucket: Bucket): Promise<void> {
  refuseUnknown(call);
  const source = await sourceOf(service, call);
  const directive = (call.header('x-amz-metadata-directive') ?? 'COPY').toUpperCase();
  const tagging = (call.header('x-amz-tagging-directive') ?? 'COPY').toUpperCase();
  for (const [name, value] of Object.entries({ metadata: directive, tagging })) {
    if (value !== 'COPY' && value !== 'REPLACE')
      throw new S3Error('InvalidArgument', `Unknown ${name} directive.`);
  }
  if (source.bucket === bucket && source.object.key === call.key && directive === 'COPY')
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  if (source.object.size > MAX_PUT_BYTES)
    throw new S3Error(
      'InvalidRequest',
      'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120',
    );
  assertWrite(call.header, await bucket.current(call.key));
  const given = attributesOf(call);
  const attributes = {
    ...(directive === 'REPLACE' ? given : source.object),
    tags: tagging === 'REPLACE' ? given.tags : source.object.tags,
  };
  const algorithm =
    algorithmOf(call.header('x-amz-checksum-algorithm')) ??
    source.object.checksum?.algorithm ??
    null;
  const temp = service.tempPath();
  try {
    const { path } = source.object;
    const received = await joinFiles(path === null ? [] : [{ path }], temp, algorithm);
    const { contentType, metadata, headers, tags } = attributes;
    const object = objectFrom(received, { contentType, metadata, headers, tags }, service.now());
    await commit(service, call, bucket, () => bucket.put(call.key, temp, object));
    sendXml(call.response, 200, {
      root: 'CopyObjectResult',
      body: copyResult(object.etag, object.modified, object.checksum),
    });
  } finally {
    await rm(temp, { force: true });
  }
}

export function copyResult(
  etag: string,
  modified: number,
  checksum: { algorithm: Checksum['algorithm']; value: string } | null,
): XmlTree {
  return {
    LastModified: new Date(modified).toISOString(),
    ETag: `"${etag}"`,
    ...(checksum ? { [elementOf(checksum.algorithm)]: checksum.value } : {}),
  };
}

/** The object a copy is made of; its conditions are held here. */
export async function sourceOf(
  service: Service,
  call: Call,
): Promise<{ bucket: Bucket; object: StoredObject }> {
  const text = call.header('x-amz-copy-source') ?? '';
  const [path = '', query = ''] = text.split('?');
  const plain = decodePath(path.replaceAll('+', '%20')).replace(/^\//, '');
  const slash = plain.indexOf('/');
  const version = new URLSearchParams(query).get('versionId');
  if (slash <= 0 || slash === plain.length - 1 || (version !== null && version !== 'null'))
    throw new S3Error(
      'InvalidArgument',
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      { fields: { ArgumentName: 'x-amz-copy-source', ArgumentValue: text } },
    );
  const bucket = service.bucket(plain.slice(0, slash));
  const key = plain.slice(slash + 1);
  assertKey(key);
  const object = await existing(bucket, key);
  assertSource(call.header, object);
  return { bucket, object };
}

export async function deleteObject(service: Service, call: Call, bucket: Bucket): Promise<void> {
  await service.inLine(`${bucket.name}/${call.key}`, async () => {
    const current = await bucket.current(call.key);
    // A delete of what is not there succeeds, unless it is bound to a version of it.
    if (call.header('if-match') !== undefined) assertWrite(call.header, current);
    await bucket.remove(call.key);
  });
  call.response.writeHead(204).end();
}

export async function deleteObjects(service: Service, call: Call, bucket: Bucket): Promise<void> {
  const document = parseXml(await receiveDocument(call, 'required'), 'Delete');
  const keys = treesOf(document['Object']).map((item) => textIn(item, 'Key') ?? '');
  if (keys.length === 0 || keys.length > MAX_DELETES || keys.includes(''))
    throw new S3Error('MalformedXML');
  const deleted: string[] = [];
  const errors: XmlTree[] = [];
  for (const key of keys) {
    try {
      assertKey(key);
      await service.inLine(`${bucket.name}/${key}`, () => bucket.remove(key));
      deleted.push(key);
    } catch (error) {
      // One that cannot be deleted is told in its place; the others are still deleted.
      const { code, message } = error instanceof S3Error ? error : new S3Error('InternalError');
      errors.push({ Key: key, Code: code, Message: message });
    }
  }
  const isQuiet = textIn(document, 'Quiet')?.trim() === 'true';
  sendXml(call.response, 200, {
    root: 'DeleteResult',
    body: {
      Deleted: isQuiet ? [] : deleted.map((Key) => ({ Key })),
      Error: errors,
    },
  });
}

export async function taggingCall(service: Service, call: Call, bucket: Bucket): Promise<void> {
  const object = await existing(bucket, call.key);
  switch (call.method) {
    case 'GET':
      sendXml(call.response, 200, {
        root: 'Tagging',
        body: { TagSet: { Tag: object.tags.map(([Key, Value]) => ({ Key, Value })) } },
      });
      return;
    case 'PUT': {
      const tags = tagsInXml(parseXml(await receiveDocument(call), 'Tagging'));
      await service.inLine(`${bucket.name}/${call.key}`, () => bucket.setTags(call.key, tags));
      call.response.writeHead(200, { 'Content-Length': 0 }).end();
      return;
    }
    case 'DELETE':
      await service.inLine(`${bucket.name}/${call.key}`, () => bucket.setTags(call.key, []));
      call.response.writeHead(204).end();
      return;
    default:
      throw new S3Error('MethodNotAllowed');
  }
}
