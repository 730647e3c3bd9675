// Multipart uploads: started, filled part by part in any order, listed, completed into one object or aborted.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attributesOf, type Attributes } from './attributes.ts';
import { joinFiles, receiveDocument, receiveFile, type Received } from './body.ts';
import { LAST, type Bucket } from './buckets.ts';
import type { Call } from './call.ts';
import {
  ALGORITHMS,
  algorithmOf,
  assertWellFormed,
  badDigest,
  checksumIn,
  compositeOf,
  elementOf,
  headerOf,
  type Algorithm,
  type Checksum,
  type ChecksumType,
} from './checksums.ts';
import { assertWrite } from './conditions.ts';
import { S3Error } from './errors.ts';
import { OWNER, encoderOf, maxOf } from './listing.ts';
import { commit, copyResult, sourceOf } from './objects.ts';
import type { Service } from './service.ts';
import { DECLARATION, parseXml, sendXml, textIn, treesOf, xmlOf, type XmlTree } from './xml.ts';

const MAX_PARTS = 10_000;
const MIN_PART_BYTES = 5 * 1024 ** 2;
/** S3 begins its answer to a long completion and sends white space until the outcome is known. */
const PATIENCE_MS = 5_000;
const BEAT_MS = 1_000;

interface Upload {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly startedAt: number;
  readonly attributes: Attributes;
  readonly algorithm: Algorithm | null;
  readonly type: ChecksumType;
}

interface Part {
  readonly file: string;
  readonly size: number;
  readonly etag: string;
  readonly modified: number;
  readonly checksum: { readonly algorithm: Algorithm; readonly value: string } | null;
}

export interface Multipart {
  start(call: Call, bucket: Bucket): Promise<void>;
  part(call: Call, bucket: Bucket): Promise<void>;
  complete(call: Call, bucket: Bucket): Promise<void>;
  abort(call: Call, bucket: Bucket): Promise<void>;
  listParts(call: Call, bucket: Bucket): void;
  listUploads(call: Call, bucket: Bucket): void;
}

