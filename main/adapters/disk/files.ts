// The workstation's disk behind the Files port. Links are not followed, nothing is replaced, absence must be proven.

import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import {
  constants,
  copyFile,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../engine/base/errors.ts';
import { eachLimited } from '../../engine/base/queue.ts';
import type { LocalPath } from '../../engine/core/names.ts';
import type { FileEntry, FileOptions, Files, FileStat } from '../../engine/ports/files.ts';
import { errnoName, fileFailure } from './errno.ts';

const STATS_AT_ONCE = 16;
/** What a file system answers that has no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK', 'EINVAL']);

export function createFiles(): Files {
  return {
    stat: (path, options) =>
      attempt({ doing: 'reading its facts', path }, options, async () =>
        statOf(await lstat(path, { bigint: true })),
      ),
    list: (dir, options) =>
      attempt({ doing: 'listing the folder', path: dir }, options, () => list(dir, options)),
    realPath: (path, options) =>
      attempt(
        { doing: 'finding its real path', path },
        options,
        async () => (await realpath(path)) as LocalPath,
      ),
    makeDir: (dir, options) =>
      attempt({ doing: 'making the folder', path: dir }, options, async () => {
        try {
          await mkdir(dir, { recursive: true });
        } catch (error) {
          if (errnoName(error) !== 'EEXIST') throw error;
          throw notAFolder(dir, error);
        }
      }),
    placeNew: (tempPath, path, options) =>
      attempt({ doing: 'placing the file', path }, options, () => placeNew(tempPath, path)),
    remove: (path, options) =>
      attempt({ doing: 'removing the file', path }, options, () => unlink(path)),
    digest: (path, options) =>
      attempt({ doing: 'reading the file', path }, options, () => digest(path, options?.signal)),
  };
}

async function attempt<T>(
  what: { doing: string; path: string },
  options: FileOptions | undefined,
  action: () => Promise<T>,
): Promise<T> {
  options?.signal?.throwIfAborted();
  try {
    return await action();
  } catch (error) {
    throw fileFailure(error, what);
  }
}

async function list(dir: LocalPath, options: FileOptions | undefined): Promise<FileEntry[]> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if (errnoName(error) === 'ENOTDIR') throw notAFolder(dir, error);
    throw error;
  }
  const entries = new Map<string, FileEntry>();
  await eachLimited(names, STATS_AT_ONCE, async (name) => {
    options?.signal?.throwIfAborted();
    try {
      entries.set(name, { name, ...statOf(await lstat(join(dir, name), { bigint: true })) });
    } catch (error) {
      // Removed between the listing and its stat; any other failure makes the whole listing unknown.
      if (errnoName(error) !== 'ENOENT') throw error;
    }
  });
  return [...entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function statOf(stats: BigIntStats): FileStat {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other',
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs.toString(),
    ctimeNs: stats.ctimeNs.toString(),
    ino: stats.ino.toString(),
    dev: stats.dev.toString(),
  };
}

/** A hard link never replaces what is there; where links do not exist, an exclusive copy does the same. */
async function placeNew(tempPath: LocalPath, path: LocalPath): Promise<void> {
  try {
    await link(tempPath, path);
  } catch (error) {
    const name = errnoName(error);
    if (name === 'EEXIST') {
      // A repeated link whose first reply was lost finds our own file.
      if (!(await isSameFile(tempPath, path))) throw exists(path, error);
    } else if (NO_LINKS.has(name)) {
      await copyNew(tempPath, path);
    } else {
      throw error;
    }
  }
  await unlink(tempPath);
}

async function copyNew(tempPath: LocalPath, path: LocalPath): Promise<void> {
  try {
    await copyFile(tempPath, path, constants.COPYFILE_EXCL);
  } catch (error) {
    if (errnoName(error) === 'EEXIST') throw exists(path, error);
    throw error;
  }
}

async function isSameFile(one: LocalPath, other: LocalPath): Promise<boolean> {
  const [a, b] = await Promise.all([lstat(one, { bigint: true }), lstat(other, { bigint: true })]);
  return a.ino === b.ino && a.dev === b.dev;
}

async function digest(path: LocalPath, signal: AbortSignal | undefined): Promise<string> {
  // O_NONBLOCK: a FIFO that took the file's name must not hang the open.
  await using handle = await open(
    path,
    constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
  );
  const stats = await handle.stat();
  if (!stats.isFile()) {
    throw new AgentError('file-unreadable', {
      message: `${path} is no regular file, so it is not read. Remove it or choose another.`,
      retry: 'never',
      facts: { path },
    });
  }
  const hash = createHash('sha256');
  const stream = handle.createReadStream({ autoClose: false, highWaterMark: 1 << 20 });
  for await (const part of stream) {
    signal?.throwIfAborted();
    hash.update(part as Buffer);
  }
  return hash.digest('hex');
}

function exists(path: string, cause: unknown): AgentError {
  return new AgentError('object-exists', {
    message: `Something is at ${path} already; it was kept. Rename one of the two and retry.`,
    retry: 'never',
    cause,
    facts: { path },
  });
}

function notAFolder(path: string, cause: unknown): AgentError {
  return new AgentError('not-a-folder', {
    message: `${path} is not a folder. Choose a folder.`,
    retry: 'never',
    cause,
    facts: { path },
  });
}
