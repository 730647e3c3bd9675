// Makes a folder and those above it.

import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Like mkdir with `recursive`, which Node 24 never returns from where a file system answers ENOENT for a
 * folder whose parent exists (seen below /proc). Throws the errno of the first folder that cannot be made.
 */
export function makeFolders(dir: string, mode = 0o777): void {
  try {
    mkdirSync(dir, { mode });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST' && statSync(dir).isDirectory()) return;
    const parent = dirname(dir);
    if (code !== 'ENOENT' || parent === dir || isThere(parent)) throw error;
    makeFolders(parent, mode);
    mkdirSync(dir, { mode });
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
