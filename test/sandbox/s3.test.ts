// The S3 endpoint on its wire: what Amazon documents for each call, for what is right and for what is wrong.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSandbox } from '../harness/sandbox.ts';
import { sendRaw, sha256, type RawAnswer, type RawRequest } from './s3-signer.ts';
import { BUCKET, startS3Subject, type S3Subject } from './s3-subject.ts';

let subject: S3Subject;
beforeAll(async () => {
  subject = await startS3Subject();
});
afterAll(() => subject.stop());

const send = (raw: RawRequest): Promise<RawAnswer> => sendRaw(subject.endpoint.port, raw);
const get = (target: string, headers: Record<string, string> = {}): Promise<RawAnswer> =>
  send({ target: `/${BUCKET}/${target}`, headers });
const put = (
  target: string,
  body: Buffer | string,
  headers: Record<string, string> = {},
): Promise<RawAnswer> => send({ method: 'PUT', target: `/${BUCKET}/${target}`, body, headers });
const post = (target: string, body = '', headers: Record<string, string> = {}) =>
  send({ method: 'POST', target: `/${BUCKET}/${target}`, body, headers });
const md5 = (data: Buffer | string): string => createHash('md5').update(data).digest('hex');
const all = (text: string, name: string): string[] =>
  [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((match) => match[1] ?? '');

describe('a signature', () => {
  const target = `/${BUCKET}/signed.txt`;
  const cases: readonly (readonly [string, RawRequest, number, string])[] = [
    ['of an unknown key', { target, accessKeyId: 'NOBODY' }, 403, 'InvalidAccessKeyId'],
    ['by a wrong secret', { target, secretAccessKey: 'x' }, 403, 'SignatureDoesNotMatch'],
    ['of another region', { target, region: 'us-east-1' }, 400, 'AuthorizationHeaderMalformed'],
    ['of another service', { target, service: 'ec2' }, 400, 'AuthorizationHeaderMalformed'],
    [
      'twenty minutes old',
      { target, date: new Date(Date.now() - 20 * 60_000) },
      403,
      'RequestTimeTooSkewed',
    ],
    [
      'that leaves an x-amz header open',
      { target, unsigned: { 'x-amz-meta-a': 'b' } },
      403,
      'AccessDenied',
    ],
    [
      'over another body',
      { method: 'PUT', target, body: 'one', payloadHash: sha256('two') },
      400,
      'XAmzContentSHA256Mismatch',
    ],
    ['with a hash that is none', { target, payloadHash: 'hello' }, 400, 'InvalidArgument'],
    [
      'that is missing',
      { target, tamper: (h) => without(h, 'authorization') },
      403,
      'AccessDenied',
    ],
    [
      'of version 2',
      { target, tamper: (h) => ({ ...h, authorization: 'AWS key:c2lnbmF0dXJl' }) },
      400,
      'InvalidRequest',
    ],
    [
      'of basic credentials',
      { target, tamper: (h) => ({ ...h, authorization: 'Basic a2V5OnNlY3JldA==' }) },
      400,
      'InvalidArgument',
    ],
    [
      'in pieces',
      { target, tamper: (h) => ({ ...h, authorization: 'AWS4-HMAC-SHA256 Credential=a' }) },
      400,
      'AuthorizationHeaderMalformed',
    ],
    [
      'with a token nobody gave out',
      { target, headers: { 'x-amz-security-token': 'made-up' } },
      400,
      'InvalidToken',
    ],
    [
      'in an address that has expired',
      { target, expires: 0, date: new Date(Date.now() - 2_000) },
      403,
      'AccessDenied',
    ],
    [
      'in an address for more than a week',
      { target, expires: 604_801 },
      400,
      'AuthorizationQueryParametersError',
    ],
    [
      'in an address of another region',
      { target, expires: 60, region: 'us-east-1' },
      400,
      'AuthorizationQueryParametersError',
    ],
    [
      'both in the address and the header',
      { target, expires: 60, unsigned: { authorization: 'AWS4-HMAC-SHA256 x' } },
      400,
      'InvalidArgument',
    ],
  ];
  test.each(cases)('%s is refused as S3 does', async (_title, raw, status, code) => {
    expect(await send(raw)).toMatchObject({ status, code });
  });

  test('of another region is told the right one', async () => {
    const answer = await send({ target, region: 'us-east-1' });
    expect(answer.text).toContain('<Region>eu-west-2</Region>');
    expect(answer.headers['x-amz-bucket-region']).toBe('eu-west-2');
  });

  test('in an address is as good as in a header', async () => {
    const written = await send({ method: 'PUT', target, body: 'by address', expires: 60 });
    expect(written.status).toBe(200);
    expect((await send({ target, expires: 60 })).text).toBe('by address');
    const named = await send({
      target: `${target}?response-content-disposition=attachment%3B%20filename%3Da.txt`,
      expires: 60,
    });
    expect(named.headers['content-disposition']).toBe('attachment; filename=a.txt');
  });
});

describe('an address', () => {
  test('may name the bucket in its host', async () => {
    await put('host/a.txt', 'by host');
    for (const host of [
      'shots.localhost:9',
      'shots.s3.eu-west-2.amazonaws.com',
      'shots.127.0.0.1',
    ]) {
      expect((await send({ target: '/host/a.txt', host })).text).toBe('by host');
    }
    const other = await send({ target: '/host/a.txt', host: 'nobody.localhost' });
    expect(other).toMatchObject({ status: 404, code: 'NoSuchBucket' });
  });

  test.each([
    'a%20b/c%20d.txt',
    '%C3%A4%E6%BC%A2%F0%9F%8E%AC.txt',
    '100%25%2Bplus%26and%3Dis%3F%23.txt',
    'quotes%27%22%3C%3E%28%29%2A%21.txt',
    'name%5B%23S%21%3D3%5D.exr',
  ])('of the key %s is a file of that name', async (target) => {
    expect((await put(target, target)).status).toBe(200);
    expect((await get(target)).text).toBe(target);
    const path = join(subject.shareDir, decodeURIComponent(target));
    expect(await readFile(path, 'utf8')).toBe(target);
    const listed = await get(`?list-type=2&prefix=${target.replace('/', '%2F')}`);
    expect(listed.text).toContain('<KeyCount>1</KeyCount>');
  });

  test.each([
    ['../escape.txt', 400, 'InvalidURI'],
    ['a/../../escape.txt', 400, 'InvalidURI'],
    ['a/%2E%2E/%2E%2E/escape.txt', 400, 'InvalidURI'],
    ['..%2F..%2Fescape.txt', 400, 'InvalidURI'],
    ['a%00b', 400, 'InvalidURI'],
    ['a//b', 409, 'InvalidObjectName'],
    [`${'k'.repeat(1_025)}`, 400, 'KeyTooLongError'],
    [`${'k'.repeat(300)}`, 400, 'InvalidURI'],
    ['broken%zz', 403, 'SignatureDoesNotMatch'],
  ])('of the key %s is refused', async (target, status, code) => {
    const answer = await put(target, 'x');
    expect(answer.status).toBeGreaterThanOrEqual(400);
    // What is signed for is the canonical path; a path that is not cannot be signed by a correct client.
    expect([code, 'SignatureDoesNotMatch', 'InvalidURI']).toContain(answer.code);
    expect([status, 403, 400]).toContain(answer.status);
    const files = await readdir(subject.dir);
    expect(files.toSorted()).toEqual(['london', 'staging']);
  });
});

describe('an object', () => {
  test('carries its metadata, its content headers and its tags', async () => {
    const written = await put('meta.txt', 'text', {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'content-encoding': 'gzip',
      'x-amz-meta-who': 'artist',
      'x-amz-tagging': 'shot=010&step=light%20ing',
    });
    expect(written.headers['etag']).toBe(`"${md5('text')}"`);
    const head = await send({ method: 'HEAD', target: `/${BUCKET}/meta.txt` });
    expect(head.status).toBe(200);
    expect(head.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'content-encoding': 'gzip',
      'content-length': '4',
      'accept-ranges': 'bytes',
      'x-amz-meta-who': 'artist',
      'x-amz-tagging-count': '2',
    });
    const tags = await get('meta.txt?tagging');
    expect(all(tags.text, 'Key')).toEqual(['shot', 'step']);
    expect(all(tags.text, 'Value')).toEqual(['010', 'light ing']);
    await put(
      'meta.txt?tagging',
      '<Tagging><TagSet><Tag><Key>a</Key><Value>1 + 2</Value></Tag></TagSet></Tagging>',
    );
    expect((await get('meta.txt?tagging')).text).toContain('<Value>1 + 2</Value>');
    expect((await send({ method: 'DELETE', target: `/${BUCKET}/meta.txt?tagging` })).status).toBe(
      204,
    );
    expect(all((await get('meta.txt?tagging')).text, 'Key')).toEqual([]);
  });

  test('gives back metadata that is not ASCII as a word of RFC 2047', async () => {
    const target = `/${BUCKET}/meta-utf8.txt`;
    const who = '?x-amz-meta-who=J%C3%B6rg';
    await send({ method: 'PUT', target: target + who, body: 'x', expires: 60 });
    expect((await send({ target })).headers['x-amz-meta-who']).toBe('=?UTF-8?B?SsO2cmc=?=');
  });

  test.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-900', 206, '56789', 'bytes 5-9/10'],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['bytes=5-2', 200, '0123456789', undefined],
    ['lines=1-2', 200, '0123456789', undefined],
  ])('asked for %s answers %i', async (range, status, text, contentRange) => {
    await put('range.txt', '0123456789');
    const answer = await get('range.txt', { range });
    expect({ ...answer, range: answer.headers['content-range'] }).toMatchObject({
      status,
      text,
      range: contentRange,
    });
  });

  test('asked for what lies behind its end answers 416', async () => {
    await put('range.txt', '0123456789');
    for (const range of ['bytes=10-', 'bytes=-0']) {
      const answer = await get('range.txt', { range });
      expect(answer).toMatchObject({ status: 416, code: 'InvalidRange' });
      expect(answer.headers['content-range']).toBe('bytes */10');
    }
  });

  test('that is not there is no key, and its delete succeeds', async () => {
    expect(await get('nothing.txt')).toMatchObject({ status: 404, code: 'NoSuchKey' });
    const head = await send({ method: 'HEAD', target: `/${BUCKET}/nothing.txt` });
    expect(head).toMatchObject({ status: 404, text: '' });
    expect((await send({ method: 'DELETE', target: `/${BUCKET}/nothing.txt` })).status).toBe(204);
    expect(await get('../x')).toMatchObject({ status: 400 });
    expect(await send({ target: '/no-bucket/x' })).toMatchObject({
      status: 404,
      code: 'NoSuchBucket',
    });
  });

  test('whose name is a folder, or lies below a file, cannot be', async () => {
    await put('tree/file.txt', 'x');
    expect(await put('tree', 'x')).toMatchObject({ status: 409, code: 'InvalidObjectName' });
    expect(await put('tree/file.txt/below', 'x')).toMatchObject({ status: 409 });
    expect(await get('tree')).toMatchObject({ status: 404 });
  });

  test('that the volume of the share has no room for is refused, and leaves nothing', async () => {
    subject.setVolume(subject.world.usedBytes('london') + 10);
    const refused = await put('full.bin', 'more than ten bytes');
    expect(refused).toMatchObject({ status: 507, code: 'InsufficientStorage' });
    expect((await get('full.bin')).status).toBe(404);
    expect((await put('full.bin', 'a few')).status).toBe(200);
    subject.setVolume(Number.MAX_SAFE_INTEGER);
  });

  test('whose name ends with a slash is a folder', async () => {
    expect((await put('made/', '')).status).toBe(200);
    expect(await readdir(join(subject.shareDir, 'made'))).toEqual([]);
    expect((await get('made/')).headers['content-type']).toMatch('application/x-directory');
    expect(all((await get('?list-type=2&prefix=made')).text, 'Key')).toEqual(['made/']);
    expect(await put('made/', 'bytes')).toMatchObject({ status: 409 });
    expect((await send({ method: 'DELETE', target: `/${BUCKET}/made/` })).status).toBe(204);
    expect(await get('made/')).toMatchObject({ status: 404 });
  });
});

