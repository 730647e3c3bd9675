// Signs S3 requests by the specification and sends them raw: for what no client would send. Shares no code with the sandbox.

import { createHash, createHmac } from 'node:crypto';
import { request } from 'node:http';
import { CREDENTIALS, REGION } from './s3-subject.ts';

export interface RawRequest {
  readonly method?: string;
  /** Path and query exactly as they go on the wire; signed as they are, so escapes have to be canonical. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly host?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly region?: string;
  readonly service?: string;
  readonly date?: Date;
  /** Of the body by default. */
  readonly payloadHash?: string;
  /** Sent but not signed. */
  readonly unsigned?: Readonly<Record<string, string>>;
  /** Seconds a presigned address is valid; makes one. */
  readonly expires?: number;
  /** Turns the signed request into one that is not. */
  readonly tamper?: (headers: Record<string, string>) => Record<string, string>;
  /** Makes the body of what the signature of the headers is. */
  readonly bodyOf?: (seal: Seal) => Buffer;
}

export interface Seal {
  readonly signature: string;
  sign(kind: string, previous: string, hashes: string): string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  /** Of an error document. */
  readonly code: string | undefined;
}

export const sha256 = (data: Buffer | string): string =>
  createHash('sha256').update(data).digest('hex');

const hmac = (key: Buffer | string, data: string): Buffer =>
  createHmac('sha256', key).update(data).digest();

export function sendRaw(port: number, raw: RawRequest): Promise<RawAnswer> {
  const signed = sign(port, raw);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port,
        agent: false,
        method: raw.method ?? 'GET',
        path: signed.target,
        headers: signed.headers,
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(parts);
          const text = body.toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            text,
            code: /<Code>([^<]*)<\/Code>/.exec(text)?.[1],
          });
        });
      },
    );
    call.on('error', reject);
    call.end(signed.body);
  });
}

function sign(
  port: number,
  raw: RawRequest,
): { target: string; headers: Record<string, string>; body: Buffer } {
  const given = typeof raw.body === 'string' ? Buffer.from(raw.body) : raw.body;
  const stamp = (raw.date ?? new Date()).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const day = stamp.slice(0, 8);
  const region = raw.region ?? REGION;
  const service = raw.service ?? 's3';
  const scope = `${day}/${region}/${service}/aws4_request`;
  const credential = `${raw.accessKeyId ?? CREDENTIALS.accessKeyId}/${scope}`;
  let key = hmac(`AWS4${raw.secretAccessKey ?? CREDENTIALS.secretAccessKey}`, day);
  for (const part of [region, service, 'aws4_request']) key = hmac(key, part);

  const host = raw.host ?? `127.0.0.1:${port}`;
  const isPresigned = raw.expires !== undefined;
  const payloadHash =
    raw.payloadHash ?? (isPresigned ? 'UNSIGNED-PAYLOAD' : sha256(given ?? Buffer.alloc(0)));
  const toSign: Record<string, string> = {
    host,
    ...lower(raw.headers ?? {}),
    ...(isPresigned ? {} : { 'x-amz-content-sha256': payloadHash, 'x-amz-date': stamp }),
  };
  const names = Object.keys(toSign).toSorted();
  const [path = '', query = ''] = raw.target.split('?');
  const presigned = isPresigned
    ? [
        'X-Amz-Algorithm=AWS4-HMAC-SHA256',
        `X-Amz-Credential=${encodeURIComponent(credential)}`,
        `X-Amz-Date=${stamp}`,
        `X-Amz-Expires=${raw.expires}`,
        `X-Amz-SignedHeaders=${names.join('%3B')}`,
      ]
    : [];
  const parts = [...query.split('&').filter((part) => part !== ''), ...presigned];
  const canonicalQuery = parts
    .map((part) => (part.includes('=') ? part : `${part}=`))
    .toSorted()
    .join('&');
  const canonical = [
    raw.method ?? 'GET',
    path,
    canonicalQuery,
    ...names.map((name) => `${name}:${(toSign[name] ?? '').trim()}`),
    '',
    names.join(';'),
    payloadHash,
  ].join('\n');
  const signature = hmac(
    key,
    `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${sha256(canonical)}`,
  ).toString('hex');
  const seal: Seal = {
    signature,
    sign: (kind, previous, hashes) =>
      hmac(key, `${kind}\n${stamp}\n${scope}\n${previous}\n${hashes}`).toString('hex'),
  };
  const body = raw.bodyOf?.(seal) ?? given ?? Buffer.alloc(0);
  const headers: Record<string, string> = {
    ...toSign,
    ...(isPresigned
      ? {}
      : {
          authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
        }),
    ...(body.length > 0 || raw.method === 'PUT' ? { 'content-length': String(body.length) } : {}),
    ...lower(raw.unsigned ?? {}),
  };
  const all = isPresigned ? [...parts, `X-Amz-Signature=${signature}`] : parts;
  return {
    target: all.length > 0 ? `${path}?${all.join('&')}` : path,
    headers: raw.tamper?.(headers) ?? headers,
    body,
  };
}

function lower(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
