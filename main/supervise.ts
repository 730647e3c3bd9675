// Runs the sandbox and the agent as child processes: waits until they are up, starts a crashed agent again,
// and leaves neither behind, not even when this process is killed (both end with their standard input).

import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { AgentError, sentenceOf } from './engine/base/errors.ts';

const START_MS = 30_000;
const STOP_MS = 10_000;
const FIRST_RESTART_MS = 200;
const LONGEST_RESTART_MS = 3_000;
/** An agent that ran this long has earned a quick restart. */
const SETTLED_MS = 10_000;
/** Exits in a row that come before the agent was ever up are no crash but a refusal. */
const REFUSALS = 3;

/** A world of 100,000 files is made of small long-lived things: a small nursery keeps its process a third smaller. */
const SANDBOX_FLAGS = ['--max-semi-space-size=4'] as const;

const SandboxUp = z.looseObject({
  dir: z.string(),
  control: z.object({ url: z.string(), token: z.string() }),
});
const AgentUp = z.object({ socket: z.string(), http: z.string().nullable(), pid: z.number() });

export interface SandboxProcess extends AsyncDisposable {
  /** Path of the endpoints document. */
  readonly documentPath: string;
  readonly control: { readonly url: string; readonly token: string };
}

export interface SandboxProcessOptions {
  readonly dir: string;
  readonly intervalMs?: number;
  readonly bandwidth?: number;
  readonly useBlender?: boolean;
}

/** Errors: AgentError with the sandbox's own sentence. */
export async function startSandbox(options: SandboxProcessOptions): Promise<SandboxProcess> {
  const child = startChild('sandbox', [
    '--dir',
    options.dir,
    '--json',
    '--until-stdin-closes',
    // Our own agent asks through the direct transport; mounts are for those who work at the sites.
    '--mount',
    'none',
    ...(options.intervalMs === undefined ? [] : ['--interval-ms', String(options.intervalMs)]),
    ...(options.bandwidth === undefined ? [] : ['--bandwidth', String(options.bandwidth)]),
    ...(options.useBlender === false ? ['--no-blender'] : []),
  ]);
  try {
    const { control } = SandboxUp.parse(JSON.parse(await child.firstLine));
    return {
      documentPath: join(options.dir, 'studio.json'),
      control,
      [Symbol.asyncDispose]: () => child.stop(),
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** The sandbox as a command of its own: its output is ours, and it ends with the signal. Returns its exit code. */
export function runSandbox(args: readonly string[], signal: AbortSignal): Promise<number> {
  const child = spawn(process.execPath, [...SANDBOX_FLAGS, entryPath('sandbox'), ...args], {
    stdio: 'inherit',
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

export interface AgentProcess extends AsyncDisposable {
  readonly socketPath: string;
  readonly browserUrl: string | null;
  /** Times the agent was started again after it died. */
  restarts(): number;
  /** Rejects when the agent cannot be kept running; otherwise pending. */
  readonly failed: Promise<never>;
}

export interface AgentProcessOptions {
  readonly args: readonly string[];
  onRestart?(): void;
}

/** Starts the agent and keeps it running until disposed. */
export async function superviseAgent(options: AgentProcessOptions): Promise<AgentProcess> {
  const args = [...options.args, '--json', '--until-stdin-closes'];
  let child = startChild('agent', args);
  let stopping = false;
  let restarts = 0;
  let first: z.infer<typeof AgentUp>;
  try {
    first = AgentUp.parse(JSON.parse(await child.firstLine));
  } catch (error) {
    await child.stop();
    throw error;
  }

  async function keepRunning(): Promise<never> {
    let delayMs = FIRST_RESTART_MS;
    let refusals = 0;
    for (;;) {
      const since = performance.now();
      await child.exited;
      if (stopping) return new Promise<never>(() => undefined);
      delayMs =
        performance.now() - since > SETTLED_MS
          ? FIRST_RESTART_MS
          : Math.min(delayMs * 2, LONGEST_RESTART_MS);
      await sleep(delayMs);
      if (stopping) return new Promise<never>(() => undefined);
      restarts += 1;
      child = startChild('agent', args);
      options.onRestart?.();
      try {
        await child.firstLine;
        refusals = 0;
      } catch (error) {
        refusals += 1;
        if (refusals >= REFUSALS) throw error;
      }
    }
  }

  const failed = keepRunning();
  // Whoever never looks at it must not be ended by it.
  failed.catch(() => undefined);
  return {
    socketPath: first.socket,
    browserUrl: first.http,
    restarts: () => restarts,
    failed,
    async [Symbol.asyncDispose]() {
      stopping = true;
      await child.stop();
    },
  };
}

interface Child {
  /** First line of standard output; rejects with the child's own complaint when it ends before. */
  readonly firstLine: Promise<string>;
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

function startChild(entry: 'agent' | 'sandbox', args: readonly string[]): Child {
  const flags = entry === 'sandbox' ? SANDBOX_FLAGS : [];
  const process_ = spawn(process.execPath, [...flags, entryPath(entry), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => {
    process_.once('exit', () => resolve());
    process_.once('error', () => resolve());
  });
  const firstLine = readFirstLine(process_, entry);
  firstLine.catch(() => undefined);
  return {
    firstLine,
    exited,
    async stop() {
      process_.stdin?.destroy();
      process_.kill('SIGTERM');
      const timer = setTimeout(() => process_.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Built, every entry lies beside this file; from source the sandbox has a folder of its own. */
function entryPath(entry: 'agent' | 'sandbox'): string {
  const isBuilt = import.meta.filename.endsWith('.js');
  if (isBuilt) return join(import.meta.dirname, `${entry}.js`);
  return join(import.meta.dirname, entry === 'agent' ? 'agent.ts' : 'sandbox/main.ts');
}

function readFirstLine(child: ChildProcess, entry: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    let complaints = '';
    const fail = (why: string): void => {
      clearTimeout(timer);
      const [complaint = ''] = complaints.trim().split('\n');
      reject(
        new AgentError('internal', {
          message: complaint === '' ? `The ${entry} did not start: ${why}. Try again.` : complaint,
          retry: 'later',
        }),
      );
    };
    const timer = setTimeout(() => fail(`it said nothing for ${START_MS / 1000} s`), START_MS);
    child.stderr?.on('data', (part: Buffer) => {
      complaints = (complaints + part.toString('utf8')).slice(-4_000);
    });
    child.stdout?.on('data', (part: Buffer) => {
      said = (said + part.toString('utf8')).slice(0, 1_000_000);
      const end = said.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      resolve(said.slice(0, end));
    });
    child.once('error', (error) => fail(sentenceOf(error)));
    child.once('exit', (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}`));
  });
}