describe('a condition', () => {
  const later = new Date(Date.now() + 3_600_000).toUTCString();
  const earlier = new Date(Date.now() - 3_600_000).toUTCString();
  const etag = `"${md5('held')}"`;
  test.each([
    [{ 'if-match': etag }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': '*' }, 200],
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': '"other", W/"more"' }, 200],
    [{ 'if-modified-since': later }, 304],
    [{ 'if-modified-since': earlier }, 200],
    [{ 'if-modified-since': 'no date' }, 200],
    [{ 'if-unmodified-since': earlier }, 412],
    [{ 'if-unmodified-since': later }, 200],
    [{ 'if-match': etag, 'if-unmodified-since': earlier }, 200],
    [{ 'if-none-match': etag, 'if-modified-since': earlier }, 304],
  ] as readonly (readonly [Record<string, string>, number])[])(
    'on a read, %j, answers %i',
    async (headers, status) => {
      await put('held.txt', 'held');
      expect((await get('held.txt', headers)).status).toBe(status);
    },
  );

  test('on a write holds for what is there when the body has come', async () => {
    expect((await put('first.txt', 'one', { 'if-none-match': '*' })).status).toBe(200);
    const second = await put('first.txt', 'two', { 'if-none-match': '*' });
    expect(second).toMatchObject({ status: 412, code: 'PreconditionFailed' });
    expect(second.text).toContain('<Condition>If-None-Match</Condition>');
    const tag = `"${md5('one')}"`;
    expect((await put('first.txt', 'three', { 'if-match': '"x"' })).status).toBe(412);
    expect((await put('first.txt', 'three', { 'if-match': tag })).status).toBe(200);
    expect((await put('first.txt', 'four', { 'if-match': tag })).status).toBe(412);
    expect(await put('absent.txt', 'x', { 'if-match': tag })).toMatchObject({
      status: 404,
      code: 'NoSuchKey',
    });
    expect(await put('first.txt', 'x', { 'if-none-match': tag })).toMatchObject({
      status: 501,
      code: 'NotImplemented',
    });
    const racers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => put('race.txt', `${at}`, { 'if-none-match': '*' })),
    );
    expect(racers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('on a delete holds too', async () => {
    await put('guarded.txt', 'x');
    const target = `/${BUCKET}/guarded.txt`;
    const wrong = await send({ method: 'DELETE', target, headers: { 'if-match': '"y"' } });
    expect(wrong).toMatchObject({ status: 412 });
    const right = await send({
      method: 'DELETE',
      target,
      headers: { 'if-match': `"${md5('x')}"` },
    });
    expect(right.status).toBe(204);
  });
});

describe('a checksum', () => {
  const sums = {
    crc32: 'y/Q5Jg==',
    crc32c: '4waSgw==',
    crc64nvme: 'rosUhgp5mIg=',
    sha1: createHash('sha1').update('123456789').digest('base64'),
    sha256: createHash('sha256').update('123456789').digest('base64'),
  };
  test.each(Object.entries(sums))('%s is checked, kept and given back', async (name, sum) => {
    const header = `x-amz-checksum-${name}`;
    const written = await put(`sums/${name}`, '123456789', { [header]: sum });
    expect(written).toMatchObject({ status: 200, headers: { [header]: sum } });
    const mode = { 'x-amz-checksum-mode': 'ENABLED' };
    const read = await get(`sums/${name}`, mode);
    expect(read.headers).toMatchObject({ [header]: sum, 'x-amz-checksum-type': 'FULL_OBJECT' });
    expect((await get(`sums/${name}`)).headers[header]).toBeUndefined();
    expect(
      (await get(`sums/${name}`, { ...mode, range: 'bytes=0-1' })).headers[header],
    ).toBeUndefined();
    const wrong = await put(`sums/${name}`, '12345678x', { [header]: sum });
    expect(wrong).toMatchObject({ status: 400, code: 'BadDigest' });
    expect((await get(`sums/${name}`)).text).toBe('123456789');
  });

  test('that is malformed, doubled or announced and missing is refused', async () => {
    const refused = { status: 400, code: 'InvalidRequest' };
    expect(await put('sums/x', 'x', { 'x-amz-checksum-crc32': 'no' })).toMatchObject(refused);
    expect(
      await put('sums/x', '123456789', {
        'x-amz-checksum-crc32': sums.crc32,
        'x-amz-checksum-sha1': sums.sha1,
      }),
    ).toMatchObject(refused);
    expect(await put('sums/x', 'x', { 'x-amz-sdk-checksum-algorithm': 'CRC32' })).toMatchObject(
      refused,
    );
    expect(await put('sums/x', 'x', { 'content-md5': 'short' })).toMatchObject({
      status: 400,
      code: 'InvalidDigest',
    });
    const other = createHash('md5').update('y').digest('base64');
    expect(await put('sums/x', 'x', { 'content-md5': other })).toMatchObject({
      status: 400,
      code: 'BadDigest',
    });
    expect((await get('sums/x')).status).toBe(404);
  });

  test('in a trailer is checked, signed or not', async () => {
    const framed = (trailer: string): Buffer =>
      Buffer.from(`9\r\n123456789\r\n0\r\n${trailer}\r\n`);
    const unsigned = (target: string, body: Buffer, more: Record<string, string> = {}) =>
      send({
        method: 'PUT',
        target: `/${BUCKET}/${target}`,
        body,
        payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        headers: {
          'content-encoding': 'aws-chunked',
          'x-amz-decoded-content-length': '9',
          'x-amz-trailer': 'x-amz-checksum-crc32',
          ...more,
        },
      });
    const written = await unsigned('trailer', framed(`x-amz-checksum-crc32:${sums.crc32}\r\n`));
    expect(written).toMatchObject({
      status: 200,
      headers: { 'x-amz-checksum-crc32': sums.crc32 },
    });
    const read = await get('trailer');
    expect(read.text).toBe('123456789');
    expect(read.headers['content-encoding']).toBeUndefined();
    const cases = [
      [framed('x-amz-checksum-crc32:AAAAAA==\r\n'), 'BadDigest'],
      [framed(''), 'MalformedTrailerError'],
      [framed('nonsense\r\n'), 'MalformedTrailerError'],
      [Buffer.from('9\r\n12345'), 'IncompleteBody'],
      [Buffer.from('9\r\n123456789xx0\r\n\r\n'), 'IncompleteBody'],
      [Buffer.from('hello'), 'IncompleteBody'],
      [Buffer.from(`A\r\n1234567890\r\n0\r\n\r\n`), 'IncompleteBody'],
    ] as const;
    for (const [body, code] of cases)
      expect(await unsigned('trailer-bad', body)).toMatchObject({ status: 400, code });
    expect((await get('trailer-bad')).status).toBe(404);
  });

  test('in a signed trailer is checked with its signature', async () => {
    const body = Buffer.alloc(20_000, 'a');
    const sum = createHash('sha256').update(body).digest('base64');
    const signed = (spoil: (text: string) => string) =>
      send({
        method: 'PUT',
        target: `/${BUCKET}/signed-trailer`,
        payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
        headers: {
          'content-encoding': 'aws-chunked',
          'x-amz-decoded-content-length': '20000',
          'x-amz-trailer': 'x-amz-checksum-sha256',
        },
        bodyOf(seal) {
          let previous = seal.signature;
          const parts: Buffer[] = [];
          for (const chunk of [body.subarray(0, 12_000), body.subarray(12_000), Buffer.alloc(0)]) {
            previous = seal.sign(
              'AWS4-HMAC-SHA256-PAYLOAD',
              previous,
              `${sha256('')}\n${sha256(chunk)}`,
            );
            parts.push(
              Buffer.from(`${chunk.length.toString(16)};chunk-signature=${previous}\r\n`),
              chunk,
              Buffer.from(chunk.length > 0 ? '\r\n' : ''),
            );
          }
          const line = `x-amz-checksum-sha256:${sum}`;
          const last = seal.sign('AWS4-HMAC-SHA256-TRAILER', previous, sha256(`${line}\n`));
          parts.push(Buffer.from(`${line}\r\nx-amz-trailer-signature:${last}\r\n\r\n`));
          return Buffer.from(spoil(Buffer.concat(parts).toString('latin1')), 'latin1');
        },
      });
    expect(await signed((text) => text)).toMatchObject({ status: 200 });
    expect((await get('signed-trailer')).body.equals(body)).toBe(true);
    const refused = { status: 403, code: 'SignatureDoesNotMatch' };
    expect(await signed((text) => text.replace('aaaa', 'aaba'))).toMatchObject(refused);
    expect(
      await signed((text) => text.replace(/trailer-signature:./, 'trailer-signature:0')),
    ).toMatchObject({ status: 403 });
  });
});

describe('a listing', () => {
  const keys = [
    'l/a-b.txt',
    'l/a.txt',
    'l/a/1',
    'l/a/2',
    'l/b/c/d',
    'l/z',
    'l/\u{e000}',
    'l/\u{1F3AC}',
  ];
  beforeAll(async () => {
    for (const key of keys) await put(key.split('/').map(encodeURIComponent).join('/'), key);
  });

  test('is in the order of UTF-8 and comes in pages that leave nothing out', async () => {
    for (const size of [1, 2, 3, 1_000]) {
      const found: string[] = [];
      let token = '';
      do {
        const page = await get(`?list-type=2&max-keys=${size}&prefix=l%2F${token}`);
        expect(page.status).toBe(200);
        found.push(...all(page.text, 'Key'));
        const next = all(page.text, 'NextContinuationToken')[0];
        token = next === undefined ? '' : `&continuation-token=${encodeURIComponent(next)}`;
      } while (token !== '');
      expect(found).toEqual(keys);
    }
  });

  test('groups by a delimiter, and pages go on behind a group', async () => {
    const whole = await get('?delimiter=%2F&list-type=2&prefix=l%2F');
    expect(all(whole.text, 'Prefix')).toEqual(['l/', 'l/a/', 'l/b/']);
    expect(whole.text).toContain('<KeyCount>7</KeyCount>');
    const found: string[] = [];
    let marker = '';
    for (;;) {
      const page = await get(
        `?delimiter=%2F&marker=${encodeURIComponent(marker)}&max-keys=1&prefix=l%2F`,
      );
      found.push(...all(page.text, 'Key'), ...all(page.text, 'Prefix').slice(1));
      const next = all(page.text, 'NextMarker')[0];
      if (next === undefined) break;
      marker = next;
    }
    expect(found).toEqual([
      'l/a-b.txt',
      'l/a.txt',
      'l/a/',
      'l/b/',
      'l/z',
      'l/\u{e000}',
      'l/\u{1F3AC}',
    ]);
  });

  test('starts where it is asked to, and encodes where it is asked to', async () => {
    const after = await get('?list-type=2&prefix=l%2F&start-after=l%2Fa%2F1');
    expect(all(after.text, 'Key')[0]).toBe('l/a/2');
    const encoded = await get('?encoding-type=url&list-type=2&prefix=l%2F');
    expect(all(encoded.text, 'Key').at(-1)).toBe('l/%F0%9F%8E%AC');
    expect(encoded.text).toContain('<EncodingType>url</EncodingType>');
    const none = await get('?list-type=2&max-keys=0&prefix=l%2F');
    expect(none.text).toContain('<IsTruncated>false</IsTruncated>');
    expect(all(none.text, 'Key')).toEqual([]);
  });

  test.each([
    '?list-type=2&max-keys=many',
    '?list-type=2&max-keys=-1',
    '?encoding-type=base64&list-type=2',
    '?continuation-token=%21%21&list-type=2',
  ])('asked for by %s is refused', async (target) => {
    expect(await get(target)).toMatchObject({ status: 400, code: 'InvalidArgument' });
  });

  test('shows what a user of the share has made', async () => {
    await mkdir(join(subject.shareDir, 'by hand'), { recursive: true });
    await writeFile(join(subject.shareDir, 'by hand/frame.exr'), 'frame');
    await expect
      .poll(async () => all((await get('?list-type=2&prefix=by%20hand')).text, 'Key'), {
        timeout: 5_000,
      })
      .toEqual(['by hand/frame.exr']);
    expect((await get('by%20hand/frame.exr')).text).toBe('frame');
  });
});

describe('a bucket', () => {
  test('is one of two, has a place and no rules', async () => {
    expect(all((await send({ target: '/' })).text, 'Name')).toEqual([BUCKET, 'staging']);
    const head = await send({ method: 'HEAD', target: `/${BUCKET}` });
    expect(head).toMatchObject({ status: 200, headers: { 'x-amz-bucket-region': 'eu-west-2' } });
    expect((await get('?location')).text).toMatch(/<LocationConstraint xmlns="[^"]+">eu-west-2</);
    expect(await get('?policy')).toMatchObject({ status: 404, code: 'NoSuchBucketPolicy' });
    expect(await get('?versions')).toMatchObject({ status: 501, code: 'NotImplemented' });
    const made = await send({ method: 'PUT', target: `/${BUCKET}` });
    expect(made).toMatchObject({ status: 409, code: 'BucketAlreadyOwnedByYou' });
    const gone = await send({ method: 'DELETE', target: `/${BUCKET}` });
    expect(gone).toMatchObject({ status: 403, code: 'AccessDenied' });
  });

  test('loses many objects by one call, and tells each', async () => {
    for (const name of ['a & b', 'c<d>', ' e ']) await put(`many/${encodeURIComponent(name)}`, 'x');
    const body =
      '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      '<Object><Key>many/a &amp; b</Key></Object><Object><Key>many/c&lt;d&gt;</Key></Object>' +
      '<Object><Key>many/ e </Key></Object><Object><Key>many/../../x</Key></Object></Delete>';
    const digest = createHash('md5').update(body).digest('base64');
    const answer = await post('?delete', body, { 'content-md5': digest });
    expect(answer.status).toBe(200);
    expect(all(answer.text, 'Code')).toEqual(['InvalidURI']);
    expect(answer.text.match(/<Deleted>/g)).toHaveLength(3);
    expect(all((await get('?list-type=2&prefix=many')).text, 'Key')).toEqual([]);
    expect(await post('?delete', body)).toMatchObject({ status: 400, code: 'InvalidRequest' });
  });

  test.each([
    '<Delete><Object>',
    '',
    'hello',
    '<Other/>',
    '<Delete></Delete>',
    '<!DOCTYPE x [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>',
    '<Delete><Object><Key><Inner/></Key></Object></Delete>',
  ])('told to delete by %s finds it malformed', async (body) => {
    const digest = createHash('md5').update(body).digest('base64');
    const answer = await post('?delete', body, { 'content-md5': digest });
    expect(answer).toMatchObject({ status: 400, code: 'MalformedXML' });
  });
});

describe('a copy', () => {
  test('has the bytes, and the metadata unless that is replaced', async () => {
    await put('from%20%2B.txt', 'copied', { 'x-amz-meta-a': '1', 'content-type': 'text/x-a' });
    const source = { 'x-amz-copy-source': `/${BUCKET}/from%20%2B.txt` };
    const copied = await put('to.txt', '', source);
    expect(copied.text).toContain(`<ETag>&quot;${md5('copied')}&quot;</ETag>`);
    expect((await get('to.txt')).headers).toMatchObject({
      'x-amz-meta-a': '1',
      'content-type': 'text/x-a',
    });
    await put('to.txt', '', {
      ...source,
      'x-amz-metadata-directive': 'REPLACE',
      'x-amz-meta-b': '2',
    });
    const replaced = await get('to.txt');
    expect(replaced.text).toBe('copied');
    expect(replaced.headers['x-amz-meta-a']).toBeUndefined();
    expect(replaced.headers['x-amz-meta-b']).toBe('2');
  });

  test('holds the conditions of its source and of its own', async () => {
    await put('src.txt', 'source');
    const source = { 'x-amz-copy-source': `${BUCKET}/src.txt` };
    const tag = `"${md5('source')}"`;
    const outcome = async (more: Record<string, string>) =>
      (await put('dst.txt', '', { ...source, ...more })).status;
    expect(await outcome({ 'x-amz-copy-source-if-match': '"x"' })).toBe(412);
    expect(await outcome({ 'x-amz-copy-source-if-none-match': tag })).toBe(412);
    expect(await outcome({ 'x-amz-copy-source-if-match': tag, 'if-none-match': '*' })).toBe(200);
    expect(await outcome({ 'if-none-match': '*' })).toBe(412);
    expect(await outcome({ 'if-match': tag })).toBe(200);
    const self = await put('src.txt', '', source);
    expect(self).toMatchObject({ status: 400, code: 'InvalidRequest' });
    const absent = await put('dst.txt', '', { 'x-amz-copy-source': `${BUCKET}/none` });
    expect(absent).toMatchObject({ status: 404, code: 'NoSuchKey' });
    const nonsense = await put('dst.txt', '', { 'x-amz-copy-source': 'x' });
    expect(nonsense).toMatchObject({ status: 400, code: 'InvalidArgument' });
  });
});

describe('an upload in parts', () => {
  const first = randomBytes(5 * 1024 ** 2);
  const last = randomBytes(1_000);
  const start = async (key: string, headers: Record<string, string> = {}): Promise<string> =>
    all((await post(`${key}?uploads`, '', headers)).text, 'UploadId')[0] ?? '';
  const part = ([key, id]: [string, string], number: number, body: Buffer, headers = {}) =>
    put(`${key}?partNumber=${number}&uploadId=${id}`, body, headers);
  const listOf = (...parts: readonly (readonly [number, string, string?])[]): string =>
    `<CompleteMultipartUpload>${parts
      .map(
        ([number, etag, more = '']) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag>${more}</Part>`,
      )
      .join('')}</CompleteMultipartUpload>`;

  test('becomes one object with a tag of its parts', async () => {
    const id = await start('mpu/a.bin', { 'x-amz-meta-a': 'b', 'content-type': 'image/x-exr' });
    await part(['mpu/a.bin', id], 7, last);
    await part(['mpu/a.bin', id], 2, randomBytes(100));
    await part(['mpu/a.bin', id], 2, first);
    await part(['mpu/a.bin', id], 5, randomBytes(10));
    const listed = await get(`mpu/a.bin?max-parts=2&uploadId=${id}`);
    expect(all(listed.text, 'PartNumber')).toEqual(['2', '5']);
    expect(listed.text).toContain('<IsTruncated>true</IsTruncated>');
    const rest = await get(`mpu/a.bin?part-number-marker=5&uploadId=${id}`);
    expect(all(rest.text, 'PartNumber')).toEqual(['7']);
    expect(all((await get('?prefix=mpu&uploads')).text, 'Key')).toEqual(['mpu/a.bin']);
    expect((await get('mpu/a.bin')).status).toBe(404);

    const done = await post(
      `mpu/a.bin?uploadId=${id}`,
      listOf([2, `"${md5(first)}"`], [7, md5(last)]),
    );
    const tag = `${createHash('md5')
      .update(Buffer.from(md5(first) + md5(last), 'hex'))
      .digest('hex')}-2`;
    expect(done.text).toContain(`<ETag>&quot;${tag}&quot;</ETag>`);
    const read = await get('mpu/a.bin');
    expect(read.body.equals(Buffer.concat([first, last]))).toBe(true);
    expect(read.headers).toMatchObject({
      etag: `"${tag}"`,
      'x-amz-meta-a': 'b',
      'content-type': 'image/x-exr',
    });
    const second = await get('mpu/a.bin?partNumber=2');
    expect(second).toMatchObject({ status: 206, headers: { 'x-amz-mp-parts-count': '2' } });
    expect(second.body.equals(last)).toBe(true);
    expect(await get(`mpu/a.bin?uploadId=${id}`)).toMatchObject({ code: 'NoSuchUpload' });
    expect(await readdir(join(subject.dir, 'staging/.uploads'))).toEqual([]);
  });

  test('is refused with a list that is not what was sent', async () => {
    const key = 'mpu/b.bin';
    const id = await start(key);
    await part([key, id], 1, last);
    await part([key, id], 2, last);
    const complete = async (body: string) => (await post(`${key}?uploadId=${id}`, body)).code;
    expect(await complete(listOf([1, md5(last)], [2, md5(last)]))).toBe('EntityTooSmall');
    expect(await complete(listOf([2, md5(last)], [1, md5(last)]))).toBe('InvalidPartOrder');
    expect(await complete(listOf([1, md5('x')]))).toBe('InvalidPart');
    expect(await complete(listOf([3, md5(last)]))).toBe('InvalidPart');
    expect(await complete(listOf())).toBe('MalformedXML');
    expect(await complete('<CompleteMultipartUpload><Part>')).toBe('MalformedXML');
    expect(await part([key, id], 0, last)).toMatchObject({ code: 'InvalidArgument' });
    expect(await part([key, id], 10_001, last)).toMatchObject({ code: 'InvalidArgument' });
    expect(await part([key, 'none'], 1, last)).toMatchObject({ status: 404, code: 'NoSuchUpload' });
    expect(await part(['mpu/other.bin', id], 1, last)).toMatchObject({ code: 'NoSuchUpload' });
    expect(
      (await send({ method: 'DELETE', target: `/${BUCKET}/${key}?uploadId=${id}` })).status,
    ).toBe(204);
    expect(await part([key, id], 1, last)).toMatchObject({ code: 'NoSuchUpload' });
  });

  test('holds its conditions when it is completed', async () => {
    const key = 'mpu/once.bin';
    const ids = [await start(key), await start(key)];
    for (const id of ids) await part([key, id], 1, last);
    const complete = (id: string | undefined) =>
      post(`${key}?uploadId=${id}`, listOf([1, md5(last)]), { 'if-none-match': '*' });
    expect((await complete(ids[0])).status).toBe(200);
    expect(await complete(ids[1])).toMatchObject({ status: 412, code: 'PreconditionFailed' });
    const again = await post(`${key}?uploadId=${ids[1]}`, listOf([1, md5(last)]), {
      'if-match': (await get(key)).headers['etag'] as string,
    });
    expect(again.status).toBe(200);
  });

  test('may be made of pieces of other objects', async () => {
    await put('mpu/source.bin', first);
    const key = 'mpu/pieces.bin';
    const id = await start(key);
    const source = { 'x-amz-copy-source': `${BUCKET}/mpu/source.bin` };
    const copied = await part([key, id], 1, Buffer.alloc(0), source);
    expect(copied.text).toContain('<CopyPartResult');
    const range = { ...source, 'x-amz-copy-source-range': 'bytes=10-19' };
    expect((await part([key, id], 2, Buffer.alloc(0), range)).status).toBe(200);
    const beyond = { ...source, 'x-amz-copy-source-range': `bytes=0-${first.length}` };
    expect(await part([key, id], 3, Buffer.alloc(0), beyond)).toMatchObject({
      code: 'InvalidArgument',
    });
    const piece = first.subarray(10, 20);
    await post(`${key}?uploadId=${id}`, listOf([1, md5(first)], [2, md5(piece)]));
    expect((await get(key)).body.equals(Buffer.concat([first, piece]))).toBe(true);
  });

  test('has a checksum of its checksums, or of the whole', async () => {
    const key = 'mpu/sums.bin';
    const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('base64');
    const id = await start(key, { 'x-amz-checksum-algorithm': 'SHA256' });
    await part([key, id], 1, first, { 'x-amz-checksum-sha256': sum(first) });
    await part([key, id], 2, last, { 'x-amz-checksum-sha256': sum(last) });
    const bare = await post(`${key}?uploadId=${id}`, listOf([1, md5(first)], [2, md5(last)]));
    expect(bare).toMatchObject({ status: 400, code: 'InvalidRequest' });
    const element = (bytes: Buffer): string => `<ChecksumSHA256>${sum(bytes)}</ChecksumSHA256>`;
    const done = await post(
      `${key}?uploadId=${id}`,
      listOf([1, md5(first), element(first)], [2, md5(last), element(last)]),
    );
    const composite = `${createHash('sha256')
      .update(Buffer.concat([Buffer.from(sum(first), 'base64'), Buffer.from(sum(last), 'base64')]))
      .digest('base64')}-2`;
    expect(done.text).toContain(`<ChecksumSHA256>${composite}</ChecksumSHA256>`);
    const head = await get(key, { 'x-amz-checksum-mode': 'ENABLED' });
    expect(head.headers).toMatchObject({
      'x-amz-checksum-sha256': composite,
      'x-amz-checksum-type': 'COMPOSITE',
    });

    const whole = await start(key, { 'x-amz-checksum-algorithm': 'CRC64NVME' });
    await part([key, whole], 1, Buffer.from('123456789'));
    const wrong = await post(`${key}?uploadId=${whole}`, listOf([1, md5('123456789')]), {
      'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=',
    });
    expect(wrong).toMatchObject({ status: 400, code: 'BadDigest' });
    const right = await post(`${key}?uploadId=${whole}`, listOf([1, md5('123456789')]), {
      'x-amz-checksum-crc64nvme': 'rosUhgp5mIg=',
    });
    expect(right.text).toContain('<ChecksumType>FULL_OBJECT</ChecksumType>');
  });

  test('may fail under the status 200, after white space that keeps the line open', async () => {
    const key = 'mpu/fails.bin';
    const id = await start(key);
    await part([key, id], 1, last);
    subject.endpoint.fault({ failCompletes: 1, completeDelayMs: 50 });
    const failed = await post(`${key}?uploadId=${id}`, listOf([1, md5(last)]));
    expect(failed).toMatchObject({ status: 200, code: 'InternalError' });
    expect(failed.text).toMatch(/^<\?xml[^>]*>\s+<Error>/);
    expect((await get(key)).status).toBe(404);
    const again = await post(`${key}?uploadId=${id}`, listOf([1, md5(last)]));
    expect(again.text).toMatch(/^<\?xml[^>]*>\s+<CompleteMultipartUploadResult/);
    subject.endpoint.fault({ completeDelayMs: 0 });
    expect((await get(key)).status).toBe(200);
  });
});

describe('a fault', () => {
  test('answers so many requests with an error', async () => {
    subject.endpoint.fault({ failNext: { count: 2, code: 'SlowDown' } });
    expect(await get('x')).toMatchObject({ status: 503, code: 'SlowDown' });
    expect(await get('x')).toMatchObject({ status: 503 });
    expect(await get('x')).toMatchObject({ status: 404 });
  });

  test('ends credentials, and gives out ones that end', async () => {
    subject.endpoint.fault({ credentialsExpired: true });
    expect(await get('x')).toMatchObject({ status: 400, code: 'ExpiredToken' });
    subject.endpoint.fault({ credentialsExpired: false });
    const session = { accessKeyId: 'TEMP', secretAccessKey: 's', sessionToken: 'token' };
    const ask = (headers: Record<string, string>) =>
      send({ target: `/${BUCKET}/x`, accessKeyId: 'TEMP', secretAccessKey: 's', headers });
    subject.endpoint.fault({ session: { ...session, expiresAt: Date.now() + 60_000 } });
    expect(await ask({ 'x-amz-security-token': 'token' })).toMatchObject({ code: 'NoSuchKey' });
    expect(await ask({ 'x-amz-security-token': 'other' })).toMatchObject({ code: 'InvalidToken' });
    expect(await ask({})).toMatchObject({ code: 'InvalidAccessKeyId' });
    subject.endpoint.fault({ session: { ...session, expiresAt: Date.now() - 1 } });
    expect(await ask({ 'x-amz-security-token': 'token' })).toMatchObject({
      status: 400,
      code: 'ExpiredToken',
    });
    subject.endpoint.fault({ session: null });
  });

  test('moves the bucket to another region', async () => {
    subject.endpoint.fault({ redirect: { region: 'us-west-2', endpoint: 's3.us-west-2.invalid' } });
    const answer = await get('x');
    expect(answer).toMatchObject({
      status: 301,
      code: 'PermanentRedirect',
      headers: { 'x-amz-bucket-region': 'us-west-2' },
    });
    expect(all(answer.text, 'Endpoint')).toEqual(['s3.us-west-2.invalid']);
    subject.endpoint.fault({ redirect: null });
  });

  test('skews the clock', async () => {
    subject.endpoint.fault({ skewMs: 3_600_000 });
    const answer = await get('x');
    expect(answer).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' });
    expect(Date.parse(String(answer.headers['date'])) - Date.now()).toBeGreaterThan(3_500_000);
    subject.endpoint.fault({ skewMs: 0 });
  });
});

describe('a body', () => {
  test('larger than S3 takes is refused before it comes', async () => {
    const target = `/${BUCKET}/huge`;
    const answer = await raw(
      await linesOf({ method: 'PUT', target, payloadHash: 'UNSIGNED-PAYLOAD' }, [
        `Content-Length: ${6 * 1024 ** 3}`,
      ]),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*EntityTooLarge/);
  });

  test('without a length is refused', async () => {
    const target = `/${BUCKET}/endless`;
    const answer = await raw(
      await linesOf({ method: 'PUT', target, payloadHash: 'UNSIGNED-PAYLOAD' }, [
        'Transfer-Encoding: chunked',
      ]),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 411 [\s\S]*MissingContentLength/);
  });

  test('that a condition refuses is not even asked for', async () => {
    await put('there.bin', 'x');
    const target = `/${BUCKET}/there.bin`;
    const answer = await raw(
      await linesOf(
        {
          method: 'PUT',
          target,
          payloadHash: 'UNSIGNED-PAYLOAD',
          headers: { 'if-none-match': '*' },
        },
        ['Content-Length: 1000000', 'Expect: 100-continue'],
      ),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 412 /);
    expect(answer).not.toContain('100 Continue');
  });

  test('that breaks off leaves nothing behind', async () => {
    const target = `/${BUCKET}/broken.bin`;
    const lines = await linesOf({ method: 'PUT', target, payloadHash: 'UNSIGNED-PAYLOAD' }, [
      'Content-Length: 1000',
    ]);
    await raw(`${lines}only this`, 100);
    expect((await get('broken.bin')).status).toBe(404);
    await expect
      .poll(() => readdir(join(subject.dir, 'staging/.incoming')), { timeout: 3_000 })
      .toEqual([]);
  });

  test.each([
    'GARBAGE\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nX: ' + 'y'.repeat(100_000) + '\r\n\r\n',
  ])('of nonsense costs nothing', async (text) => {
    expect(await raw(text)).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect((await get('there.bin')).status).toBe(200);
  });
});

test('200 MB go in and out through little memory', { timeout: 120_000 }, async (context) => {
  if (process.platform !== 'linux') context.skip('a process says its peak of memory on Linux only');
  await using sandbox = await startSandbox();
  const { s3, pid } = sandbox.studio;
  const client = new S3Client({ ...s3, credentials: s3, forcePathStyle: true, maxAttempts: 1 });
  const peakMegabytes = async (): Promise<number> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1_024;
  };
  const piece = randomBytes(1024 ** 2);
  const of = { Bucket: s3.bucket, Key: 'big.bin' };
  // Small ones first: what the process needs for the work itself is not what the size costs.
  for (const pieces of [8, 200]) {
    const before = await peakMegabytes();
    const Body = Readable.from(
      Array.from({ length: pieces }, () => piece),
      { objectMode: false },
    );
    const written = await client.send(
      new PutObjectCommand({ ...of, Body, ContentLength: pieces * piece.length }),
    );
    const hash = createHash('md5');
    const read = await client.send(new GetObjectCommand(of));
    for await (const chunk of read.Body as Readable) hash.update(chunk as Buffer);
    expect(`"${hash.digest('hex')}"`).toBe(written.ETag);
    if (pieces === 200) expect((await peakMegabytes()) - before).toBeLessThan(100);
  }
  client.destroy();
});

test('a restart forgets neither objects, nor tags, nor uploads', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-s3-restart-'));
  const first = await startS3Subject(dir);
  const at = (running: S3Subject, raw: RawRequest) => sendRaw(running.endpoint.port, raw);
  const target = '/staging/kept.txt';
  await at(first, { method: 'PUT', target, body: 'kept', headers: { 'x-amz-tagging': 'a=b' } });
  const started = await at(first, { method: 'POST', target: '/staging/later.bin?uploads' });
  const id = all(started.text, 'UploadId')[0] ?? '';
  await at(first, {
    method: 'PUT',
    target: `/staging/later.bin?partNumber=1&uploadId=${id}`,
    body: 'part',
  });
  await first.stop();
  const second = await startS3Subject(dir);
  expect((await at(second, { target })).text).toBe('kept');
  expect(all((await at(second, { target: `${target}?tagging` })).text, 'Key')).toEqual(['a']);
  const parts = await at(second, { target: `/staging/later.bin?uploadId=${id}` });
  expect(all(parts.text, 'PartNumber')).toEqual(['1']);
  await second.stop();
  await rm(dir, { recursive: true, force: true });
});

function without(headers: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}

/** The head of a signed request as text, with lines of the test's own. */
async function linesOf(rawRequest: RawRequest, more: readonly string[]): Promise<string> {
  let lines: string[] = [];
  await sendRaw(subject.endpoint.port, {
    ...rawRequest,
    tamper(headers) {
      lines = Object.entries(without(headers, 'content-length')).map(([a, b]) => `${a}: ${b}`);
      // Only the lines are wanted; the request itself is sent as one that changes nothing.
      return { host: headers['host'] ?? '' };
    },
  });
  return [
    `${rawRequest.method} ${rawRequest.target} HTTP/1.1`,
    ...lines,
    ...more,
    'Connection: close',
    '',
    '',
  ].join('\r\n');
}

/** Sends text as it is and gives back all that comes, until the other side or the patience ends. */
function raw(text: string, patienceMs = 4_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(subject.endpoint.port, '127.0.0.1');
    let answer = '';
    const timer = setTimeout(() => socket.destroy(), patienceMs);
    socket.on('data', (part) => {
      answer += part.toString('latin1');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.write(text);
  });
}