export function createMultipart(service: Service, dir: string): Multipart {
  const { facts } = service;
  const partsOf = (upload: Upload): string => `part ${upload.id}`;
  const dirOf = (upload: Upload): string => join(dir, upload.id);

  function uploadOf(call: Call, bucket: Bucket): Upload {
    const id = call.params.get('uploadId') ?? '';
    const upload = facts.get<Upload>('upload', id);
    if (upload && upload.bucket === bucket.name && upload.key === call.key) return upload;
    throw new S3Error('NoSuchUpload', undefined, { fields: { UploadId: id } });
  }

  async function discard(upload: Upload): Promise<void> {
    facts.remove('upload', upload.id);
    facts.removeAll(partsOf(upload));
    await rm(dirOf(upload), { recursive: true, force: true });
  }

  async function start(call: Call, bucket: Bucket): Promise<void> {
    await receiveNothing(call);
    const algorithm = algorithmOf(call.header('x-amz-checksum-algorithm'));
    const upload: Upload = {
      // Hexadecimal, because it names a folder.
      id: randomBytes(24).toString('hex'),
      bucket: bucket.name,
      key: call.key,
      startedAt: service.now(),
      attributes: attributesOf(call),
      algorithm,
      type: typeOf(algorithm, call.header('x-amz-checksum-type')),
    };
    await mkdir(dirOf(upload), { recursive: true });
    facts.set('upload', upload.id, upload);
    sendXml(call.response, 200, {
      root: 'InitiateMultipartUploadResult',
      body: { Bucket: bucket.name, Key: call.key, UploadId: upload.id },
      headers: algorithm
        ? { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': upload.type }
        : {},
    });
  }

  async function part(call: Call, bucket: Bucket): Promise<void> {
    const upload = uploadOf(call, bucket);
    const number = Number(call.params.get('partNumber'));
    if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS)
      throw new S3Error(
        'InvalidArgument',
        'Part number must be an integer between 1 and 10000, inclusive',
        {
          fields: {
            ArgumentName: 'partNumber',
            ArgumentValue: call.params.get('partNumber') ?? '',
          },
        },
      );
    const temp = service.tempPath();
    try {
      const isCopy = call.header('x-amz-copy-source') !== undefined;
      const received = isCopy
        ? await copyPart(call, temp, upload)
        : await receiveFile(call, temp, upload.algorithm);
      assertAlgorithm(upload, received);
      const kept = await keepPart({ upload, number, temp, received });
      if (isCopy) {
        sendXml(call.response, 200, {
          root: 'CopyPartResult',
          body: copyResult(kept.etag, kept.modified, kept.checksum),
        });
        return;
      }
      const { checksum } = kept;
      call.response
        .writeHead(200, {
          ETag: `"${kept.etag}"`,
          'Content-Length': 0,
          ...(checksum ? { [headerOf(checksum.algorithm)]: checksum.value } : {}),
        })
        .end();
    } finally {
      await rm(temp, { force: true });
    }
  }

  async function copyPart(call: Call, temp: string, upload: Upload): Promise<Received> {
    const { object } = await sourceOf(service, call);
    const text = call.header('x-amz-copy-source-range');
    if (object.path === null) return joinFiles([], temp, upload.algorithm);
    if (text === undefined) return joinFiles([{ path: object.path }], temp, upload.algorithm);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(text) ?? [];
    if (from === undefined || to === undefined)
      throw new S3Error(
        'InvalidArgument',
        'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      );
    const [start, end] = [Number(from), Number(to)];
    if (start > end || end >= object.size)
      throw new S3Error(
        'InvalidArgument',
        `Range specified is not valid for source object of size: ${object.size}`,
      );
    return joinFiles([{ path: object.path, start, end }], temp, upload.algorithm);
  }

  /** The last one that was sent under a number counts. */
  function keepPart(given: {
    upload: Upload;
    number: number;
    temp: string;
    received: Received;
  }): Promise<Part> {
    const { upload, number, received } = given;
    const id = idOf(number);
    return service.inLine(`part ${upload.id}/${id}`, async () => {
      if (!facts.get('upload', upload.id)) throw new S3Error('NoSuchUpload');
      const before = facts.get<Part>(partsOf(upload), id);
      const kept: Part = {
        file: `${id}-${randomBytes(6).toString('hex')}`,
        size: received.size,
        etag: received.md5.toString('hex'),
        modified: service.now(),
        checksum: received.checksum,
      };
      await rename(given.temp, join(dirOf(upload), kept.file));
      facts.set(partsOf(upload), id, kept);
      if (before) await rm(join(dirOf(upload), before.file), { force: true });
      return kept;
    });
  }

  async function complete(call: Call, bucket: Bucket): Promise<void> {
    uploadOf(call, bucket);
    const document = parseXml(await receiveDocument(call, 'of-object'), 'CompleteMultipartUpload');
    await service.inLine(`complete ${call.params.get('uploadId')}`, async () => {
      const upload = uploadOf(call, bucket);
      const parts = wantedParts(upload, document);
      assertWrite(call.header, await bucket.current(call.key));
      await patiently(service, call, () => assemble(call, bucket, { upload, parts }));
    });
  }

  /** Checks the list against what is there; only the parts it names become the object. */
  function wantedParts(upload: Upload, document: XmlTree): Part[] {
    const wanted = treesOf(document['Part']);
    if (wanted.length === 0 || wanted.length > MAX_PARTS) throw new S3Error('MalformedXML');
    const list = wanted.map((item) => {
      const number = Number(textIn(item, 'PartNumber') ?? Number.NaN);
      const etag = textIn(item, 'ETag');
      if (!Number.isInteger(number) || etag === undefined) throw new S3Error('MalformedXML');
      return { item, number, etag };
    });
    if (list.some(({ number }, at) => number <= (list[at - 1]?.number ?? 0)))
      throw new S3Error('InvalidPartOrder');
    return list.map(({ item, number, etag }, at) => {
      const found = facts.get<Part>(partsOf(upload), idOf(number));
      const fields = { UploadId: upload.id, PartNumber: number, ETag: etag };
      if (!found || found.etag !== etag.replaceAll('"', '').trim())
        throw new S3Error('InvalidPart', undefined, { fields });
      assertPartChecksum(upload, found, { item, number });
      if (at < list.length - 1 && found.size < MIN_PART_BYTES)
        throw new S3Error('EntityTooSmall', undefined, {
          fields: { ProposedSize: found.size, MinSizeAllowed: MIN_PART_BYTES, ...fields },
        });
      return found;
    });
  }

  async function assemble(
    call: Call,
    bucket: Bucket,
    of: { upload: Upload; parts: readonly Part[] },
  ): Promise<XmlTree> {
    const { upload, parts } = of;
    const temp = service.tempPath();
    try {
      const pieces = parts.map(({ file }) => ({ path: join(dirOf(upload), file) }));
      const isFull = upload.type === 'FULL_OBJECT';
      const joined = await joinFiles(pieces, temp, isFull ? upload.algorithm : null);
      const checksum = checksumOf(upload, parts, joined);
      assertWholeAsSent(call, joined.size, checksum);
      const hash = createHash('md5');
      for (const { etag } of parts) hash.update(Buffer.from(etag, 'hex'));
      const etag = `${hash.digest('hex')}-${parts.length}`;
      const object = {
        ...upload.attributes,
        size: joined.size,
        etag,
        modified: Math.floor(service.now()),
        checksum,
        partSizes: parts.map(({ size }) => size),
      };
      await commit(service, call, bucket, () => bucket.put(call.key, temp, object));
      await discard(upload);
      return {
        Location: `http://${call.header('host') ?? ''}/${bucket.name}/${encodeURI(call.key)}`,
        Bucket: bucket.name,
        Key: call.key,
        ETag: `"${etag}"`,
        ...(checksum
          ? { [elementOf(checksum.algorithm)]: checksum.value, ChecksumType: checksum.type }
          : {}),
      };
    } finally {
      await rm(temp, { force: true });
    }
  }

  async function abort(call: Call, bucket: Bucket): Promise<void> {
    await discard(uploadOf(call, bucket));
    call.response.writeHead(204).end();
  }

  function listParts(call: Call, bucket: Bucket): void {
    const upload = uploadOf(call, bucket);
    const max = maxOf(call.params.get('max-parts'), 'max-parts');
    const marker = maxOf(call.params.get('part-number-marker') ?? '0', 'part-number-marker');
    const shown: [number, Part][] = [];
    let isTruncated = false;
    for (const [id, found] of facts.after<Part>(partsOf(upload), idOf(marker))) {
      isTruncated = shown.length === max;
      if (isTruncated) break;
      shown.push([Number(id), found]);
    }
    sendXml(call.response, 200, {
      root: 'ListPartsResult',
      body: {
        Bucket: bucket.name,
        Key: call.key,
        UploadId: upload.id,
        Initiator: OWNER,
        Owner: OWNER,
        StorageClass: 'STANDARD',
        PartNumberMarker: marker,
        NextPartNumberMarker: shown.at(-1)?.[0] ?? 0,
        MaxParts: max,
        IsTruncated: isTruncated && max > 0,
        ...(upload.algorithm
          ? { ChecksumAlgorithm: upload.algorithm, ChecksumType: upload.type }
          : {}),
        Part: shown.map(([number, found]) => ({
          PartNumber: number,
          LastModified: new Date(found.modified).toISOString(),
          ETag: `"${found.etag}"`,
          Size: found.size,
          ...(found.checksum
            ? { [elementOf(found.checksum.algorithm)]: found.checksum.value }
            : {}),
        })),
      },
    });
  }

  function listUploads(call: Call, bucket: Bucket): void {
    const { params } = call;
    const prefix = params.get('prefix') ?? '';
    const delimiter = params.get('delimiter') ?? '';
    const max = maxOf(params.get('max-uploads'), 'max-uploads');
    const encode = encoderOf(params.get('encoding-type'));
    const keyMarker = params.get('key-marker') ?? '';
    const idMarker = params.get('upload-id-marker') ?? '';
    const after = idMarker === '' ? LAST : idMarker;
    const all = [...facts.after<Upload>('upload', '')]
      .map(([, upload]) => upload)
      .filter((upload) => upload.bucket === bucket.name && upload.key.startsWith(prefix))
      .filter(
        ({ key, id }) => keyMarker === '' || key > keyMarker || (key === keyMarker && id > after),
      )
      .toSorted((a, b) => (a.key === b.key ? a.startedAt - b.startedAt : a.key < b.key ? -1 : 1));
    const commons = new Set<string>();
    const plain = all.filter(({ key }) => {
      const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      if (at >= 0) commons.add(key.slice(0, at + delimiter.length));
      return at < 0;
    });
    const shown = plain.slice(0, max);
    const last = shown.at(-1);
    const isTruncated = plain.length > shown.length && max > 0;
    sendXml(call.response, 200, {
      root: 'ListMultipartUploadsResult',
      body: {
        Bucket: bucket.name,
        KeyMarker: encode(keyMarker),
        UploadIdMarker: idMarker,
        ...(isTruncated && last
          ? { NextKeyMarker: encode(last.key), NextUploadIdMarker: last.id }
          : {}),
        Prefix: encode(prefix),
        Delimiter: encode(delimiter),
        MaxUploads: max,
        IsTruncated: isTruncated,
        Upload: shown.map((upload) => ({
          Key: encode(upload.key),
          UploadId: upload.id,
          Initiator: OWNER,
          Owner: OWNER,
          StorageClass: 'STANDARD',
          Initiated: new Date(upload.startedAt).toISOString(),
          ...(upload.algorithm
            ? { ChecksumAlgorithm: upload.algorithm, ChecksumType: upload.type }
            : {}),
        })),
        CommonPrefixes: [...commons].map((common) => ({ Prefix: encode(common) })),
      },
    });
  }

  return { start, part, complete, abort, listParts, listUploads };
}

/** Which sums can be of the whole: those that can be computed from their parts' (S3 User Guide, "Checking integrity"). */
function typeOf(algorithm: Algorithm | null, asked: string | undefined): ChecksumType {
  const type = asked?.toUpperCase();
  if (type !== undefined && type !== 'FULL_OBJECT' && type !== 'COMPOSITE')
    throw new S3Error('InvalidRequest', 'Value for x-amz-checksum-type header is invalid.');
  const isBad =
    (algorithm === 'CRC64NVME' && type === 'COMPOSITE') ||
    (algorithm?.startsWith('SHA') === true && type === 'FULL_OBJECT');
  if (isBad)
    throw new S3Error(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm?.toLowerCase()} checksum algorithm.`,
    );
  return type ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
}

function assertAlgorithm(upload: Upload, received: Received): void {
  const actual = received.checksum?.algorithm ?? null;
  if (upload.algorithm === null || upload.algorithm === actual) return;
  throw new S3Error(
    'InvalidRequest',
    `Checksum Type mismatch occurred, expected checksum Type: ${upload.algorithm.toLowerCase()}, actual checksum Type: ${actual?.toLowerCase() ?? 'null'}`,
  );
}

function assertPartChecksum(
  upload: Upload,
  found: Part,
  of: { item: XmlTree; number: number },
): void {
  for (const algorithm of ALGORITHMS) {
    const sent = textIn(of.item, elementOf(algorithm));
    if (sent === undefined) {
      if (algorithm === upload.algorithm && upload.type === 'COMPOSITE')
        throw new S3Error(
          'InvalidRequest',
          `The upload was created using a ${algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${of.number} in the request.`,
        );
      continue;
    }
    const { checksum } = found;
    if (checksum?.algorithm === algorithm && checksum.value !== sent)
      throw new S3Error('InvalidPart', undefined, {
        fields: { UploadId: upload.id, PartNumber: of.number },
      });
  }
}

function checksumOf(upload: Upload, parts: readonly Part[], joined: Received): Checksum | null {
  const { algorithm, type } = upload;
  if (algorithm === null) return null;
  if (type === 'FULL_OBJECT') return joined.checksum && { ...joined.checksum, type };
  const values = parts.map(({ checksum }) => checksum?.value ?? '');
  return { algorithm, value: compositeOf(algorithm, values), type };
}

/** A client may say what the whole has to be: its size and its checksum. */
function assertWholeAsSent(call: Call, size: number, checksum: Checksum | null): void {
  const sentSize = call.header('x-amz-mp-object-size');
  if (sentSize !== undefined && Number(sentSize) !== size)
    throw new S3Error(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${sentSize} does not match what was computed: ${size}`,
    );
  const sent = checksumIn(call.request.headers);
  if (!sent || !checksum || sent.algorithm !== checksum.algorithm) return;
  if (checksum.type === 'FULL_OBJECT') assertWellFormed(sent);
  if (sent.value.split('-')[0] !== checksum.value.split('-')[0]) throw badDigest(sent.algorithm);
}

/** Errors that come after the answer has begun stand in its body, under the status 200 (S3 API, CompleteMultipartUpload). */
async function patiently(
  service: Service,
  call: Call,
  action: () => Promise<XmlTree>,
): Promise<void> {
  const { response } = call;
  const { faults } = service;
  let beat: NodeJS.Timeout | undefined;
  const begin = (): void => {
    response.writeHead(200, { 'Content-Type': 'application/xml' });
    response.write(DECLARATION);
    beat = setInterval(() => response.write(' '), BEAT_MS);
  };
  const patience = setTimeout(begin, PATIENCE_MS);
  try {
    if ((faults.completeDelayMs ?? 0) > 0 || (faults.failCompletes ?? 0) > 0) {
      clearTimeout(patience);
      begin();
      response.write(' ');
      await sleep(faults.completeDelayMs ?? 0);
    }
    if ((faults.failCompletes ?? 0) > 0) {
      faults.failCompletes = (faults.failCompletes ?? 0) - 1;
      throw new S3Error('InternalError');
    }
    const result = await action();
    clearTimeout(patience);
    if (response.headersSent) response.end(xmlOf('CompleteMultipartUploadResult', result));
    else sendXml(response, 200, { root: 'CompleteMultipartUploadResult', body: result });
  } catch (error) {
    if (!response.headersSent) throw error;
    const known = error instanceof S3Error ? error : new S3Error('InternalError');
    response.end(xmlOf('Error', { Code: known.code, Message: known.message, ...known.fields }));
  } finally {
    clearTimeout(patience);
    clearInterval(beat);
  }
}

/** A call without a document may still come with a body of nothing. */
async function receiveNothing(call: Call): Promise<void> {
  if (Number(call.header('content-length') ?? 0) > 0) await receiveDocument(call);
}

/** Numbers as text that sorts as they do. */
function idOf(number: number): string {
  return String(number).padStart(5, '0');
}
