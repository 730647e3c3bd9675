// Mounts a site's share with FUSE on Linux: a small helper pumps the kernel's messages, the file system itself is here.

import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createSiteFiles, errnoOf, type SiteFilesOptions } from './mount/site-files.ts';
import { OP, createRequestReader, failure, reply, type Request } from './mount/wire.ts';

export interface Mount {
  /** Where the share's root is mounted. */
  readonly dir: string;
  stop(): Promise<void>;
}

interface MountTools {
  readonly python: string;
  readonly fusermount: string;
}

const READY_MS = 10_000;
const STOP_MS = 3_000;
const HELPER = join(import.meta.dirname, '../../resources/sandbox/fuse_pump.py');

/** What a mount needs, or the reason why there can be none. */
export function mountTools(): MountTools | string {
  if (process.platform !== 'linux') return 'FUSE mounts are made on Linux only';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return '/dev/fuse is missing or may not be used';
  }
  const fusermount = onPath('fusermount3');
  if (fusermount === null) return 'fusermount3 is missing (Debian: apt install fuse3)';
  // The system's own comes first: it starts faster than one behind a version switcher.
  const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : onPath('python3');
  if (python === null) return 'python3 is missing (Debian: apt install python3)';
  return { python, fusermount };
}

export async function startMount(
  options: SiteFilesOptions & { readonly dir: string; readonly tools: MountTools },
): Promise<Mount> {
  const { dir, tools } = options;
  detach(dir, tools);
  mkdirSync(dir, { recursive: true });
  const files = createSiteFiles(options);
  // Given as text, because inside a package the file cannot be opened by anyone but us.
  const child = spawn(tools.python, ['-c', readFileSync(HELPER, 'utf8'), dir, tools.fusermount], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const waiting = new Map<bigint, AbortController>();
  let complaints = '';
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let becameReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    becameReady = resolve;
  });

  function answer(message: Buffer): void {
    if (child.stdin.writable) child.stdin.write(message);
  }

  async function serve(request: Request): Promise<void> {
    const { unique, opcode, body } = request;
    if (opcode === OP.interrupt) {
      waiting.get(body.readBigUInt64LE(0))?.abort();
      return;
    }
    const stop = new AbortController();
    waiting.set(unique, stop);
    try {
      const said = await files.handle(request, stop.signal);
      if (said) answer(reply(unique, said));
      if (opcode === OP.init) becameReady();
    } catch (error) {
      const errno = errnoOf(error);
      if (!(error instanceof Error) || !('errno' in error || 'code' in error))
        process.stderr.write(`sandbox mount ${dir}: ${String(error)}\n`);
      answer(failure(unique, errno));
    } finally {
      waiting.delete(unique);
    }
  }

  child.stdout.on(
    'data',
    createRequestReader((request) => void serve(request)),
  );
  child.stderr.on('data', (part: Buffer) => {
    complaints = (complaints + part.toString()).slice(-2_000);
  });
  // The helper may be gone before a reply is written; its end is heard of below.
  child.stdin.on('error', () => undefined);
  child.on('error', (error) => {
    complaints = error.message;
  });

  async function stop(): Promise<void> {
    for (const each of waiting.values()) each.abort();
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
    await files.close();
    detach(dir, tools);
    rmdirSync(dir);
  }

  const timeout = new Promise<'late'>((resolve) => {
    setTimeout(() => resolve('late'), READY_MS).unref();
  });
  const outcome = await Promise.race([
    ready.then(() => 'ready' as const),
    ended.then(() => 'ended' as const),
    timeout,
  ]);
  if (outcome === 'ready') return { dir, stop };
  await stop();
  throw new Error(
    `${dir} could not be mounted: ${complaints.trim() || `the helper ${outcome === 'late' ? 'took too long' : 'ended'}`}`,
  );
}

/** A mount whose file system died without unmounting would fail every call on its folder. */
function detach(dir: string, tools: MountTools): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const shown = dir.replace(
    /[ \t\n\\]/g,
    (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  if (!mounts.some((line) => line.split(' ')[1] === shown)) return;
  spawnSync(tools.fusermount, ['-u', '-q', '-z', '--', dir], { stdio: 'ignore' });
}

function onPath(command: string): string | null {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(dir, command);
    if (dir !== '' && existsSync(path)) return path;
  }
  return null;
}
