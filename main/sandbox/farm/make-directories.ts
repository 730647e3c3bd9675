// The folder job of the Hammerspace event plug-in, as its createFolders.py does it on a worker (reference §6.2).

import { mkdir, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskLog } from './task-log.ts';

export interface FolderJob {
  readonly directories: readonly string[];
  readonly iterationDelay: number;
  readonly iterationCount: number;
}

export interface FolderPlace {
  readonly log: TaskLog;
  readonly signal: AbortSignal;
  /** A farm path on this worker's mount. */
  pathOf(directory: string): string;
  /** When metadata was last sent to each peer, in epoch ms; null where the path is not on Hammerspace. */
  sendTimes(directory: string): Promise<readonly number[] | null>;
}

/** The arguments the plug-in writes; null for any other command. */
export function folderJobOf(text: string): FolderJob | null {
  const match =
    /^--directories "([^"]*)" --iteration_delay (\d{1,3}) --iteration_count (\d{1,3})$/.exec(
      text.trim(),
    );
  return match
    ? {
        directories: (match[1] ?? '').split(';').filter((dir) => dir !== ''),
        iterationDelay: Number(match[2]),
        iterationCount: Number(match[3]),
      }
    : null;
}

/** A time-out is no failure: the render behind it is released all the same. */
export async function makeDirectories(job: FolderJob, place: FolderPlace): Promise<void> {
  const { directories, iterationCount } = job;
  place.log.output(`Directories to create: \n${directories.join('\n')}`);
  place.log.output('-'.repeat(50));
  for (const dir of directories) await mkdir(place.pathOf(dir), { recursive: true });
  const state = new Map<string, 'waiting' | 'synced' | 'skipped'>(
    directories.map((dir) => [dir, 'waiting']),
  );
  const waiting = (): string[] => directories.filter((dir) => state.get(dir) === 'waiting');
  for (let round = 1; round <= iterationCount && waiting().length > 0; round += 1) {
    const percent = Math.floor((100 * round) / iterationCount);
    place.log.output(`Iteration ${round}/${iterationCount}. Progress: ${percent}%`);
    await sleep(job.iterationDelay * 1000, undefined, { signal: place.signal });
    for (const dir of waiting()) {
      const sent = await place.sendTimes(dir);
      if (sent === null) state.set(dir, 'skipped');
      else if (await isSent(place.pathOf(dir), sent)) state.set(dir, 'synced');
    }
  }
  place.log.output('-'.repeat(50));
  for (const [wanted, words] of ENDINGS)
    for (const dir of directories.filter((each) => state.get(each) === wanted))
      place.log.output(`${words}: ${dir}`);
}

const ENDINGS = [
  ['synced', 'Sync Complete'],
  ['waiting', 'Sync Timed Out'],
  ['skipped', 'Sync Skipped'],
] as const;

/** Whole seconds, and the newest of all peers, though its name says oldest (defect 2). */
async function isSent(path: string, sent: readonly number[]): Promise<boolean> {
  const newest = sent.toSorted((a, b) => a - b).at(-1);
  // Where no peer is, the real one ends with this error, and the render stays pending (defect 5, inferred).
  if (newest === undefined) throw new Error('IndexError: list index out of range');
  const { mtimeMs } = await stat(path);
  return Math.floor(mtimeMs / 1000) < Math.floor(newest / 1000);
}
