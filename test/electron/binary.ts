// Where the real Electron binary is looked for. Looking never downloads anything.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder that `node test/electron/fetch.ts` fills. */
export const FETCHED_DIR = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'waybill/electron-33.2.1',
);

/** Path of the executable, or null when there is none. */
export function electronBinary(): string | null {
  const dir = process.env['ELECTRON_OVERRIDE_DIST_PATH'] || FETCHED_DIR;
  const path = join(dir, 'electron');
  return existsSync(path) ? path : null;
}
