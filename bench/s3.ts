// How many small objects a second the sandbox's S3 endpoint puts and gets, beside a bare server that reads the same bodies.

import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

const RUN_MS = 4_000;
const AT_ONCE = 32;
const BODY = Buffer.alloc(1_024, 'x');
const NAMES = 500;

interface S3Address {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Addresses are signed once, so that the client costs little beside the server; the server checks each time. */
function presigned(s3: S3Address, method: string, path: string): string {
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const scope = `${stamp.slice(0, 8)}/${s3.region}/s3/aws4_request`;
  const url = new URL(path, s3.endpoint);
  const query = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=${encodeURIComponent(`${s3.accessKeyId}/${scope}`)}`,
    `X-Amz-Date=${stamp}`,
    'X-Amz-Expires=3600',
    'X-Amz-SignedHeaders=host',
  ].join('&');
  const canonical = [method, path, query, `host:${url.host}`, '', 'host', 'UNSIGNED-PAYLOAD'];
  const digest = createHash('sha256').update(canonical.join('\n')).digest('hex');
  let key: string | Buffer = `AWS4${s3.secretAccessKey}`;
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest();
  const signature = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${digest}`)
    .digest('hex');
  return `${url.href}?${query}&X-Amz-Signature=${signature}`;
}

async function rate(method: 'GET' | 'PUT', urls: readonly string[]): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const startedAt = performance.now();
  let done = 0;
  async function worker(): Promise<void> {
    while (performance.now() - startedAt < RUN_MS) {
      done += 1;
      await call(agent, method, urls[done % urls.length] ?? '');
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  agent.destroy();
  return (done / (performance.now() - startedAt)) * 1_000;
}

function call(agent: Agent, method: 'GET' | 'PUT', url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = method === 'PUT' ? { 'content-length': BODY.length } : {};
    const sent = request(url, { agent, method, headers }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200
          ? resolve()
          : reject(new Error(`${method} ${url} answered ${response.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end(method === 'PUT' ? BODY : undefined);
  });
}

async function bareRates(): Promise<{ put: number; get: number }> {
  const server = createServer((asked, response) => {
    asked.resume();
    asked.once('end', () => response.end(asked.method === 'GET' ? BODY : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/`;
  const rates = { put: await rate('PUT', [url]), get: await rate('GET', [url]) };
  server.close();
  return rates;
}

function startSandbox(dir: string): Promise<{ s3: S3Address; stop(): Promise<void> }> {
  const cli = join(import.meta.dirname, '../main/cli.ts');
  const args = [cli, 'sandbox', '--dir', dir, '--json', '--until-stdin-closes'];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the sandbox ended with ${code}`)));
    child.stdout.on('data', (part: Buffer) => {
      said += part.toString();
      if (!said.includes('\n')) return;
      const { s3 } = JSON.parse(said) as { s3: S3Address };
      resolve({
        s3,
        async stop() {
          child.stdin.end();
          await exited;
        },
      });
    });
  });
}

const dir = mkdtempSync(join(tmpdir(), 'waybill-bench-s3-'));
try {
  const line = (name: string, { put, get }: { put: number; get: number }): void =>
    console.log(
      `${name.padEnd(18)} PUT ${put.toFixed(0).padStart(6)}/s   GET ${get.toFixed(0).padStart(6)}/s`,
    );
  line('bare node server', await bareRates());
  const sandbox = await startSandbox(dir);
  try {
    for (const bucket of ['shots', 'staging']) {
      const urls = (method: string): string[] =>
        Array.from({ length: NAMES }, (_, at) =>
          presigned(sandbox.s3, method, `/${bucket}/bench/${at}.bin`),
        );
      const put = await rate('PUT', urls('PUT'));
      line(`bucket ${bucket}`, { put, get: await rate('GET', urls('GET')) });
    }
  } finally {
    await sandbox.stop();
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
