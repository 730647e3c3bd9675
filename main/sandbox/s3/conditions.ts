// Conditional requests: on reading (RFC 9110 §13.2.2, as S3 follows it), on writing, and on the source of a copy.

import { S3Error } from './errors.ts';

export interface Current {
  readonly etag: string;
  readonly modified: number;
}

type Header = (name: string) => string | undefined;

export function isNotModified(header: Header, object: Current): boolean {
  const ifMatch = header('if-match');
  const unmodifiedSince = secondsOf(header('if-unmodified-since'));
  const modified = Math.floor(object.modified / 1_000);
  if (ifMatch !== undefined) {
    if (!etagMatches(ifMatch, object.etag)) throw refused('If-Match');
  } else if (unmodifiedSince !== null && modified > unmodifiedSince)
    throw refused('If-Unmodified-Since');
  const ifNoneMatch = header('if-none-match');
  if (ifNoneMatch !== undefined) return etagMatches(ifNoneMatch, object.etag);
  const modifiedSince = secondsOf(header('if-modified-since'));
  return modifiedSince !== null && modified <= modifiedSince;
}

/** A copy whose source is not modified is refused, since there is nothing else to answer it with. */
export function assertSource(header: Header, source: Current): void {
  if (isNotModified((name) => header(`x-amz-copy-source-${name}`), source))
    throw refused('x-amz-copy-source-If-None-Match');
}

/** S3 takes `If-None-Match: *` and `If-Match: <etag>` on writes, and nothing else. */
export function assertWrite(header: Header, current: Current | null): void {
  const ifNoneMatch = header('if-none-match');
  const ifMatch = header('if-match');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*')
    throw new S3Error('NotImplemented', undefined, { fields: { Header: 'If-None-Match' } });
  if (ifNoneMatch === '*' && current) throw refused('If-None-Match');
  if (ifMatch === undefined) return;
  if (!current) throw new S3Error('NoSuchKey');
  if (!etagMatches(ifMatch, current.etag)) throw refused('If-Match');
}

function refused(condition: string): S3Error {
  return new S3Error('PreconditionFailed', undefined, { fields: { Condition: condition } });
}

function etagMatches(header: string, etag: string): boolean {
  return header.split(',').some((candidate) => {
    const plain = candidate.trim();
    return plain === '*' || plain.replace(/^W\//, '').replaceAll('"', '') === etag;
  });
}

/** A date that cannot be read is no condition (RFC 9110 §13.1.3). */
function secondsOf(text: string | undefined): number | null {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? null : Math.floor(at / 1_000);
}
