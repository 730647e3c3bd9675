// One request as the routes see it: which bucket and key it means, its parameters and headers, and whose it is.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Error } from './errors.ts';
import { checkSignature, type Authority, type Payload } from './signature.ts';

export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  /** '' where the request is about the account. */
  readonly bucketName: string;
  /** '' where it is about the bucket. */
  readonly key: string;
  readonly params: URLSearchParams;
  readonly payload: Payload;
  /** The client waits for a word before it sends its body. */
  readonly expectsContinue: boolean;
  header(name: string): string | undefined;
}

export const MAX_KEY_BYTES = 1_024;

export function openCall(
  exchange: { request: IncomingMessage; response: ServerResponse; expectsContinue: boolean },
  authority: Authority,
): Call {
  const { request } = exchange;
  const target = targetOf(request.url ?? '/');
  const signature = checkSignature(
    { method: request.method ?? '', ...target, rawHeaders: request.rawHeaders },
    authority,
  );
  const params = new URLSearchParams(target.query);
  return {
    ...exchange,
    method: request.method ?? '',
    ...addressOf(target.path, request.headers.host ?? ''),
    params,
    payload: signature.payload,
    header(name) {
      const value = request.headers[name];
      if (value !== undefined) return Array.isArray(value) ? value.join(',') : value;
      // A presigned address may carry what would be headers; a checksum in it is of no body yet, so it is none.
      return signature.isPresigned && name.startsWith('x-amz-') && !name.includes('checksum')
        ? (params.get(name) ?? undefined)
        : undefined;
    },
  };
}

/** Text of a header's bytes: Node hands them over as Latin-1, clients send UTF-8. */
export function textOf(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}

function targetOf(url: string): { path: string; query: string } {
  const relative = url.replace(/^https?:\/\/[^/?]*/i, '');
  const at = relative.indexOf('?');
  const path = at < 0 ? relative : relative.slice(0, at);
  return { path: path === '' ? '/' : path, query: at < 0 ? '' : relative.slice(at + 1) };
}

/** Path style, or virtual-host style where the host is a name below one an endpoint answers to. */
function addressOf(path: string, host: string): { bucketName: string; key: string } {
  // S3 reads a plus in a path as a space; clients send %2B for the sign.
  const plain = decodePath(path.replaceAll('+', '%20')).slice(1);
  const name = host.replace(/:\d+$/, '').toLowerCase();
  const virtual = /^(.+)\.(?:localhost|127\.0\.0\.1|s3(?:[.-][a-z0-9.-]+)?)$/.exec(name)?.[1];
  if (virtual !== undefined && virtual !== 's3') return { bucketName: virtual, key: plain };
  const slash = plain.indexOf('/');
  return slash < 0
    ? { bucketName: plain, key: '' }
    : { bucketName: plain.slice(0, slash), key: plain.slice(slash + 1) };
}

export function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new S3Error('InvalidURI');
  }
}

export function assertKey(key: string): void {
  const size = Buffer.byteLength(key);
  if (size > MAX_KEY_BYTES)
    throw new S3Error('KeyTooLongError', undefined, {
      fields: { Size: size, MaxSizeAllowed: MAX_KEY_BYTES },
    });
  // Such a key would leave its folder where keys are paths; Amazon refuses those that climb above the bucket.
  const climbs = key.split('/').some((segment) => segment === '..' || segment === '.');
  if (climbs || key.includes('\0')) throw new S3Error('InvalidURI');
}
