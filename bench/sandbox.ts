// How fast the sandbox answers, beside a bare server in the same run, and how soon a world of 100,000 files is up.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request as plainRequest, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const FILES = 100_000;
const FILES_A_FOLDER = 500;
const RUN_MS = 3_000;
const AT_ONCE = 32;

interface Up {
  readonly studio: {
    readonly pid: number;
    readonly ca: string;
    readonly sites: readonly {
      readonly name: string;
      readonly root: string;
      readonly anvil: {
        readonly url: string;
        readonly username: string;
        readonly password: string;
      };
      readonly gateway: { readonly url: string };
    }[];
    readonly farm: { readonly url: string };
  };
  readonly startMs: number;
  stop(): Promise<void>;
}

function startSandbox(dir: string): Promise<Up> {
  const startedAt = performance.now();
  const cli = join(import.meta.dirname, '../main/cli.ts');
  const args = [cli, 'sandbox', '--dir', dir, '--json', '--until-stdin-closes'];
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the sandbox ended with ${code}`)));
    child.stdout.on('data', (part: Buffer) => {
      said += part.toString();
      if (!said.includes('\n')) return;
      resolve({
        studio: JSON.parse(said) as Up['studio'],
        startMs: performance.now() - startedAt,
        async stop() {
          child.stdin.end();
          await exited;
        },
      });
    });
  });
}

type Ask = () => Promise<void>;

/** Calls a second with many under way at once, as one client process can make them. */
async function rate(ask: Ask): Promise<number> {
  const end = performance.now() + RUN_MS;
  let done = 0;
  async function worker(): Promise<void> {
    while (performance.now() < end) {
      await ask();
      done += 1;
    }
  }
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return (done / (performance.now() - startedAt)) * 1_000;
}

function call(
  send: typeof plainRequest,
  url: string,
  options: RequestOptions & { body?: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = send(url, options, (response) => {
      response.resume();
      response.once('end', () =>
        (response.statusCode ?? 500) < 400
          ? resolve()
          : reject(new Error(`${url} answered ${response.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end(options.body);
  });
}

async function bareRate(): Promise<number> {
  const body = JSON.stringify([{ name: 'london' }, { name: 'oregon' }, { name: 'mumbai' }]);
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const result = await rate(() => call(plainRequest, `http://127.0.0.1:${port}/`, { agent }));
  agent.destroy();
  server.close();
  return result;
}

async function servedRates(dir: string): Promise<Record<'rest' | 'gateway' | 'farm', number>> {
  const sandbox = await startSandbox(dir);
  try {
    const [home] = sandbox.studio.sites;
    if (!home) throw new Error('the sandbox has no site');
    const secure = new SecureAgent({
      keepAlive: true,
      maxSockets: AT_ONCE,
      ca: readFileSync(sandbox.studio.ca),
    });
    const plain = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
    const { username, password } = home.anvil;
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const rest = await rate(() =>
      call(secureRequest, `${home.anvil.url}/sites`, {
        agent: secure,
        headers: { authorization },
      }),
    );
    let id = 0;
    const gateway = await rate(async () => {
      id += 1;
      const url = `${home.gateway.url}/shots/.fs_command_gateway%200x${id.toString(16)}`;
      await call(plainRequest, url, { agent: plain, method: 'PUT', body: './?.eval_json NAME' });
      await call(plainRequest, url, { agent: plain });
    });
    const farm = await rate(() =>
      call(plainRequest, `${sandbox.studio.farm.url}/api/groups`, { agent: plain }),
    );
    secure.destroy();
    plain.destroy();
    return { rest, gateway, farm };
  } finally {
    await sandbox.stop();
  }
}

async function largeWorld(dir: string): Promise<{ startMs: number; megabytes: number }> {
  const first = await startSandbox(dir);
  const share = join(first.studio.sites[0]?.root ?? '', 'shots');
  for (let folder = 0; folder < FILES / FILES_A_FOLDER; folder += 1) {
    const at = join(share, `sh${String(folder).padStart(4, '0')}`);
    mkdirSync(at);
    for (let file = 0; file < FILES_A_FOLDER; file += 1)
      writeFileSync(join(at, `f${file}.txt`), 'x');
  }
  await untilNoticed(first);
  await first.stop();
  const second = await startSandbox(dir);
  await sleep(1_000);
  const status = readFileSync(`/proc/${second.studio.pid}/status`, 'utf8');
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  await second.stop();
  return { startMs: second.startMs, megabytes: kilobytes / 1_024 };
}

async function untilNoticed(sandbox: Up): Promise<void> {
  const url = `${sandbox.studio.sites[0]?.gateway.url}/shots/.fs_command_gateway%200xffff`;
  for (let seconds = 0; seconds < 180; seconds += 1) {
    await fetch(url, { method: 'PUT', body: './?.sum_json IS_FILE?{1FILE,SIZE}' });
    const counted = Number(/\[\[(\d+)/.exec(await (await fetch(url)).text())?.[1] ?? 0);
    if (counted >= FILES) return;
    await sleep(1_000);
  }
  throw new Error('the sandbox did not notice all files within three minutes');
}

const root = mkdtempSync(join(tmpdir(), 'waybill-bench-'));
try {
  const bare = await bareRate();
  const served = await servedRates(join(root, 'small'));
  const line = (name: string, perSecond: number): void =>
    console.log(
      `${name.padEnd(28)} ${perSecond.toFixed(0).padStart(7)}/s   ${(perSecond / bare).toFixed(2)} of a bare server`,
    );
  line('bare node server', bare);
  line('Anvil REST over TLS', served.rest);
  line('gateway commands', served.gateway);
  line('Deadline lists', served.farm);
  const large = await largeWorld(join(root, 'large'));
  console.log(
    `world of ${FILES} files: up in ${(large.startMs / 1_000).toFixed(1)} s, ${large.megabytes.toFixed(0)} MB`,
  );
} finally {
  rmSync(root, { recursive: true, force: true });
}
