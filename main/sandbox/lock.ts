// One sandbox per folder: an operating-system lock that ends with the process, however that ends.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Why the sandbox cannot start, as one sentence for a person. */
export class StudioError extends Error {}

const BUSY = 5;

/** SQLite's exclusive lock is used because Node has no file lock; a pid file alone outlives its process. */
export function lockFolder(dir: string): { release(): void } {
  const pidPath = join(dir, 'sandbox.pid');
  const database = new DatabaseSync(join(dir, 'sandbox.lock'), { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== BUSY) throw error;
    const pid = existsSync(pidPath) ? readFileSync(pidPath, 'utf8').trim() : 'unknown';
    throw new StudioError(
      `The folder ${dir} is used by another sandbox (process ${pid}). Stop that one, or choose another folder with --dir.`,
      { cause: error },
    );
  }
  writeFileSync(pidPath, `${process.pid}\n`);
  return { release: () => database.close() };
}
