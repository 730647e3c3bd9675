// Starts the studio in a box as its own process, the way a user does, and ends it by its process id.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface EndpointsDocument {
  readonly kind: 'waybill-sandbox';
  readonly version: number;
  readonly pid: number;
  readonly dir: string;
  /** Path of the CA's PEM. */
  readonly ca: string;
  readonly share: { readonly name: string; readonly path: string };
  readonly sites: readonly {
    readonly name: string;
    readonly place: string;
    readonly participantId: number;
    readonly home: boolean;
    readonly root: string;
    /** The share as the site's users see it, or null where it is not mounted. */
    readonly mount: string | null;
    readonly anvil: { readonly url: string; readonly username: string; readonly password: string };
    readonly gateway: { readonly kind: 'direct'; readonly url: string };
  }[];
  readonly s3: {
    readonly endpoint: string;
    readonly region: string;
    readonly bucket: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  readonly farm: { readonly url: string; readonly tlsUrl: string; readonly farmRoot: string };
  readonly regions: readonly {
    readonly id: string;
    readonly name: string;
    readonly place: string;
    readonly site: string;
    readonly groups: readonly string[];
  }[];
  readonly renderers: {
    readonly blender: string | null;
    readonly preview: { readonly executable: string; readonly script: string };
  };
  readonly control: { readonly url: string; readonly token: string };
}

export interface RunningSandbox extends AsyncDisposable {
  readonly studio: EndpointsDocument;
  readonly dir: string;
  /** Ends the process; the folder goes too unless the caller named it. */
  stop(): Promise<void>;
}

const START_MS = 30_000;
const STOP_MS = 5_000;
const MAIN = join(import.meta.dirname, '../../main/sandbox/main.ts');

export async function startSandbox(
  options: {
    dir?: string;
    worldPath?: string;
    intervalMs?: number;
    bandwidth?: number;
    seed?: number;
    mount?: 'auto' | 'fuse' | 'plain' | 'none';
  } = {},
): Promise<RunningSandbox> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'waybill-sandbox-')));
  const args = [
    MAIN,
    '--dir',
    dir,
    '--json',
    '--until-stdin-closes',
    ...(options.intervalMs === undefined ? [] : ['--interval-ms', String(options.intervalMs)]),
    ...(options.bandwidth === undefined ? [] : ['--bandwidth', String(options.bandwidth)]),
    ...(options.worldPath === undefined ? [] : ['--world', options.worldPath]),
    '--mount',
    options.mount ?? 'none',
    ...(options.seed === undefined ? [] : ['--seed', String(options.seed)]),
  ];
  // The sandbox ends with its standard input, so a killed test run leaves none behind.
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  async function stop(): Promise<void> {
    child.stdin.end();
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  }

  try {
    const studio = await firstLine(child);
    return { studio, dir, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function firstLine(child: ChildProcess): Promise<EndpointsDocument> {
  return new Promise((resolve, reject) => {
    let out = '';
    let complaints = '';
    const timer = setTimeout(() => fail(`printed no line within ${START_MS / 1000} s`), START_MS);
    function fail(why: string): void {
      clearTimeout(timer);
      reject(new Error(`The sandbox ${why}. ${complaints.trim()}`));
    }
    child.stderr?.on('data', (part: Buffer) => {
      complaints = (complaints + part.toString()).slice(-4_000);
    });
    child.stdout?.on('data', (part: Buffer) => {
      out += part.toString();
      const end = out.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      child.stdout?.removeAllListeners('data');
      child.stdout?.resume();
      resolve(JSON.parse(out.slice(0, end)) as EndpointsDocument);
    });
    child.once('exit', (code) => fail(`ended with code ${code} before it was up`));
    child.once('error', (error) => fail(`could not be started (${error.message})`));
  });
}

/** The share's folder of a site on disk. */
export function siteFolder(studio: EndpointsDocument, siteName: string): string {
  const site = studio.sites.find((candidate) => candidate.name === siteName);
  if (!site) throw new Error(`the sandbox has no site ${siteName}`);
  return join(site.root, studio.share.path);
}

/** One call of the sandbox's control door. */
export async function control(
  studio: EndpointsDocument,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${studio.control.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${studio.control.token}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok)
    throw new Error(`control ${path} answered ${response.status}: ${text.slice(0, 300)}`);
  return text === '' ? null : (JSON.parse(text) as unknown);
}
