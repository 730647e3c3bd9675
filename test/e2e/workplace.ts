// A desk for one run: empty folders under the temp folder, removed afterwards.

import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Workplace } from './app.ts';

export async function makeWorkplace(): Promise<Workplace> {
  // Short: a Unix socket's path has little room.
  const dir = await mkdtemp(join(tmpdir(), 'wb-e2e-'));
  const place = { dir, stateDir: join(dir, 'state'), userDir: join(dir, 'user') };
  await mkdir(place.stateDir, { mode: 0o700 });
  await mkdir(place.userDir);
  return {
    ...place,
    // Helpers of Chromium may still write while they end.
    [Symbol.asyncDispose]: () =>
      rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }),
  };
}
