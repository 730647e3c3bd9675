// Runs a task for real, as child processes that read and write only their region's tree.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { endsOf } from './frames.ts';
import type { JobDocument, TaskDocument } from './jobs.ts';

export interface Renderers {
  readonly blender: string | null;
  readonly preview: { readonly executable: string; readonly script: string };
}

export interface WorkerPlace {
  readonly name: string;
  readonly root: string;
  readonly farmRoot: string;
  readonly renderers: Renderers;
  /** Home and temp folder of the children, so that no setting of this machine's user is read. */
  readonly scratchDir: string;
  readonly auxDir: string;
  /** Whether the namespace has a file of this farm path, wherever its payload is. */
  exists(path: string): boolean;
}

export type TaskResult =
  | { readonly kind: 'completed'; readonly log: string }
  | { readonly kind: 'error'; readonly title: string; readonly log: string };

export interface RunningTask {
  readonly done: Promise<TaskResult>;
  kill(): void;
}

const MAX_LOG_CHARS = 1_000_000;
/** Folders of programs, which a worker of another machine has too. */
const SYSTEM_DIRS = ['/bin/', '/sbin/', '/usr/', '/lib/', '/opt/', '/etc/', '/dev/'];

/** A task that cannot be run; the text becomes the title of its error report. */
class TaskError extends Error {
  readonly log: string;
  constructor(message: string, log = '') {
    super(message);
    this.log = log;
  }
}

/** Path mapping of the repository: `/mnt/hs/…` becomes the region's own mount. Null when it leads out of it. */
export function mapPath(
  place: Pick<WorkerPlace, 'root' | 'farmRoot'>,
  path: string,
): string | null {
  const plain = posix.normalize(path.replaceAll('\\', '/'));
  if (plain === place.farmRoot) return place.root;
  return plain.startsWith(`${place.farmRoot}/`)
    ? join(place.root, plain.slice(place.farmRoot.length))
    : null;
}

export function runTask(place: WorkerPlace, job: JobDocument, task: TaskDocument): RunningTask {
  const info = job.Props['PlugInfo'] as Readonly<Record<string, string>>;
  const { first, last } = endsOf(task.Frames);
  const kills = new Set<() => void>();
  let isKilled = false;
  const maxMs = Number(job.Props['MaxTime'] ?? 0) * 1000;
  let isLate = false;
  const timeout =
    maxMs > 0
      ? setTimeout(() => {
          isLate = true;
          kill();
        }, maxMs)
      : undefined;

  async function run(): Promise<string> {
    for (const dir of job.OutDir) await mkdir(payloadPath(dir), { recursive: true });
    if (job.Plug === 'Blender' && place.renderers.blender) return blender(place.renderers.blender);
    if (job.Plug === 'CommandLine') return commandLine();
    throw new TaskError(`The plugin ${job.Plug} is not installed on ${place.name}.`);
  }

  function payloadPath(path: string): string {
    const mapped = mapPath(place, path);
    if (mapped === null)
      throw new TaskError(
        `"${path}" is not below ${place.farmRoot}; ${place.name} has no such path.`,
      );
    return mapped;
  }

  async function blender(executable: string): Promise<string> {
    const scene = payloadPath(info['SceneFile'] ?? '');
    if (!(await isThere(scene)))
      throw new TaskError(
        `The scene file "${info['SceneFile']}" has not arrived on ${place.name}.`,
      );
    const output = payloadPath(info['OutputFile'] ?? '');
    await mkdir(dirname(output), { recursive: true });
    const before = await timesIn(dirname(output));
    const start = ['-b', '--factory-startup', '-noaudio', '--python-exit-code', '9', scene];
    const frames = ['-o', output, '-x', '1', '-s', String(first), '-e', String(last), '-a'];
    const args = (prepare: string): string[] =>
      start.concat('-t', '2', '--python-expr', prepare, frames);
    let result = await spawned(executable, args(`STRICT = True${PREPARE}`));
    const lost = [...result.log.matchAll(LOST_INPUT)].map((match) => localised(match[1] ?? ''));
    if (lost.length > 0) {
      const [late] = lost.filter((path) => place.exists(path));
      if (late !== undefined)
        throw new TaskError(`"${late}" has not arrived on ${place.name}.`, localised(result.log));
      // Nobody anywhere has these: Blender renders without them, as it does on any farm.
      result = await spawned(executable, args(`STRICT = False${PREPARE}`));
    }
    if (result.code !== 0) {
      const said = /^Error: (.+)$/m.exec(localised(result.log))?.[1] ?? 'it gave no reason';
      throw new TaskError(
        `Blender exited with code ${result.code}: ${said}.`,
        localised(result.log),
      );
    }
    for (let frame = first; frame <= last; frame += 1) {
      const stem = basename(framePath(output, frame));
      const after = await timesIn(dirname(output));
      const isNew = [...after].some(
        ([name, time]) =>
          (name === stem || name.startsWith(`${stem}.`)) && before.get(name) !== time,
      );
      if (!isNew)
        throw new TaskError(`Blender wrote no file for frame ${frame}.`, localised(result.log));
    }
    return localised(result.log);
  }

  async function commandLine(): Promise<string> {
    if (/^true$/i.test(info['ShellExecute'] ?? ''))
      throw new TaskError('ShellExecute is not available on the workers of the sandbox.');
    const executable = hostPath(info['Executable'] ?? '');
    const isSingle = /^true$/i.test(info['SingleFramesOnly'] ?? '');
    let log = '';
    for (let frame = first; frame <= (isSingle ? last : first); frame += 1) {
      const ends = isSingle ? { first: frame, last: frame } : { first, last };
      const args = argumentsOf(info['Arguments'] ?? '', ends).map(argumentPath);
      const result = await spawned(executable, args);
      log += result.log;
      if (result.code !== 0)
        throw new TaskError(
          localised(lastLine(result.log)) || `the command exited with code ${result.code}.`,
          localised(log),
        );
    }
    return localised(log);
  }

  function argumentsOf(text: string, ends: { first: number; last: number }): string[] {
    const filled = text
      .replace(/<(START|END)FRAME(?:%(\d{1,2}))?>/gi, (_match, which: string, width?: string) =>
        String(which.toUpperCase() === 'START' ? ends.first : ends.last).padStart(
          Number(width ?? 0),
          '0',
        ),
      )
      .replace(/<AUXFILE(\d{1,2})>/gi, (_match, at: string) =>
        join(place.auxDir, job.Aux[Number(at)] ?? ''),
      )
      .replace(/<QUOTE>/gi, '"');
    return [...filled.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
  }

  function argumentPath(argument: string): string {
    return /^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(argument) ? hostPath(argument) : argument;
  }

  /** This machine plays several; what lies outside the region's mount and the programs is on another one. */
  function hostPath(path: string): string {
    const { preview } = place.renderers;
    if (path === preview.executable || path === preview.script) return path;
    if (path.startsWith(join(place.auxDir, '/'))) return path;
    const mapped = mapPath(place, path);
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
      if (isKilled) {
        resolve({ code: 137, log: '' });
        return;
      }
      let log = '';
      const keep = (data: Buffer): void => {
        if (log.length < MAX_LOG_CHARS) log += data.toString('utf8');
      };
      const child = spawn(executable, args, {
        cwd: place.root,
        env: environmentOf(place),
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, so that what the command started ends with it.
        detached: process.platform !== 'win32',
      });
      const killChild = (): void => killTree(child);
      kills.add(killChild);
      child.stdout.on('data', keep);
      child.stderr.on('data', keep);
      child.once('error', (failure) => {
        kills.delete(killChild);
        resolve({ code: 127, log: `${log}${failure.message}` });
      });
      child.once('close', (code) => {
        kills.delete(killChild);
        resolve({ code: code ?? 137, log });
      });
    });
  }

  function kill(): void {
    isKilled = true;
    for (const killChild of kills) killChild();
  }

  const done = mkdir(place.scratchDir, { recursive: true })
    .then(run)
    .then(
      (log): TaskResult => ({ kind: 'completed', log }),
      (error: unknown): TaskResult => {
        if (isLate)
          return { kind: 'error', title: `Error: The task took over ${maxMs / 1000} s.`, log: '' };
        const known = error instanceof TaskError;
        const title = known ? error.message : localised(String(error));
        return { kind: 'error', title: `Error: ${title}`, log: known ? error.log : '' };
      },
    )
    .finally(() => clearTimeout(timeout));
  return { done, kill };
}

