// Runs tasks for real, as child processes that read and write only their region's tree.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
}

export type TaskResult =
  | { readonly kind: 'completed'; readonly log: string }
  | { readonly kind: 'error'; readonly title: string; readonly log: string };

export interface RunningTask {
  readonly done: Promise<TaskResult>;
  kill(): void;
}

/** Region path mapping of the repository: `/mnt/hs/` becomes the region's own mount. */
export function mapPath(place: Pick<WorkerPlace, 'root' | 'farmRoot'>, path: string): string {
  return path.replaceAll('\\', '/').startsWith(`${place.farmRoot}/`)
    ? join(place.root, path.slice(place.farmRoot.length))
    : path;
}

export function runTask(place: WorkerPlace, job: JobDocument, task: TaskDocument): RunningTask {
  const stop = new AbortController();
  let child: ChildProcess | undefined;
  const done = run().catch((error: unknown): TaskResult => ({
    kind: 'error',
    title: `Error: ${String(error)}`,
    log: String(error),
  }));

  async function run(): Promise<TaskResult> {
    const info = job.Props['PlugInfo'] as Record<string, string>;
    const [first = '0', last = first] = task.Frames.split(/(?<=\d)-/);
    if (job.Plug === 'Blender' && place.renderers.blender)
      return blender(place.renderers.blender, info, { first, last });
    if (job.Plug === 'CommandLine') return commandLine(info, { first, last });
    return error(`Error: The plugin ${job.Plug} is not installed on ${place.name}.`, '');
  }

  async function blender(
    executable: string,
    info: Record<string, string>,
    frames: { first: string; last: string },
  ): Promise<TaskResult> {
    const scene = mapPath(place, info['SceneFile'] ?? '');
    if (!existsSync(scene))
      return error(
        `Error: Scene file ${info['SceneFile']} does not exist on ${place.name}.`,
        `looked at ${scene}`,
      );
    const output = mapPath(place, info['OutputFile'] ?? '');
    await mkdir(dirname(output), { recursive: true });
    const written = framePath(output, Number(frames.first));
    const before = await mtimeOf(written);
    // Debian's build has no OpenImageDenoise and refuses to render with denoising on.
    const prepare =
      'import bpy; [setattr(s.cycles, "use_denoising", False) for s in bpy.data.scenes if hasattr(s, "cycles")]';
    const args = [
      '-b',
      scene,
      '-noaudio',
      '-t',
      '2',
      '--python-expr',
      prepare,
      '-o',
      output,
      '-x',
      '1',
      '-s',
      frames.first,
      '-e',
      frames.last,
      '-a',
    ];
    const result = await spawned(executable, args);
    if (result.code !== 0)
      return error(`Error: Blender exited with code ${result.code}.`, result.log);
    const lost =
      /^.*(?:Unable to open|cannot open file|Can't find|Could not load|IMB_\w+: couldn't|cannot read|LIB_\w*: .*missing|Cannot find lib).*$/im.exec(
        result.log,
      )?.[0];
    if (lost !== undefined) return error(`Error: ${lost.trim()}`, result.log);
    const after = await mtimeOf(await existingFrame(written));
    if (after === null || after === before)
      return error('Error: Blender wrote no frame.', result.log);
    return { kind: 'completed', log: result.log };
  }

  async function commandLine(
    info: Record<string, string>,
    frames: { first: string; last: string },
  ): Promise<TaskResult> {
    const padded = (value: string, width: string | undefined): string =>
      value.padStart(Number(width ?? 0), '0');
    const text = (info['Arguments'] ?? '')
      .replace(/<STARTFRAME(?:%(\d+))?>/gi, (_match, width: string | undefined) =>
        padded(frames.first, width),
      )
      .replace(/<ENDFRAME(?:%(\d+))?>/gi, (_match, width: string | undefined) =>
        padded(frames.last, width),
      )
      .replace(/<QUOTE>/gi, '"');
    const args = [...text.matchAll(/"([^"]*)"|(\S+)/g)].map((match) =>
      mapPath(place, match[1] ?? match[2] ?? ''),
    );
    const executable = mapPath(place, info['Executable'] ?? '');
    const outputDir = job.OutDir[0];
    if (outputDir !== undefined) await mkdir(mapPath(place, outputDir), { recursive: true });
    const result = await spawned(executable, args);
    return result.code === 0
      ? { kind: 'completed', log: result.log }
      : error(
          `Error: ${lastLine(result.log) || `the command exited with code ${result.code}`}`,
          result.log,
        );
  }

  function spawned(
    executable: string,
    args: readonly string[],
  ): Promise<{ code: number; log: string }> {
    return new Promise((resolve) => {
      let log = '';
      const keep = (data: Buffer): void => {
        if (log.length < 1_000_000) log += data.toString('utf8');
      };
      child = spawn(executable, args, {
        cwd: place.root,
        stdio: ['ignore', 'pipe', 'pipe'],
        signal: stop.signal,
        killSignal: 'SIGKILL',
      });
      child.stdout?.on('data', keep);
      child.stderr?.on('data', keep);
      child.once('error', (failure) => resolve({ code: 127, log: `${log}${failure.message}` }));
      child.once('close', (code) => resolve({ code: code ?? 137, log }));
    });
  }

  return { done, kill: () => stop.abort() };
}

function error(title: string, log: string): TaskResult {
  return { kind: 'error', title, log };
}

function framePath(output: string, frame: number): string {
  return /#+/.test(output)
    ? output.replace(/#+(?!.*#)/, (hashes) => String(frame).padStart(hashes.length, '0'))
    : `${output}${String(frame).padStart(4, '0')}`;
}

/** Blender adds the extension of its format when the pattern has none. */
async function existingFrame(path: string): Promise<string> {
  for (const extension of ['', '.png', '.exr', '.jpg', '.tif', '.tga', '.bmp', '.hdr', '.webp']) {
    if ((await mtimeOf(`${path}${extension}`)) !== null) return `${path}${extension}`;
  }
  return path;
}

async function mtimeOf(path: string): Promise<number | null> {
  return stat(path).then(
    (found) => found.mtimeMs,
    () => null,
  );
}

function lastLine(log: string): string {
  return log.trim().split('\n').at(-1) ?? '';
}
