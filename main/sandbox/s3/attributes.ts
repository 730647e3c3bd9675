// What an object carries beside its bytes: user metadata, content headers and tags, from requests and back into answers.

import type { ObjectFacts, StoredObject, Tags } from './buckets.ts';
import { textOf, type Call } from './call.ts';
import { headerOf } from './checksums.ts';
import { S3Error } from './errors.ts';
import { textIn, treeOf, treesOf, type XmlTree } from './xml.ts';

export type Attributes = Pick<ObjectFacts, 'contentType' | 'metadata' | 'headers' | 'tags'>;

const CONTENT_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
] as const;
const MAX_METADATA_BYTES = 2_048;
const MAX_TAGS = 10;
const META = 'x-amz-meta-';

export function attributesOf(call: Call): Attributes {
  const metadata: Record<string, string> = {};
  let size = 0;
  const add = (name: string, value: string): void => {
    if (!name.startsWith(META)) return;
    metadata[name.slice(META.length)] = value;
    size += name.length - META.length + Buffer.byteLength(value);
  };
  for (const [name, value] of call.params) {
    if (call.header(name) !== undefined) add(name, value);
  }
  for (const [name, value] of Object.entries(call.request.headers)) {
    if (typeof value === 'string') add(name, textOf(value));
  }
  if (size > MAX_METADATA_BYTES)
    throw new S3Error('MetadataTooLarge', undefined, {
      fields: { Size: size, MaxSizeAllowed: MAX_METADATA_BYTES },
    });
  const headers: Record<string, string> = {};
  for (const name of CONTENT_HEADERS) {
    const value = name === 'content-encoding' ? encodingOf(call) : call.header(name);
    if (value !== undefined) headers[name] = value;
  }
  return {
    contentType: call.header('content-type') ?? 'binary/octet-stream',
    metadata,
    headers,
    tags: tagsInHeader(call.header('x-amz-tagging')),
  };
}

/** The framing of the body is no property of the object. */
function encodingOf(call: Call): string | undefined {
  const encodings = (call.header('content-encoding') ?? '')
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== '' && encoding !== 'aws-chunked');
  return encodings.length === 0 ? undefined : encodings.join(',');
}

export function answerHeaders(object: StoredObject): Record<string, string | number> {
  return {
    ETag: `"${object.etag}"`,
    'Last-Modified': new Date(object.modified).toUTCString(),
    'Accept-Ranges': 'bytes',
    'Content-Type': object.contentType === '' ? 'binary/octet-stream' : object.contentType,
    ...object.headers,
    ...Object.fromEntries(
      Object.entries(object.metadata).map(([name, value]) => [META + name, headerValueOf(value)]),
    ),
    ...(object.tags.length > 0 ? { 'x-amz-tagging-count': object.tags.length } : {}),
  };
}

export function checksumHeaders(object: Pick<ObjectFacts, 'checksum'>): Record<string, string> {
  const { checksum } = object;
  if (!checksum) return {};
  return {
    [headerOf(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': checksum.type,
  };
}

/** S3 gives metadata that is not US-ASCII back as RFC 2047 words. */
function headerValueOf(value: string): string {
  return /^[\x20-\x7e\t]*$/.test(value)
    ? value
    : `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`;
}

function tagsInHeader(text: string | undefined): Tags {
  if (text === undefined || text === '') return [];
  return assertTags([...new URLSearchParams(text)]);
}

export function tagsInXml(document: XmlTree): Tags {
  const set = treeOf(document['TagSet']);
  if (!set && document['TagSet'] !== '') throw new S3Error('MalformedXML');
  return assertTags(
    treesOf(set?.['Tag']).map((tag): [string, string] => [
      textIn(tag, 'Key') ?? '',
      textIn(tag, 'Value') ?? '',
    ]),
  );
}

function assertTags(tags: [string, string][]): Tags {
  if (tags.length > MAX_TAGS)
    throw new S3Error('InvalidTag', 'Object tags cannot be greater than 10');
  if (new Set(tags.map(([key]) => key)).size !== tags.length)
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key');
  for (const [key, value] of tags) {
    if (key === '' || key.length > 128 || !TAG.test(key))
      throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid');
    if (value.length > 256 || !TAG.test(value))
      throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid');
  }
  return tags;
}

/** Letters, digits, spaces and `+ - = . _ : / @` (Amazon S3 User Guide, "Tag restrictions"). */
const TAG = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
