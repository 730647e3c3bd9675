// Signatures and chunks against the examples that Amazon publishes (S3 API Reference, "Examples: Signature
// Calculations"), and checksums against the check values of their catalogues.

import { describe, expect, test } from 'vitest';
import { ALGORITHMS, createSum } from '../../main/sandbox/s3/checksums.ts';
import { unchunk } from '../../main/sandbox/s3/chunked.ts';
import {
  checkSignature,
  type Payload,
  type SignedRequest,
} from '../../main/sandbox/s3/signature.ts';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const DAY = Date.UTC(2013, 4, 24);
const AUTHORITY = {
  credentials: [
    {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    },
  ],
  region: 'us-east-1',
  now: DAY,
};
const SCOPE = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';

function request(of: {
  method?: string;
  path: string;
  query?: string;
  host?: string;
  headers?: Record<string, string>;
  signed?: string;
  signature?: string;
}): SignedRequest {
  const headers = {
    Host: of.host ?? 'examplebucket.s3.amazonaws.com',
    ...of.headers,
    ...(of.signature === undefined
      ? {}
      : {
          Authorization: `AWS4-HMAC-SHA256 Credential=${SCOPE},SignedHeaders=${of.signed},Signature=${of.signature}`,
        }),
  };
  return {
    method: of.method ?? 'GET',
    path: of.path,
    query: of.query ?? '',
    rawHeaders: Object.entries(headers).flat(),
  };
}

const DATE = { 'x-amz-date': '20130524T000000Z' };
const PLAIN = { ...DATE, 'x-amz-content-sha256': EMPTY };

const EXAMPLES: Readonly<Record<string, SignedRequest>> = {
  'a GET with a range': request({
    path: '/test.txt',
    headers: { Range: 'bytes=0-9', ...PLAIN },
    signed: 'host;range;x-amz-content-sha256;x-amz-date',
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  }),
  'a PUT of an odd name': request({
    method: 'PUT',
    path: '/test$file.text',
    headers: {
      Date: 'Fri, 24 May 2013 00:00:00 GMT',
      ...DATE,
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    },
    signed: 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  }),
  'a sub-resource without a value': request({
    path: '/',
    query: 'lifecycle',
    headers: PLAIN,
    signed: 'host;x-amz-content-sha256;x-amz-date',
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  }),
  'a listing': request({
    path: '/',
    query: 'max-keys=2&prefix=J',
    headers: PLAIN,
    signed: 'host;x-amz-content-sha256;x-amz-date',
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  }),
  'a presigned address': request({
    path: '/test.txt',
    query: `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(SCOPE)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`,
  }),
};

test.each(Object.entries(EXAMPLES))('%s of the published examples is valid', (_title, example) => {
  expect(checkSignature(example, AUTHORITY)).toBeTruthy();
});

test.each(Object.entries(EXAMPLES))('%s with one byte changed is not', (_title, example) => {
  const changed = { ...example, path: `${example.path}x` };
  expect(() => checkSignature(changed, AUTHORITY)).toThrow(/signature we calculated/);
});

describe('a presigned address', () => {
  const example = EXAMPLES['a presigned address'];
  if (!example) throw new Error('no example');
  test('ends when it says', () => {
    expect(() => checkSignature(example, { ...AUTHORITY, now: DAY + 86_401_000 })).toThrow(
      'Request has expired',
    );
  });
  test('does not begin before it was made', () => {
    expect(() => checkSignature(example, { ...AUTHORITY, now: DAY - 3_600_000 })).toThrow(
      'Request is not yet valid',
    );
  });
});

