// Checks AWS Signature Version 4 of a request, in its header or in its query (AWS General Reference, "SigV4 signing";
// Amazon S3 API Reference, "Authenticating Requests").

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { S3Error } from './errors.ts';

export interface SignedRequest {
  readonly method: string;
  /** As sent, neither decoded nor made simpler. */
  readonly path: string;
  readonly query: string;
  /** Name, value, name, value… as they came. */
  readonly rawHeaders: readonly string[];
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Temporary credentials carry a token and end. */
  readonly sessionToken?: string;
  readonly expiresAt?: number;
}

/** What the signature says of the body that follows. */
export type Payload =
  | { readonly kind: 'signed'; readonly sha256: string }
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'chunked'; readonly seal: ChunkSeal | null; readonly hasTrailer: boolean };

/** Signs one chunk after the other; each signature holds the one before. */
export interface ChunkSeal {
  chunk(sha256: string): string;
  trailer(sha256: string): string;
}

export interface Signature {
  readonly payload: Payload;
  readonly isPresigned: boolean;
}

export interface Authority {
  readonly credentials: readonly Credentials[];
  readonly region: string;
  readonly now: number;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_SKEW_MS = 15 * 60_000;
const MAX_EXPIRES_SECONDS = 604_800;
const EMPTY_SHA256 = sha256(Buffer.alloc(0));

interface Claim {
  readonly accessKeyId: string;
  readonly day: string;
  readonly region: string;
  readonly service: string;
  readonly terminator: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly stamp: string;
  readonly payloadHash: string;
  readonly token: string | null;
  /** Null where the claim is a header's. */
  readonly expiresSeconds: number | null;
}

export function checkSignature(request: SignedRequest, authority: Authority): Signature {
  const headers = headersOf(request);
  const query = pairsOf(request.query);
  const claim = claimOf(headers, query);
  assertScope(claim, authority.region);
  const credentials = authority.credentials.find(
    (candidate) => candidate.accessKeyId === claim.accessKeyId,
  );
  if (!credentials)
    throw new S3Error('InvalidAccessKeyId', undefined, {
      fields: { AWSAccessKeyId: claim.accessKeyId },
    });
  assertToken(claim, credentials, authority.now);
  assertTime(claim, authority.now);
  assertAllSigned(claim, headers);

  const canonical = canonicalRequest(request, claim, { headers, query });
  const scope = `${claim.day}/${claim.region}/s3/aws4_request`;
  const toSign = `${ALGORITHM}\n${claim.stamp}\n${scope}\n${sha256(Buffer.from(canonical))}`;
  const key = signingKey(credentials.secretAccessKey, claim);
  if (!sameHex(hmacHex(key, toSign), claim.signature)) {
    throw new S3Error('SignatureDoesNotMatch', undefined, {
      fields: {
        AWSAccessKeyId: claim.accessKeyId,
        StringToSign: toSign,
        SignatureProvided: claim.signature,
        CanonicalRequest: canonical,
      },
    });
  }
  return {
    payload: payloadOf(claim, key, scope),
    isPresigned: claim.expiresSeconds !== null,
  };
}

function claimOf(
  headers: ReadonlyMap<string, string>,
  query: readonly (readonly [string, string])[],
): Claim {
  const authorization = headers.get('authorization');
  const parameters = new Map(query.map(([name, value]) => [name.toLowerCase(), value]));
  const isPresigned = parameters.has('x-amz-algorithm') || parameters.has('signature');
  if (authorization !== undefined && isPresigned) {
    throw new S3Error(
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    );
  }
  if (isPresigned) return queryClaim(headers, parameters);
  if (authorization === undefined) throw new S3Error('AccessDenied');
  return headerClaim(headers, authorization);
}

function headerClaim(headers: ReadonlyMap<string, string>, authorization: string): Claim {
  const [, scheme = '', rest = ''] = /^(\S+)\s+(.*)$/s.exec(authorization) ?? [];
  if (scheme !== ALGORITHM) throw otherMechanism(scheme || authorization);
  const fields = new Map(
    rest.split(',').map((field): [string, string] => {
      const [name = '', ...value] = field.trim().split('=');
      return [name, value.join('=')];
    }),
  );
  const missing = ['Credential', 'SignedHeaders', 'Signature'].find((name) => !fields.get(name));
  if (missing !== undefined) {
    throw new S3Error(
      'AuthorizationHeaderMalformed',
      `The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.`,
    );
  }
  const payloadHash = headers.get('x-amz-content-sha256');
  if (payloadHash === undefined)
    throw new S3Error(
      'InvalidRequest',
      'Missing required header for this request: x-amz-content-sha256',
    );
  const stamp = stampOf(headers.get('x-amz-date') ?? headers.get('date'));
  if (stamp === null)
    throw new S3Error(
      'AccessDenied',
      'AWS authentication requires a valid Date or x-amz-date header',
    );
  return {
    ...scopeOf(fields.get('Credential') ?? '', 'AuthorizationHeaderMalformed'),
    signedHeaders: (fields.get('SignedHeaders') ?? '').split(';'),
    signature: fields.get('Signature') ?? '',
    stamp,
    payloadHash,
    token: headers.get('x-amz-security-token') ?? null,
    expiresSeconds: null,
  };
}

function queryClaim(
  headers: ReadonlyMap<string, string>,
  parameters: ReadonlyMap<string, string>,
): Claim {
  const algorithm = parameters.get('x-amz-algorithm');
  if (algorithm === undefined) throw otherMechanism('AWS');
  const malformed = (message: string): S3Error =>
    new S3Error('AuthorizationQueryParametersError', message);
  if (algorithm !== ALGORITHM)
    throw malformed('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"');
  const required = (name: string): string => {
    const value = parameters.get(name.toLowerCase());
    if (value !== undefined) return value;
    throw malformed(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  };
  const expiresText = required('X-Amz-Expires');
  if (!/^-?\d+$/.test(expiresText)) throw malformed('X-Amz-Expires should be a number');
  const expiresSeconds = Number(expiresText);
  if (expiresSeconds < 0) throw malformed('X-Amz-Expires must be non-negative');
  if (expiresSeconds > MAX_EXPIRES_SECONDS)
    throw malformed(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  const stamp = required('X-Amz-Date');
  if (!/^\d{8}T\d{6}Z$/.test(stamp))
    throw malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  return {
    ...scopeOf(required('X-Amz-Credential'), 'AuthorizationQueryParametersError'),
    signedHeaders: required('X-Amz-SignedHeaders').split(';'),
    signature: required('X-Amz-Signature'),
    stamp,
    payloadHash:
      headers.get('x-amz-content-sha256') ??
      parameters.get('x-amz-content-sha256') ??
      'UNSIGNED-PAYLOAD',
    token: parameters.get('x-amz-security-token') ?? headers.get('x-amz-security-token') ?? null,
    expiresSeconds,
  };
}

function otherMechanism(scheme: string): S3Error {
  // Version 2 begins with "AWS " and was never there in the regions made since 2014.
  return scheme.startsWith('AWS')
    ? new S3Error(
        'InvalidRequest',
        'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
      )
    : new S3Error('InvalidArgument', 'Unsupported Authorization Type');
}

function scopeOf(
  credential: string,
  code: 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError',
): Pick<Claim, 'accessKeyId' | 'day' | 'region' | 'service' | 'terminator'> {
  const [accessKeyId = '', day = '', region = '', service = '', terminator = '', ...more] =
    credential.split('/');
  if (accessKeyId === '' || terminator === '' || more.length > 0 || !/^\d{8}$/.test(day)) {
    throw new S3Error(
      code,
      'The Credential is malformed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  return { accessKeyId, day, region, service, terminator };
}

function assertScope(claim: Claim, region: string): void {
  const isHeader = claim.expiresSeconds === null;
  const code = isHeader ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError';
  const start = isHeader
    ? 'The authorization header is malformed'
    : 'Error parsing the X-Amz-Credential parameter';
  // Clients learn the region of a bucket from this very field.
  if (claim.region !== region)
    throw new S3Error(
      code,
      `${start}; the region '${claim.region}' is wrong; expecting '${region}'`,
      {
        fields: { Region: region },
        headers: { 'x-amz-bucket-region': region },
      },
    );
  if (claim.service !== 's3')
    throw new S3Error(
      code,
      `${start}; incorrect service "${claim.service}". This endpoint belongs to "s3".`,
    );
  if (claim.terminator !== 'aws4_request')
    throw new S3Error(
      code,
      `${start}; incorrect terminal "${claim.terminator}". This endpoint uses "aws4_request".`,
    );
  if (!claim.stamp.startsWith(claim.day))
    throw new S3Error(
      code,
      `${start}; Invalid credential date "${claim.day}". This date is not the same as X-Amz-Date: "${claim.stamp.slice(0, 8)}".`,
    );
}

function assertToken(claim: Claim, credentials: Credentials, now: number): void {
  if (claim.token !== (credentials.sessionToken ?? null)) {
    // A temporary key without its token is no key at all.
    if (claim.token === null)
      throw new S3Error('InvalidAccessKeyId', undefined, {
        fields: { AWSAccessKeyId: claim.accessKeyId },
      });
    throw new S3Error('InvalidToken', undefined, { fields: { 'Token-0': claim.token } });
  }
  if ((credentials.expiresAt ?? Infinity) <= now)
    throw new S3Error('ExpiredToken', undefined, { fields: { 'Token-0': claim.token ?? '' } });
}

function assertTime(claim: Claim, now: number): void {
  const at = timeOf(claim.stamp);
  if (claim.expiresSeconds === null) {
    if (Math.abs(now - at) <= MAX_SKEW_MS) return;
    throw new S3Error('RequestTimeTooSkewed', undefined, {
      fields: {
        RequestTime: claim.stamp,
        ServerTime: isoSeconds(now),
        MaxAllowedSkewMilliseconds: MAX_SKEW_MS,
      },
    });
  }
  if (at > now + MAX_SKEW_MS)
    throw new S3Error('AccessDenied', 'Request is not yet valid', {
      fields: { ServerTime: isoSeconds(now) },
    });
  const endsAt = at + claim.expiresSeconds * 1_000;
  if (now > endsAt)
    throw new S3Error('AccessDenied', 'Request has expired', {
      fields: {
        'X-Amz-Expires': claim.expiresSeconds,
        Expires: isoSeconds(endsAt),
        ServerTime: isoSeconds(now),
      },
    });
}

function assertAllSigned(claim: Claim, headers: ReadonlyMap<string, string>): void {
  const unsigned = ['host', ...headers.keys()].filter(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !claim.signedHeaders.includes(name),
  );
  // A presigned address does not sign the hash it leaves open.
  const left =
    claim.expiresSeconds === null
      ? unsigned
      : unsigned.filter((name) => name !== 'x-amz-content-sha256');
  if (left.length > 0)
    throw new S3Error(
      'AccessDenied',
      'There were headers present in the request which were not signed',
      { fields: { HeadersNotSigned: [...new Set(left)].join(', ') } },
    );
}

function signingKey(secret: string, claim: Claim): Buffer {
  let key = hmac(`AWS4${secret}`, claim.day);
  for (const part of [claim.region, 's3', 'aws4_request']) key = hmac(key, part);
  return key;
}

function payloadOf(claim: Claim, key: Buffer, scope: string): Payload {
  const { payloadHash } = claim;
  if (payloadHash === 'UNSIGNED-PAYLOAD') return { kind: 'unsigned' };
  if (/^[0-9a-f]{64}$/.test(payloadHash)) return { kind: 'signed', sha256: payloadHash };
  const seal = (): ChunkSeal => sealOf(key, { scope, stamp: claim.stamp, seed: claim.signature });
  switch (payloadHash) {
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', seal: null, hasTrailer: true };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return { kind: 'chunked', seal: seal(), hasTrailer: false };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', seal: seal(), hasTrailer: true };
    default:
      throw new S3Error(
        'InvalidArgument',
        'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
        { fields: { ArgumentName: 'x-amz-content-sha256', ArgumentValue: payloadHash } },
      );
  }
}

function sealOf(key: Buffer, of: { scope: string; stamp: string; seed: string }): ChunkSeal {
  let previous = of.seed;
  const sign = (kind: string, hashes: string): string => {
    previous = hmacHex(key, `${kind}\n${of.stamp}\n${of.scope}\n${previous}\n${hashes}`);
    return previous;
  };
  return {
    chunk: (hash) => sign(`${ALGORITHM}-PAYLOAD`, `${EMPTY_SHA256}\n${hash}`),
    trailer: (hash) => sign('AWS4-HMAC-SHA256-TRAILER', hash),
  };
}

function canonicalRequest(
  request: SignedRequest,
  claim: Claim,
  parts: {
    headers: ReadonlyMap<string, string>;
    query: readonly (readonly [string, string])[];
  },
): string {
  const query = parts.query
    .filter(([name]) => name.toLowerCase() !== 'x-amz-signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = claim.signedHeaders
    .map((name) => `${name}:${(parts.headers.get(name) ?? '').trim().replace(/\s+/g, ' ')}\n`)
    .join('');
  // S3 does not normalise the path; each segment is encoded once.
  const path = request.path
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/');
  return [
    request.method,
    path,
    query,
    headers,
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n');
}

/** Lower-case names; values as the bytes were, which the parser hands over as Latin-1. */
function headersOf(request: SignedRequest): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = (request.rawHeaders[at] ?? '').toLowerCase();
    const value = Buffer.from(request.rawHeaders[at + 1] ?? '', 'latin1').toString('utf8');
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

function pairsOf(query: string): [string, string][] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals < 0
        ? [decode(part), '']
        : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
    });
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', '%20'));
  } catch {
    // A broken escape is signed as it stands; the signature then decides.
    return part;
  }
}

function encode(plain: string): string {
  return encodeURIComponent(plain).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** ISO 8601 basic as it is signed, made of either form of date. */
function stampOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (/^\d{8}T\d{6}Z$/.test(text)) return text;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : isoSeconds(at).replaceAll(/[-:]/g, '');
}

function timeOf(stamp: string): number {
  return Date.parse(
    stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
}

function isoSeconds(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sameHex(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function hmacHex(key: Buffer, data: string): string {
  return hmac(key, data).toString('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
