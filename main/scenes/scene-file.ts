// Opens a scene file for reading and tells whether it stayed the same meanwhile.

import { closeSync, constants, fstatSync, openSync, statSync, type BigIntStats } from 'node:fs';
import { AgentError, sentenceOf } from '../engine/base/errors.ts';

export interface SceneFile extends Disposable {
  /** File descriptor. */
  readonly file: number;
  readonly size: number;
  /** Changes when the file does. */
  readonly stamp: string;
}

/** Errors: AgentError 'file-missing', 'file-unreadable'. */
export function openSceneFile(path: string): SceneFile {
  try {
    // Looked at first: opening a pipe would wait for whoever writes into it.
    const before = statSync(path, { bigint: true });
    if (!before.isFile()) throw notAFile(path, before.isDirectory());
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(file, { bigint: true });
    if (!stat.isFile()) {
      closeSync(file);
      throw notAFile(path, false);
    }
    return {
      file,
      size: Number(stat.size),
      stamp: stampOf(stat),
      [Symbol.dispose]: () => closeSync(file),
    };
  } catch (error) {
    throw fileFailure(path, error);
  }
}

/** Null when the file is gone. */
export function currentStamp(path: string): string | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? stampOf(stat) : null;
}

function stampOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}

function notAFile(path: string, isFolder: boolean): AgentError {
  return new AgentError('file-unreadable', {
    message: `${path} is ${isFolder ? 'a folder' : 'no ordinary file'}, so it cannot be read as a scene. Name a scene file.`,
    retry: 'never',
    facts: { path },
  });
}

/** What went wrong with a file call, as a sentence; other errors are passed through. */
export function fileFailure(path: string, error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (error instanceof AgentError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new AgentError('file-missing', {
      message: `${path} is not there, so it cannot be read. Check the path.`,
      retry: 'never',
      cause: error,
      facts: { path },
    });
  }
  const denied = code === 'EACCES' || code === 'EPERM';
  return new AgentError('file-unreadable', {
    message: denied
      ? `${path} cannot be read because you have no permission (${code}). Ask its owner for access.`
      : `${path} cannot be read (${sentenceOf(error)}). Check the disk, then retry.`,
    retry: denied ? 'never' : 'later',
    cause: error,
    facts: { path },
  });
}