describe('a body in signed chunks', () => {
  const headers = {
    ...DATE,
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    'Content-Encoding': 'aws-chunked',
    'x-amz-decoded-content-length': '66560',
  };
  const plain = checkSignature(
    request({
      method: 'PUT',
      host: 's3.amazonaws.com',
      path: '/examplebucket/chunkObject.txt',
      headers: {
        ...headers,
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        'Content-Length': '66824',
      },
      signed:
        'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
      signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    }),
    AUTHORITY,
  ).payload;
  const plainBody = bodyOf([
    [65_536, 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'],
    [1_024, '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'],
    [0, 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'],
  ]);

  const trailing = (): Payload =>
    checkSignature(
      request({
        method: 'PUT',
        host: 's3.amazonaws.com',
        path: '/examplebucket/chunkObject.txt',
        headers: {
          ...headers,
          'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
          'x-amz-trailer': 'x-amz-checksum-crc32c',
        },
        signed:
          'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
        signature: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
      }),
      AUTHORITY,
    ).payload;
  const trailingBody = (sum: string): Buffer =>
    Buffer.concat([
      bodyOf(
        [
          [65_536, 'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2'],
          [1_024, '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7'],
          [0, '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992'],
        ],
        false,
      ),
      Buffer.from(
        `x-amz-checksum-crc32c:${sum}\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n`,
      ),
    ]);

  test.each([1, 1_000, 100_000])('is decoded whole, %i bytes at a time', async (step) => {
    // The seal signs in order, so each reading needs its own.
    const { bytes, trailers } = await decode(trailing(), trailingBody('sOO8/Q=='), step);
    expect(bytes.equals(Buffer.alloc(66_560, 'a'))).toBe(true);
    expect(trailers).toEqual({ 'x-amz-checksum-crc32c': 'sOO8/Q==' });
  });

  test('without a trailer is decoded whole', async () => {
    const { bytes, trailers } = await decode(plain, plainBody, 10_000);
    expect(bytes.equals(Buffer.alloc(66_560, 'a'))).toBe(true);
    expect(trailers).toEqual({});
  });

  test('is refused when a byte, a length or the trailer is another', async () => {
    const changed = trailingBody('sOO8/Q==');
    changed[5_000] = 0x62;
    await expect(decode(trailing(), changed, 50_000)).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
    await expect(decode(trailing(), trailingBody('sOO8/A=='), 50_000)).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
    const short = trailingBody('sOO8/Q==').subarray(0, 66_000);
    await expect(decode(trailing(), short, 50_000)).rejects.toMatchObject({
      code: 'IncompleteBody',
    });
    const nonsense = Buffer.from('zz;chunk-signature=no\r\n');
    await expect(decode(trailing(), nonsense, 10)).rejects.toMatchObject({
      code: 'InvalidRequest',
    });
    await expect(decode(trailing(), Buffer.alloc(20_000, 'a'), 500)).rejects.toMatchObject({
      code: 'InvalidRequest',
    });
  });
});

test('each checksum has the check value of its catalogue', () => {
  const sums = ALGORITHMS.map((algorithm) => {
    const sum = createSum(algorithm);
    sum.update(Buffer.from('1234'));
    sum.update(Buffer.from('56789'));
    return [algorithm, sum.digest().toString('hex')];
  });
  expect(Object.fromEntries(sums)).toEqual({
    CRC32: 'cbf43926',
    CRC32C: 'e3069283',
    CRC64NVME: 'ae8b14860a799888',
    SHA1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
    SHA256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
  });
});

function bodyOf(chunks: readonly (readonly [number, string])[], isEnded = true): Buffer {
  const parts = chunks.flatMap(([size, signature]) => [
    Buffer.from(`${size.toString(16)};chunk-signature=${signature}\r\n`),
    Buffer.alloc(size, 'a'),
    Buffer.from(size === 0 ? (isEnded ? '\r\n' : '') : '\r\n'),
  ]);
  return Buffer.concat(parts);
}

async function decode(
  payload: Payload,
  body: Buffer,
  step: number,
): Promise<{ bytes: Buffer; trailers: Record<string, string> }> {
  if (payload.kind !== 'chunked') throw new Error('the body is not in chunks');
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < body.length; at += step) yield body.subarray(at, at + step);
  }
  const trailers: Record<string, string> = {};
  const parts: Buffer[] = [];
  for await (const part of unchunk(pieces(), payload, trailers)) parts.push(part);
  return { bytes: Buffer.concat(parts), trailers };
}
