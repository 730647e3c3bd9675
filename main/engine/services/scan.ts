// Lists a project's files. A listing that met an error is not complete, and nothing is concluded from it.

import { localPathOf } from '../core/paths.ts';
import type { LocalPath } from '../core/names.ts';
import { AgentError, sentenceOf } from '../base/errors.ts';
import type { FileEntry, Files } from '../ports/files.ts';

export interface ScannedFile {
  readonly relativePath: string;
  readonly size: number;
  readonly mtimeNs: string;
}

export interface Scan {
  readonly files: readonly ScannedFile[];
  /** Folders that could not be listed; empty when the listing is complete. */
  readonly unreadable: readonly { readonly relativePath: string; readonly why: string }[];
}

export interface ScanOptions {
  readonly signal: AbortSignal;
  onProgress?(filesSeen: number): void;
}

const MAX_DEPTH = 100;

/** Every regular file below `dir`. Throws when the folder itself cannot be listed. */
export async function scanProject(
  files: Files,
  dir: LocalPath,
  options: ScanOptions,
): Promise<Scan> {
  const found: ScannedFile[] = [];
  const unreadable: { relativePath: string; why: string }[] = [];
  const waiting: { relativePath: string; depth: number }[] = [{ relativePath: '', depth: 0 }];
  for (let folder = waiting.pop(); folder; folder = waiting.pop()) {
    options.signal.throwIfAborted();
    try {
      const listing = await listFolder(files, dir, folder.relativePath, options.signal);
      found.push(...listing.files);
      if (folder.depth < MAX_DEPTH) {
        for (const relativePath of listing.folders)
          waiting.push({ relativePath, depth: folder.depth + 1 });
      }
    } catch (error) {
      options.signal.throwIfAborted();
      if (folder.relativePath === '') throw error;
      // Gone between the parent's listing and ours is an ordinary race, not an unreadable folder.
      if (error instanceof AgentError && error.code === 'file-missing') continue;
      unreadable.push({ relativePath: folder.relativePath, why: sentenceOf(error) });
    }
    options.onProgress?.(found.length);
  }
  return { files: found, unreadable };
}

export interface FolderListing {
  readonly files: ScannedFile[];
  readonly folders: string[];
}

/** One folder's own files and sub-folders, as paths below the project. */
export async function listFolder(
  files: Files,
  dir: LocalPath,
  relativePath: string,
  signal: AbortSignal,
): Promise<FolderListing> {
  const listing: FolderListing = { files: [], folders: [] };
  for (const entry of await files.list(localPathOf(dir, relativePath), { signal })) {
    if (isIgnored(entry.name)) continue;
    const path = relativePath === '' ? entry.name : `${relativePath}/${entry.name}`;
    if (entry.kind === 'folder') listing.folders.push(path);
    if (entry.kind === 'file') listing.files.push(scannedOf(path, entry));
  }
  return listing;
}

/** Names that are never an artist's work: the gateway's, virtual folders, our own, version control. */
export function isIgnored(name: string): boolean {
  return (
    name.startsWith('.fs_command_gateway') ||
    name.startsWith('.waybill') ||
    name === '.snapshot' ||
    name === '.collections' ||
    name === '.git' ||
    name === '.DS_Store' ||
    name === 'Thumbs.db'
  );
}

function scannedOf(relativePath: string, entry: FileEntry): ScannedFile {
  return { relativePath, size: entry.size, mtimeNs: entry.mtimeNs };
}
