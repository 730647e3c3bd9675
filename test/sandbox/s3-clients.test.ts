// Strangers at the S3 endpoint: rclone, s3cmd and the AWS CLI, as Debian has them, do their everyday work on it.

import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUCKET, CREDENTIALS, REGION, startS3Subject, type S3Subject } from './s3-subject.ts';

const MEGABYTE = 1024 ** 2;
/** Two whole parts and a rest. */
const LARGE_BYTES = 12 * MEGABYTE + 345;
const NAME = 'odd names/ä 100% +plus & (b) [#S!=2].txt';

let subject: S3Subject;
let large: Buffer;
beforeAll(async () => {
  subject = await startS3Subject();
  large = randomBytes(LARGE_BYTES);
  await writeFile(join(subject.dir, 'large.bin'), large);
  await writeFile(join(subject.dir, 'small.txt'), 'small');
});
afterAll(() => subject.stop());

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly complaints: string;
}

type Run = (...args: readonly string[]) => Promise<Outcome>;

function local(name: string): string {
  return join(subject.dir, name);
}

/** The file of the home site an object is. */
function onShare(key: string): Promise<Buffer> {
  return readFile(join(subject.shareDir, key));
}

/** Debian's own comes first: another one may stand before it on the path. */
function findProgram(name: string): string | undefined {
  return ['/usr/bin', ...(process.env['PATH'] ?? '').split(delimiter)]
    .map((dir) => join(dir, name))
    .find((path) => existsSync(path));
}

/** Skips aloud where a client is missing; WAYBILL_REQUIRE_ALL=1 turns that into a failure. */
function testWith(
  client: { program: string; apt: string },
  title: string,
  action: (program: string) => Promise<void>,
): void {
  const program = findProgram(client.program);
  if (program !== undefined) {
    test(title, { timeout: 120_000 }, () => action(program));
    return;
  }
  const reason = `${client.program} is not installed: apt-get install ${client.apt}`;
  test(title, (context) => {
    if (process.env['WAYBILL_REQUIRE_ALL'] === '1') throw new Error(reason);
    context.skip(reason);
  });
}

function runner(program: string, fixed: readonly string[], env: Record<string, string>): Run {
  return (...args) =>
    new Promise((resolve) => {
      execFile(
        program,
        [...fixed, ...args],
        {
          // Nothing of the machine's own settings: no profile, no proxy.
          env: { PATH: process.env['PATH'] ?? '', HOME: subject.dir, LC_ALL: 'C.UTF-8', ...env },
          timeout: 100_000,
          maxBuffer: 16 * MEGABYTE,
        },
        (error, out, complaints) => {
          const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
          resolve({ code, out, complaints });
        },
      );
    });
}

async function good(outcome: Promise<Outcome>): Promise<string> {
  const { code, out, complaints } = await outcome;
  if (code !== 0) throw new Error(`ended with ${code}: ${out}\n${complaints}`);
  return out;
}

const RCLONE = { program: 'rclone', apt: 'rclone' };
const S3CMD = { program: 's3cmd', apt: 's3cmd' };
const AWS = { program: 'aws', apt: 'awscli' };

