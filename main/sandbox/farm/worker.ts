// Runs a task for real, as child processes that read and write only their region's tree.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { textOf } from './document-text.ts';
import { endsOf } from './frames.ts';
import type { JobDocument, TaskDocument } from './jobs.ts';
import { applyRules, mapPath, rulesOf } from './path-mapping.ts';
import { TaskError, type PluginRun, type WorkerPlace } from './plugin-run.ts';
import { runPlugin } from './plugins.ts';
import { createTaskLog } from './task-log.ts';

export type TaskResult =
  | { readonly kind: 'completed'; readonly log: string }
  | { readonly kind: 'error'; readonly title: string; readonly log: string };

export interface RunningTask {
  readonly done: Promise<TaskResult>;
  kill(): void;
}

/** What a timer can count; more would be over at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const MAX_LOG_CHARS = 1_000_000;
/** OnTaskTimeout Complete in Props.Timeout (§2.4). */
const COMPLETE_WHEN_LATE = 3;
/** Folders of programs, which a worker of another machine has too. */
const SYSTEM_DIRS = ['/bin/', '/sbin/', '/usr/', '/lib/', '/opt/', '/etc/', '/dev/'];

export function runTask(place: WorkerPlace, job: JobDocument, task: TaskDocument): RunningTask {
  const log = createTaskLog();
  const kills = new Set<() => void>();
  const killed = new AbortController();
  const maxMs = Math.min(LONGEST_TIMER_MS, Number(job.Props['MaxTime'] ?? 0) * 1000);
  let isLate = false;
  const timeout =
    maxMs > 0
      ? setTimeout(() => {
          isLate = true;
          kill();
        }, maxMs)
      : undefined;
  const rules = [...rulesOf(job.Props['PathMap']), ...place.pathRules];

  async function run(): Promise<void> {
    for (const dir of job.OutDir) await mkdir(payloadPath(dir), { recursive: true });
    const plugin: PluginRun = {
      place,
      job,
      info: Object.fromEntries(
        Object.entries(job.Props['PlugInfo'] ?? {}).map(([key, value]) => [key, textOf(value)]),
      ),
      ...endsOf(task.Frames),
      log,
      signal: killed.signal,
      payloadPath,
      hostPath,
      rooted: (text) => text.replaceAll(place.farmRoot, place.root),
      localised,
      spawned,
    };
    await runPlugin(plugin);
    log.plain("Done executing plugin command of type 'Render Task'");
  }

  function ruled(path: string): string {
    return applyRules(rules, { os: 'Linux', region: place.region }, path);
  }

  function payloadPath(path: string): string {
    const mapped = mapPath(place, ruled(path));
    if (mapped === null)
      throw new TaskError(
        `"${path}" is not below ${place.farmRoot}; ${place.name} has no such path.`,
      );
    return mapped;
  }

  /** This machine plays several; what lies outside the region's mount and the programs is on another one. */
  function hostPath(path: string): string {
    const { preview } = place.renderers;
    if (path === preview.executable || path === preview.script) return path;
    if (path.startsWith(join(place.auxDir, '/'))) return path;
    const mapped = mapPath(place, ruled(path));
    if (mapped !== null) return mapped;
    if (SYSTEM_DIRS.some((dir) => posix.normalize(path).startsWith(dir))) return path;
    throw new TaskError(`"${path}" does not exist on ${place.name}.`);
  }

  /** Reports speak of the farm's paths, as the worker's own mount would be one. */
  function localised(text: string): string {
    return text.replaceAll(place.root, place.farmRoot);
  }

  function spawned(
    executable: string,
    args: readonly string[],
  ): Promise<{ code: number; log: string }> {
    return new Promise((resolve) => {
      if (killed.signal.aborted) {
        resolve({ code: 137, log: '' });
        return;
      }
      let output = '';
      const keep = (data: Buffer): void => {
        if (output.length < MAX_LOG_CHARS) output += data.toString('utf8');
      };
      const end = (code: number): void => {
        kills.delete(killChild);
        log.output(localised(output));
        log.info(`Process exit code: ${code}`);
        resolve({ code, log: output });
      };
      const child = spawn(executable, args, {
        cwd: place.root,
        env: environmentOf(place, job),
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, so that what the command started ends with it.
        detached: process.platform !== 'win32',
      });
      const killChild = (): void => killTree(child);
      kills.add(killChild);
      child.stdout.on('data', keep);
      child.stderr.on('data', keep);
      let hasFailed = false;
      child.once('error', (failure) => {
        hasFailed = true;
        output += failure.message;
        end(127);
      });
      child.once('close', (code) => {
        if (!hasFailed) end(code ?? 137);
      });
    });
  }

  function kill(): void {
    killed.abort();
    for (const killChild of kills) killChild();
  }

  const done = mkdir(place.scratchDir, { recursive: true })
    .then(run)
    .then(
      (): TaskResult => ({ kind: 'completed', log: log.text() }),
      (error: unknown): TaskResult => {
        if (isLate && job.Props['Timeout'] === COMPLETE_WHEN_LATE)
          return { kind: 'completed', log: log.text() };
        const why = error instanceof TaskError ? error.message : localised(String(error));
        const title = isLate ? `The task took over ${maxMs / 1000} s.` : why;
        return { kind: 'error', title: `Error: ${title}`, log: log.text() };
      },
    )
    .finally(() => clearTimeout(timeout));
  return { done, kill };
}

/** The job's own variables come first to be overruled: a job does not move the home of its worker. */
function environmentOf(place: WorkerPlace, job: JobDocument): NodeJS.ProcessEnv {
  const kept = ['PATH', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'SystemRoot', 'windir', 'ComSpec'];
  const own = Object.entries(job.Props['Env'] ?? {}).filter(([name]) => /^\w+$/.test(name));
  return {
    ...Object.fromEntries(own.map(([name, value]) => [name, textOf(value)])),
    ...Object.fromEntries(kept.map((name) => [name, process.env[name]])),
    HOME: place.scratchDir,
    USERPROFILE: place.scratchDir,
    TMPDIR: place.scratchDir,
    TEMP: place.scratchDir,
    TMP: place.scratchDir,
    // Inside Electron the executable is Electron's own; this makes it Node.
    ELECTRON_RUN_AS_NODE: '1',
  };
}

function killTree(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself in this moment.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
