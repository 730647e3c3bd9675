// S3: the share's bucket on Hammerspace's S3 server. A foreign object is never overwritten.

import type { LocalPath } from '../core/names.ts';

/** What must hold at the store for a write to go through. There is no unconditional put. */
export type WriteCondition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unchanged'; readonly etag: string };

export interface ObjectFacts {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  /** Epoch ms. */
  readonly modified: number;
  /** SHA-256 hex that we stored with the object as user metadata, when it is ours. */
  readonly sha256: string | null;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  onProgress?(bytesDone: number): void;
}

export type PutOutcome =
  | { readonly kind: 'stored'; readonly etag: string }
  /** The condition did not hold (412 or 409): someone else's object is there. */
  | { readonly kind: 'refused'; readonly current: ObjectFacts | null };

export interface ObjectStore {
  /** Object key = path below the share, no leading slash. */
  head(key: string, options?: TransferOptions): Promise<ObjectFacts | null>;
  list(prefix: string, options?: TransferOptions): Promise<ObjectFacts[]>;
  /** Uploads a file with its SHA-256 as checksum; 'file-changed' when the file changes while it is read. */
  putFile(
    put: { key: string; path: LocalPath; size: number; sha256: string; condition: WriteCondition },
    options?: TransferOptions,
  ): Promise<PutOutcome>;
  putText(
    put: { key: string; text: string; condition: WriteCondition },
    options?: TransferOptions,
  ): Promise<PutOutcome>;
  getText(key: string, options?: TransferOptions): Promise<{ text: string; etag: string } | null>;
  /** Downloads to a path that must not exist yet (use a temp name); size and checksum are verified. */
  getFile(key: string, path: LocalPath, options?: TransferOptions): Promise<ObjectFacts>;
}