describe('rclone', () => {
  function rcloneAt(program: string): Run {
    return runner(program, ['--retries', '1', '--low-level-retries', '1'], {
      RCLONE_CONFIG: local('rclone.conf'),
      RCLONE_CONFIG_STUDIO_TYPE: 's3',
      RCLONE_CONFIG_STUDIO_PROVIDER: 'Other',
      RCLONE_CONFIG_STUDIO_ENDPOINT: subject.url,
      RCLONE_CONFIG_STUDIO_REGION: REGION,
      RCLONE_CONFIG_STUDIO_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      RCLONE_CONFIG_STUDIO_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      RCLONE_S3_CHUNK_SIZE: '5M',
      RCLONE_S3_UPLOAD_CUTOFF: '6M',
    });
  }
  const at = (key: string): string => `studio:${BUCKET}/${key}`;

  testWith(
    RCLONE,
    'puts, lists, gets, copies and deletes, in one piece and in parts',
    async (program) => {
      const rclone = rcloneAt(program);
      await mkdir(local('rclone-tree/odd names'), { recursive: true });
      await writeFile(local(join('rclone-tree', NAME)), 'odd');
      await writeFile(local('rclone-tree/large.bin'), large);
      await good(rclone('copy', local('rclone-tree'), at('rclone')));
      expect((await onShare('rclone/large.bin')).equals(large)).toBe(true);
      expect((await onShare(`rclone/${NAME}`)).toString()).toBe('odd');

      const listed = (await good(rclone('lsf', '-R', '--format', 'ps', at('rclone')))).split('\n');
      expect(listed).toEqual(
        expect.arrayContaining([`large.bin;${LARGE_BYTES}`, `${NAME};3`]) as string[],
      );
      await good(rclone('check', local('rclone-tree'), at('rclone'), '--download'));
      await good(rclone('copy', at('rclone'), local('rclone-back')));
      expect((await readFile(local('rclone-back/large.bin'))).equals(large)).toBe(true);
      expect(await readFile(local(join('rclone-back', NAME)), 'utf8')).toBe('odd');

      await good(rclone('copyto', at(`rclone/${NAME}`), at('rclone/copied + here.txt')));
      expect((await onShare('rclone/copied + here.txt')).toString()).toBe('odd');
      await good(
        rclone(
          'copyto',
          at('rclone/large.bin'),
          at('rclone/large copy.bin'),
          '--s3-copy-cutoff',
          '5M',
        ),
      );
      expect((await onShare('rclone/large copy.bin')).equals(large)).toBe(true);
      const sums = await good(rclone('md5sum', at('rclone/copied + here.txt')));
      expect(sums).toContain(createHash('md5').update('odd').digest('hex'));

      await good(rclone('deletefile', at('rclone/large.bin')));
      await good(rclone('delete', at('rclone')));
      expect(await good(rclone('lsf', '-R', '--files-only', at('rclone')))).toBe('');
      await expect(onShare('rclone/large.bin')).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );

  testWith(RCLONE, 'is refused a second write that must be the first', async (program) => {
    const rclone = rcloneAt(program);
    // A header for every request, so those that look before the write are left out.
    const once = ['--header', 'If-None-Match: *', '--no-check-dest', '--s3-no-head'];
    await good(rclone('copyto', local('small.txt'), at('once/rclone.txt'), ...once));
    await writeFile(local('other.txt'), 'other');
    const second = await rclone('copyto', local('other.txt'), at('once/rclone.txt'), ...once);
    expect(second.code).not.toBe(0);
    expect(second.complaints).toMatch(/412|PreconditionFailed/);
    expect((await onShare('once/rclone.txt')).toString()).toBe('small');
  });
});

describe('s3cmd', () => {
  async function s3cmdAt(program: string): Promise<Run> {
    const host = subject.url.replace('http://', '');
    await writeFile(
      local('s3cfg'),
      [
        '[default]',
        `access_key = ${CREDENTIALS.accessKeyId}`,
        `secret_key = ${CREDENTIALS.secretAccessKey}`,
        `host_base = ${host}`,
        `host_bucket = ${host}`,
        'use_https = False',
        'check_ssl_certificate = False',
        'max_retries = 1',
      ].join('\n'),
    );
    return runner(program, ['-c', local('s3cfg'), '--no-progress'], {});
  }
  const at = (key: string): string => `s3://${BUCKET}/${key}`;

  testWith(
    S3CMD,
    'puts, lists, gets, copies and deletes, in one piece and in parts',
    async (program) => {
      const s3cmd = await s3cmdAt(program);
      expect(await good(s3cmd('ls'))).toContain(`s3://${BUCKET}`);
      await good(s3cmd('put', local('small.txt'), at(`s3cmd/${NAME}`)));
      expect((await onShare(`s3cmd/${NAME}`)).toString()).toBe('small');
      await good(
        s3cmd('put', '--multipart-chunk-size-mb=5', local('large.bin'), at('s3cmd/large.bin')),
      );
      expect((await onShare('s3cmd/large.bin')).equals(large)).toBe(true);

      const listed = await good(s3cmd('ls', '-r', at('s3cmd/')));
      expect(listed).toContain(at(`s3cmd/${NAME}`));
      expect(listed).toContain(String(LARGE_BYTES));
      expect(await good(s3cmd('ls', at('s3cmd/')))).toContain(`DIR  ${at('s3cmd/odd names/')}`);
      expect(await good(s3cmd('info', at('s3cmd/large.bin')))).toContain(String(LARGE_BYTES));
      await good(s3cmd('get', '--force', at('s3cmd/large.bin'), local('s3cmd-back.bin')));
      expect((await readFile(local('s3cmd-back.bin'))).equals(large)).toBe(true);
      await good(s3cmd('get', '--force', at(`s3cmd/${NAME}`), local('s3cmd-back.txt')));
      expect(await readFile(local('s3cmd-back.txt'), 'utf8')).toBe('small');

      await good(s3cmd('cp', at(`s3cmd/${NAME}`), at('s3cmd/copied + here.txt')));
      expect((await onShare('s3cmd/copied + here.txt')).toString()).toBe('small');
      await good(s3cmd('del', at('s3cmd/copied + here.txt')));
      await good(s3cmd('del', '-r', '--force', at('s3cmd/')));
      expect(await good(s3cmd('ls', '-r', at('s3cmd/')))).toBe('');
      await expect(onShare('s3cmd/large.bin')).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );

  testWith(S3CMD, 'is refused a second write that must be the first', async (program) => {
    const s3cmd = await s3cmdAt(program);
    const once = ['put', '--add-header=If-None-Match: *', local('small.txt'), at('once/s3cmd.txt')];
    await good(s3cmd(...once));
    const second = await s3cmd(...once);
    expect(second.code).not.toBe(0);
    expect(second.complaints).toMatch(/412|PreconditionFailed/);
  });
});

describe('the AWS CLI', () => {
  async function awsAt(program: string): Promise<Run> {
    await writeFile(
      local('aws-config'),
      '[default]\ns3 =\n  multipart_threshold = 5MB\n  multipart_chunksize = 5MB\n  addressing_style = path\n',
    );
    return runner(program, ['--endpoint-url', subject.url], {
      AWS_CONFIG_FILE: local('aws-config'),
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_DEFAULT_REGION: REGION,
      AWS_MAX_ATTEMPTS: '1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
    });
  }
  const at = (key: string): string => `s3://${BUCKET}/${key}`;
  const json = async (outcome: Promise<Outcome>): Promise<Record<string, unknown>> =>
    JSON.parse((await good(outcome)) || '{}') as Record<string, unknown>;

  testWith(
    AWS,
    'puts, lists, gets, copies and deletes, in one piece and in parts',
    async (program) => {
      const aws = await awsAt(program);
      await good(aws('s3', 'cp', '--no-progress', local('small.txt'), at(`aws/${NAME}`)));
      expect((await onShare(`aws/${NAME}`)).toString()).toBe('small');
      await good(aws('s3', 'cp', '--no-progress', local('large.bin'), at('aws/large.bin')));
      expect((await onShare('aws/large.bin')).equals(large)).toBe(true);

      expect(await good(aws('s3', 'ls', '--recursive', at('aws/')))).toContain(`aws/${NAME}`);
      await good(aws('s3', 'cp', '--no-progress', at('aws/large.bin'), local('aws-back.bin')));
      expect((await readFile(local('aws-back.bin'))).equals(large)).toBe(true);
      await good(aws('s3', 'cp', '--no-progress', at(`aws/${NAME}`), at('aws/copied + here.txt')));
      expect((await onShare('aws/copied + here.txt')).toString()).toBe('small');
      await good(aws('s3', 'cp', '--no-progress', at('aws/large.bin'), at('aws/large copy.bin')));
      expect((await onShare('aws/large copy.bin')).equals(large)).toBe(true);

      await good(aws('s3', 'rm', at('aws/copied + here.txt')));
      await good(aws('s3', 'rm', '--recursive', at('aws/')));
      await expect(onShare('aws/large.bin')).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );

  testWith(
    AWS,
    'sends checksums that are kept and given back, and deletes many at once',
    async (program) => {
      const aws = await awsAt(program);
      const named = ['--bucket', BUCKET, '--key'];
      // Each start of this client costs a second, so two of the sums stand for all.
      for (const algorithm of ['CRC32', 'SHA256']) {
        const key = `sums/${algorithm}`;
        const put = await json(
          aws(
            's3api',
            'put-object',
            ...named,
            key,
            '--body',
            local('small.txt'),
            '--checksum-algorithm',
            algorithm,
          ),
        );
        const sum = put[`Checksum${algorithm}`];
        expect(sum).toMatch(/^[A-Za-z0-9+/]+=*$/);
        const head = await json(
          aws('s3api', 'head-object', ...named, key, '--checksum-mode', 'ENABLED'),
        );
        expect(head[`Checksum${algorithm}`]).toBe(sum);
      }
      const list = await json(
        aws(
          's3api',
          'list-objects-v2',
          '--bucket',
          BUCKET,
          '--prefix',
          'sums/',
          '--page-size',
          '1',
        ),
      );
      expect((list['Contents'] as unknown[]).length).toBe(2);
      const deleted = await json(
        aws(
          's3api',
          'delete-objects',
          '--bucket',
          BUCKET,
          '--delete',
          JSON.stringify({
            Objects: ['CRC32', 'SHA256', 'never there'].map((name) => ({
              Key: `sums/${name}`,
            })),
          }),
        ),
      );
      expect((deleted['Deleted'] as unknown[]).length).toBe(3);
    },
  );

  testWith(
    AWS,
    'makes, lists and aborts an upload by hand, and reads by a presigned address',
    async (program) => {
      const aws = await awsAt(program);
      const named = ['--bucket', BUCKET, '--key', 'hand/made.bin'];
      const { UploadId } = await json(aws('s3api', 'create-multipart-upload', ...named));
      const id = ['--upload-id', String(UploadId)];
      await good(
        aws(
          's3api',
          'upload-part',
          ...named,
          ...id,
          '--part-number',
          '3',
          '--body',
          local('small.txt'),
        ),
      );
      const uploads = await json(aws('s3api', 'list-multipart-uploads', '--bucket', BUCKET));
      expect(uploads['Uploads']).toMatchObject([{ Key: 'hand/made.bin', UploadId }]);
      expect((await json(aws('s3api', 'list-parts', ...named, ...id)))['Parts']).toMatchObject([
        { PartNumber: 3, Size: 5 },
      ]);
      await good(aws('s3api', 'abort-multipart-upload', ...named, ...id));
      expect((await aws('s3api', 'list-parts', ...named, ...id)).complaints).toContain(
        'NoSuchUpload',
      );

      await good(aws('s3', 'cp', '--no-progress', local('small.txt'), at('hand/small.txt')));
      const url = (await good(aws('s3', 'presign', at('hand/small.txt')))).trim();
      expect(await (await fetch(url)).text()).toBe('small');
      expect((await fetch(`${url}0`)).status).toBe(403);
    },
  );

  testWith(
    AWS,
    'is refused a second write that must be the first, where it can ask for that',
    async (program) => {
      const aws = await awsAt(program);
      const once = [
        's3api',
        'put-object',
        '--bucket',
        BUCKET,
        '--key',
        'once/aws.txt',
        '--body',
        local('small.txt'),
        '--if-none-match',
        '*',
      ];
      const first = await aws(...once);
      // Debian 12's is older than conditional writes; it says so and sends nothing.
      if (/Unknown options/.test(first.complaints)) return;
      await good(Promise.resolve(first));
      const second = await aws(...once);
      expect(second.code).not.toBe(0);
      expect(second.complaints).toContain('PreconditionFailed');
    },
  );
});

describe('curl', () => {
  testWith(
    { program: 'curl', apt: 'curl' },
    'signs by itself, and is refused a second write that must be the first',
    async (program) => {
      const put = runner(
        program,
        [
          '--silent',
          '--write-out',
          '%{http_code}',
          '--aws-sigv4',
          `aws:amz:${REGION}:s3`,
          '--user',
          `${CREDENTIALS.accessKeyId}:${CREDENTIALS.secretAccessKey}`,
          '--header',
          'x-amz-content-sha256: UNSIGNED-PAYLOAD',
          '--header',
          'If-None-Match: *',
          '--upload-file',
          local('small.txt'),
          `${subject.url}/${BUCKET}/once/curl.txt`,
        ],
        {},
      );
      expect(await good(put())).toBe('200');
      expect(await good(put())).toMatch(/<Code>PreconditionFailed<.*412$/s);
    },
  );
});

describe('the AWS SDK with nothing set', () => {
  const client = (): S3Client =>
    new S3Client({
      endpoint: subject.url,
      region: REGION,
      credentials: CREDENTIALS,
      forcePathStyle: true,
      maxAttempts: 1,
    });

  test('sends a stream in chunks with its checksum behind it, and checks what it reads', async () => {
    using s3 = closing(client());
    const framings: (string | undefined)[] = [];
    s3.client.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        framings.push(headers['x-amz-content-sha256']);
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const Key = `sdk/${NAME}`;
    const written = await s3.client.send(
      new PutObjectCommand({
        Bucket: BUCKET,
        Key,
        Body: Readable.from([large.subarray(0, 3 * MEGABYTE), large.subarray(3 * MEGABYTE)], {
          objectMode: false,
        }),
        ContentLength: LARGE_BYTES,
      }),
    );
    expect(framings).toContain('STREAMING-UNSIGNED-PAYLOAD-TRAILER');
    expect(written.ChecksumCRC32).toMatch(/=$/);
    expect((await onShare(Key)).equals(large)).toBe(true);
    const read = await s3.client.send(
      new GetObjectCommand({ Bucket: BUCKET, Key, ChecksumMode: 'ENABLED' }),
    );
    expect(read.ChecksumCRC32).toBe(written.ChecksumCRC32);
    expect(read.ContentEncoding).toBeUndefined();
    expect(Buffer.from((await read.Body?.transformToByteArray()) ?? []).equals(large)).toBe(true);
    await expect(
      s3.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'x', IfNoneMatch: '*' })),
    ).rejects.toMatchObject({ name: 'PreconditionFailed', $metadata: { httpStatusCode: 412 } });
  });

  test('uploads in parts, lists in pages and deletes many', async () => {
    using s3 = closing(client());
    const made = { Bucket: BUCKET, Key: 'sdk/parts.bin' };
    const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand(made));
    const parts = [];
    for (const [at, Body] of [
      large.subarray(0, 6 * MEGABYTE),
      large.subarray(6 * MEGABYTE),
    ].entries()) {
      const part = { ...made, UploadId, PartNumber: at + 1, Body };
      const { ETag, ChecksumCRC32 } = await s3.client.send(new UploadPartCommand(part));
      parts.push({ PartNumber: at + 1, ETag, ChecksumCRC32 });
    }
    const done = await s3.client.send(
      new CompleteMultipartUploadCommand({ ...made, UploadId, MultipartUpload: { Parts: parts } }),
    );
    expect(done.ETag).toMatch(/-2"$/);
    expect((await onShare(made.Key)).equals(large)).toBe(true);

    const keys = Array.from({ length: 7 }, (_, at) => `sdk/pages/${at}`);
    for (const Key of keys)
      await s3.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: Key }));
    const found: (string | undefined)[] = [];
    const paging = { client: s3.client, pageSize: 3 };
    for await (const page of paginateListObjectsV2(paging, {
      Bucket: BUCKET,
      Prefix: 'sdk/pages/',
    }))
      found.push(...(page.Contents ?? []).map(({ Key }) => Key));
    expect(found).toEqual(keys);
    const Objects = keys.map((Key) => ({ Key }));
    const gone = await s3.client.send(
      new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }),
    );
    expect(gone.Deleted).toHaveLength(7);
  });

  function closing(given: S3Client): Disposable & { readonly client: S3Client } {
    return { client: given, [Symbol.dispose]: () => given.destroy() };
  }
});
