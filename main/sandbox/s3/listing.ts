// Listings of a bucket, versions 1 and 2: prefix, delimiter, pages, and keys encoded where the client asks for it.

import { LAST, type Bucket, type StoredObject } from './buckets.ts';
import type { Call } from './call.ts';
import { S3Error } from './errors.ts';
import { sendXml, type XmlTree } from './xml.ts';

const MAX_KEYS = 1_000;

export function listObjects(call: Call, bucket: Bucket): void {
  const { params } = call;
  const isV2 = params.get('list-type') === '2';
  const prefix = params.get('prefix') ?? '';
  const delimiter = params.get('delimiter') ?? '';
  const max = maxOf(params.get('max-keys'), 'max-keys');
  const encode = encoderOf(params.get('encoding-type'));
  const token = params.get('continuation-token');
  const startAfter = params.get('start-after');
  const marker = params.get('marker') ?? '';
  const after = isV2 ? (token === null ? (startAfter ?? '') : fromToken(token)) : marker;
  const page = pageOf(bucket, { prefix, delimiter, after, max });
  const optional = (name: string, value: string | null): XmlTree =>
    value === null || value === '' ? {} : { [name]: value };
  sendXml(call.response, 200, {
    root: 'ListBucketResult',
    body: {
      Name: bucket.name,
      Prefix: encode(prefix),
      ...(isV2
        ? {
            ...optional('StartAfter', startAfter && encode(startAfter)),
            ...optional('ContinuationToken', token),
            KeyCount: page.objects.length + page.prefixes.length,
          }
        : { Marker: encode(marker) }),
      ...optional('Delimiter', encode(delimiter)),
      MaxKeys: max,
      ...optional('EncodingType', params.get('encoding-type')),
      IsTruncated: page.isTruncated,
      ...(page.isTruncated && isV2 ? { NextContinuationToken: toToken(page.last) } : {}),
      // Version 1 gives the next marker only with a delimiter; else it is the last key.
      ...(page.isTruncated && !isV2 && delimiter !== '' ? { NextMarker: encode(page.last) } : {}),
      Contents: page.objects.map((object) => ({
        Key: encode(object.key),
        LastModified: new Date(object.modified).toISOString(),
        ETag: `"${object.etag}"`,
        ...(object.checksum
          ? {
              ChecksumAlgorithm: object.checksum.algorithm,
              ChecksumType: object.checksum.type,
            }
          : {}),
        Size: object.size,
        ...(isV2 && params.get('fetch-owner') !== 'true' ? {} : { Owner: OWNER }),
        StorageClass: 'STANDARD',
      })),
      CommonPrefixes: page.prefixes.map((common) => ({ Prefix: encode(common) })),
    },
  });
}

/** One account owns everything here; the form of the id is Amazon's. */
export const OWNER = { ID: '0'.repeat(64), DisplayName: 'studio' } as const;

interface Page {
  readonly objects: readonly StoredObject[];
  readonly prefixes: readonly string[];
  readonly isTruncated: boolean;
  /** The last key or common prefix, after which the next page begins. */
  readonly last: string;
}

function pageOf(
  bucket: Bucket,
  want: { prefix: string; delimiter: string; after: string; max: number },
): Page {
  const { prefix, delimiter, max } = want;
  const objects: StoredObject[] = [];
  const prefixes: string[] = [];
  const isPastPrefix =
    delimiter !== '' &&
    want.after.length > prefix.length &&
    want.after.startsWith(prefix) &&
    want.after.endsWith(delimiter);
  // A page that ended with a common prefix goes on behind all of it.
  const cursor = { prefix, after: isPastPrefix ? `${want.after}${LAST}` : want.after };
  let last = '';
  if (max === 0) return { objects, prefixes, isTruncated: false, last };
  for (const object of bucket.list(cursor)) {
    if (objects.length + prefixes.length === max)
      return { objects, prefixes, isTruncated: true, last };
    const at = delimiter === '' ? -1 : object.key.indexOf(delimiter, prefix.length);
    if (at < 0) {
      objects.push(object);
      last = object.key;
    } else {
      last = object.key.slice(0, at + delimiter.length);
      prefixes.push(last);
      cursor.after = `${last}${LAST}`;
    }
  }
  return { objects, prefixes, isTruncated: false, last };
}

export function maxOf(text: string | null, name: string): number {
  if (text === null || text === '') return MAX_KEYS;
  if (!/^\d{1,10}$/.test(text))
    throw new S3Error(
      'InvalidArgument',
      `Provided ${name} not an integer or within integer range`,
      {
        fields: { ArgumentName: name, ArgumentValue: text },
      },
    );
  return Math.min(Number(text), MAX_KEYS);
}

/** Some keys cannot stand in XML at all, so clients may have them in URL form. */
export function encoderOf(type: string | null): (text: string) => string {
  if (type === null) return (text) => text;
  if (type !== 'url')
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request', {
      fields: { ArgumentName: 'encoding-type', ArgumentValue: type },
    });
  return (text) => encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%20', '+');
}

function toToken(last: string): string {
  return Buffer.from(last).toString('base64url');
}

function fromToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (token !== '' && toToken(text) === token) return text;
  throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect', {
    fields: { ArgumentName: 'continuation-token' },
  });
}
