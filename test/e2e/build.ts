// The suite runs the built app: it is built when any source is newer than what was built last.

import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
const SOURCES = ['main', 'preload', 'renderer', 'vite.config.ts'];
/** Written last, so that it stands for a whole build. */
const LAST = 'out/renderer/index.html';

export async function buildWhenStale(): Promise<void> {
  const builtAt = await changedAt(join(root, LAST)).catch(() => 0);
  const times = await Promise.all(SOURCES.map((source) => newestIn(join(root, source))));
  if (Math.max(...times) < builtAt) return;
  await promisify(execFile)(process.execPath, ['vite.config.ts'], { cwd: root });
}

async function newestIn(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true }).catch(() => []);
  const times = await Promise.all(['', ...names].map((name) => changedAt(join(path, name))));
  return Math.max(...times);
}

async function changedAt(path: string): Promise<number> {
  return (await stat(path)).mtimeMs;
}
