// A farm of its own for a test: real server, real repository, real tasks, and timing that a test can wait for.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFarm, type Farm, type FarmOptions } from '../../main/sandbox/farm/deadline.ts';

export const FARM_ROOT = '/mnt/hs';
export const GROUP = 'cpu-us-west-2';

export interface FarmAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers: Headers;
}

export interface FarmSubject extends AsyncDisposable {
  readonly url: string;
  readonly dir: string;
  /** The region's own tree: what its workers can read. */
  readonly root: string;
  ask(path: string, init?: RequestInit): Promise<FarmAnswer>;
  /** Parses the answer of a call that must succeed with JSON. */
  json<T>(path: string, init?: RequestInit): Promise<T>;
  put(path: string, body: unknown): Promise<FarmAnswer>;
  /** Submits and gives the job's id. */
  submit(info: Record<string, unknown>, plugin?: Record<string, unknown>): Promise<string>;
  readonly tlsUrl: string | null;
  control: Farm['control'];
  stop(): Promise<void>;
}

export interface JobAnswer {
  readonly _id: string;
  readonly Stat: number;
  readonly Errs: number;
  readonly Props: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** With `dir` a farm that was stopped goes on; the folder is then left to the caller. */
export async function openFarm(
  given: Partial<FarmOptions> & { readonly capacity?: number } = {},
  dir?: string,
): Promise<FarmSubject> {
  const { capacity = 1, ...options } = given;
  const base = dir ?? (await mkdtemp(join(tmpdir(), 'waybill-farm-')));
  const root = join(base, 'oregon');
  await mkdir(join(root, 'shots'), { recursive: true });
  const farm = await startFarm({
    dir: join(base, 'farm'),
    port: 0,
    farmRoot: FARM_ROOT,
    regions: [{ id: 'us-west-2', site: 'oregon', groups: [GROUP], root, capacity }],
    // The machine that scans for pending jobs has the region's mount, too.
    scanRoot: root,
    renderers: { blender: null, preview: { executable: process.execPath, script: '/nowhere.ts' } },
    seed: 1,
    exists: () => false,
    ...options,
    timing: { bootMs: 100, idleMs: 60_000, pollMs: 50, pendingScanMs: 100, ...options.timing },
  });

  async function ask(path: string, init: RequestInit = {}): Promise<FarmAnswer> {
    const response = await fetch(`${farm.url}${path}`, init);
    return {
      status: response.status,
      type: response.headers.get('content-type') ?? '',
      text: await response.text(),
      headers: response.headers,
    };
  }

  async function json<T>(path: string, init?: RequestInit): Promise<T> {
    const answer = await ask(path, init);
    if (answer.status !== 200 || answer.type !== 'application/json')
      throw new Error(`${path} answered ${answer.status} ${answer.type}: ${answer.text}`);
    return JSON.parse(answer.text) as T;
  }

  async function stop(): Promise<void> {
    await farm.stop();
    if (dir === undefined) await rm(base, { recursive: true, force: true });
  }

  return {
    url: farm.url,
    dir: base,
    root,
    ask,
    json,
    put: (path, body) => ask(path, { method: 'PUT', body: JSON.stringify(body) }),
    async submit(info, plugin = {}) {
      const body = JSON.stringify({
        JobInfo: { Plugin: 'CommandLine', Group: GROUP, ...info },
        PluginInfo: plugin,
        AuxFiles: [],
        IdOnly: true,
      });
      const { _id } = await json<{ _id: string }>('/api/jobs', { method: 'POST', body });
      return _id;
    },
    tlsUrl: farm.tlsUrl,
    control: farm.control,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

export async function jobOf(farm: FarmSubject, id: string): Promise<JobAnswer> {
  const [job] = await farm.json<JobAnswer[]>(`/api/jobs?JobID=${id}`);
  if (!job) throw new Error(`the farm has no job ${id}`);
  return job;
}

/** Asks until the answer is right; the test's own time limit is the end of patience. */
export async function until<T>(read: () => Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (isRight(value)) return value;
    await sleep(30);
  }
}