/**
 * Run by Blender before it renders: without a file it needs Blender goes on, in pink, and exits with 0.
 * Debian's build has no OpenImageDenoise and refuses to render with denoising on.
 */
const PREPARE = `
import bpy, os, sys
lost = []
def need(path, owner):
    path = bpy.path.abspath(path, library=owner.library) if path else ''
    if path and not os.path.exists(path): lost.append(path)
for image in bpy.data.images:
    if image.packed_file or image.users == 0: continue
    if image.source == 'TILED':
        for tile in image.tiles: need(image.filepath.replace('<UDIM>', str(tile.number)), image)
    elif image.source in ('FILE', 'SEQUENCE', 'MOVIE'): need(image.filepath, image)
for kind in ('libraries', 'sounds', 'cache_files', 'volumes', 'movieclips'):
    for item in getattr(bpy.data, kind):
        if not getattr(item, 'packed_file', None): need(item.filepath, item)
for font in bpy.data.fonts:
    if not font.packed_file and font.filepath != '<builtin>': need(font.filepath, font)
for thing in bpy.data.objects:
    for modifier in thing.modifiers:
        if modifier.type == 'MESH_CACHE': need(modifier.filepath, thing)
for path in sorted(set(lost)): print('Not on this worker: ' + os.path.normpath(path))
if lost and STRICT: sys.exit(9)
for scene in bpy.data.scenes:
    if hasattr(scene, 'cycles'): scene.cycles.use_denoising = False
`;

const LOST_INPUT = /^Not on this worker: (.+)$/gm;

function environmentOf(place: WorkerPlace): NodeJS.ProcessEnv {
  const kept = ['PATH', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'SystemRoot', 'windir', 'ComSpec'];
  return {
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

function framePath(output: string, frame: number): string {
  const digits = (width: number): string =>
    `${frame < 0 ? '-' : ''}${String(Math.abs(frame)).padStart(width - (frame < 0 ? 1 : 0), '0')}`;
  return /#+/.test(output)
    ? output.replace(/#+(?!.*#)/, (hashes) => digits(hashes.length))
    : `${output}${digits(4)}`;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Blender adds its format's extension, so a frame is found by its stem. */
async function timesIn(dir: string): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const name of await readdir(dir)) {
    const found = await stat(join(dir, name)).catch(() => null);
    if (found) times.set(name, found.mtimeMs);
  }
  return times;
}

function lastLine(log: string): string {
  return log.trim().split('\n').at(-1) ?? '';
}
