// The workstation's disk. Unknown is not absent: only ENOENT and ENOTDIR may be reported as 'file-missing'.

import type { LocalPath } from '../core/names.ts';

export interface FileStat {
  readonly kind: 'file' | 'folder' | 'other';
  readonly size: number;
  /** Nanoseconds since the epoch as decimal text (bigint does not survive JSON). */
  readonly mtimeNs: string;
  readonly ctimeNs: string;
  readonly ino: string;
  readonly dev: string;
}

export interface FileEntry extends FileStat {
  readonly name: string;
}

export interface FileOptions {
  readonly signal?: AbortSignal;
}

/**
 * Errors: AgentError 'file-missing' (ENOENT, ENOTDIR), 'not-a-folder', 'file-unreadable' (every other
 * errno, ESTALE and EDQUOT included, which Node names only by errno).
 */
export interface Files {
  stat(path: LocalPath, options?: FileOptions): Promise<FileStat>;
  /** Entries of one folder with their stats; symbolic links are reported as 'other' and not followed. */
  list(dir: LocalPath, options?: FileOptions): Promise<FileEntry[]>;
  realPath(path: LocalPath, options?: FileOptions): Promise<LocalPath>;
  makeDir(dir: LocalPath, options?: FileOptions): Promise<void>;
  /** Moves a finished temp file to its place; 'object-exists' when something is there already. Never replaces. */
  placeNew(tempPath: LocalPath, path: LocalPath, options?: FileOptions): Promise<void>;
  remove(path: LocalPath, options?: FileOptions): Promise<void>;
  /** SHA-256 of the content, hex; reads the whole file. */
  digest(path: LocalPath, options?: FileOptions): Promise<string>;
}
