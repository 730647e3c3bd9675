// The XML of S3, both ways.

import type { ServerResponse } from 'node:http';
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import { S3Error } from './errors.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
export const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

const builder = new XMLBuilder({ ignoreAttributes: false, format: false });
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  removeNSPrefix: true,
  isArray: (name) => ['Object', 'Part', 'Tag'].includes(name),
});

/** A tree of elements; `undefined` is left out. */
export type XmlTree = Readonly<Record<string, unknown>>;

export function xmlOf(root: string, body: XmlTree | string): string {
  const content = typeof body === 'string' ? { '#text': body } : body;
  const isError = root === 'Error';
  const text = builder.build({
    [root]: isError ? content : { '@_xmlns': NAMESPACE, ...content },
  });
  // A bare carriage return would be read back as a line feed.
  return String(text).replaceAll('\r', '&#13;');
}

export function sendXml(
  response: ServerResponse,
  status: number,
  document: { root: string; body: XmlTree | string; headers?: Readonly<Record<string, string>> },
): void {
  const text = Buffer.from(`${DECLARATION}${xmlOf(document.root, document.body)}`);
  response
    .writeHead(status, {
      'Content-Type': 'application/xml',
      'Content-Length': text.length,
      ...document.headers,
    })
    .end(text);
}

/** The element a document consists of, or the error S3 has for what is none. */
export function parseXml(bytes: Buffer, root: string): XmlTree {
  const text = bytes.toString('utf8');
  // A document type can define entities without end; S3's documents have none.
  if (/<!DOCTYPE/i.test(text) || XMLValidator.validate(text) !== true)
    throw new S3Error('MalformedXML');
  const parsed = treeOf(documentOf(text)[root]);
  if (!parsed) throw new S3Error('MalformedXML');
  return parsed;
}

function documentOf(text: string): XmlTree {
  try {
    return parser.parse(text) as XmlTree;
  } catch {
    throw new S3Error('MalformedXML');
  }
}

export function treeOf(value: unknown): XmlTree | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as XmlTree)
    : null;
}

export function treesOf(value: unknown): XmlTree[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new S3Error('MalformedXML');
  return value.map((item) => {
    const tree = treeOf(item);
    if (!tree) throw new S3Error('MalformedXML');
    return tree;
  });
}

export function textIn(tree: XmlTree, name: string): string | undefined {
  const value = tree[name];
  return typeof value === 'string' ? value : undefined;
}
