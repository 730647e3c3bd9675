// Checks AWS Signature Version 4 of a request (AWS General Reference, "Signature Version 4 signing process").

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface SignedRequest {
  readonly method: string;
  /** Path and query exactly as sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export type Signature =
  | { readonly kind: 'valid'; readonly payloadHash: string }
  | {
      readonly kind: 'refused';
      readonly code:
        | 'AccessDenied'
        | 'InvalidAccessKeyId'
        | 'SignatureDoesNotMatch'
        | 'RequestTimeTooSkewed';
      readonly message: string;
    };

const MAX_SKEW_MS = 15 * 60_000;

export function checkSignature(
  request: SignedRequest,
  credentials: Credentials,
  now: number,
): Signature {
  const authorization = headerOf(request, 'authorization');
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request,\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (!match)
    return {
      kind: 'refused',
      code: 'AccessDenied',
      message: 'The request carries no AWS Signature Version 4.',
    };
  const [, accessKeyId = '', day = '', region = '', signedHeaders = '', signature = ''] = match;
  if (accessKeyId !== credentials.accessKeyId) {
    return {
      kind: 'refused',
      code: 'InvalidAccessKeyId',
      message: 'The AWS access key Id you provided does not exist in our records.',
    };
  }
  const stamp = headerOf(request, 'x-amz-date');
  const at = Date.parse(
    stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (!(Math.abs(now - at) <= MAX_SKEW_MS)) {
    return {
      kind: 'refused',
      code: 'RequestTimeTooSkewed',
      message: 'The difference between the request time and the current time is too large.',
    };
  }
  const payloadHash = headerOf(request, 'x-amz-content-sha256') || 'UNSIGNED-PAYLOAD';
  const canonical = canonicalRequest(request, signedHeaders.split(';'), payloadHash);
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${sha256(canonical)}`;
  const key = [day, region, 's3', 'aws4_request'].reduce(
    (secret: string | Buffer, part) => hmac(secret, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  const expected = createHmac('sha256', key).update(toSign).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) {
    return {
      kind: 'refused',
      code: 'SignatureDoesNotMatch',
      message: 'The request signature we calculated does not match the signature you provided.',
    };
  }
  return { kind: 'valid', payloadHash };
}

function canonicalRequest(
  request: SignedRequest,
  signedHeaders: readonly string[],
  payloadHash: string,
): string {
  const at = request.url.indexOf('?');
  const path = at < 0 ? request.url : request.url.slice(0, at);
  const query = (at < 0 ? '' : request.url.slice(at + 1))
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      const [name, value] =
        equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)];
      return `${recode(name)}=${recode(value)}`;
    })
    .toSorted()
    .join('&');
  const headers = signedHeaders
    .map((name) => `${name}:${headerOf(request, name).trim().replace(/\s+/g, ' ')}\n`)
    .join('');
  // S3 does not normalise the path; each segment is encoded once.
  const encodedPath = path.split('/').map(recode).join('/');
  return [request.method, encodedPath, query, headers, signedHeaders.join(';'), payloadHash].join(
    '\n',
  );
}

function recode(part: string): string {
  let plain = part;
  try {
    plain = decodeURIComponent(part.replaceAll('+', '%20'));
  } catch {
    // A broken escape is signed as it stands; the signature then decides.
  }
  return encodeURIComponent(plain).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function headerOf(request: SignedRequest, name: string): string {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function sha256(data: string): string {
  return createHash('sha256').update(data).digest('hex');
}
