// Change hints from the OS. Hints are lost without a word, so nothing may rely on them alone.

import type { LocalPath } from '../core/names.ts';

export interface WatchHint {
  readonly kind: 'changed' | 'removed';
  readonly path: LocalPath;
}

export interface WatchHandlers {
  onHint(hint: WatchHint): void;
  onError(error: unknown): void;
}

export interface Watcher {
  /** Starts watching a folder tree and resolves once hints flow; dispose to stop. */
  watch(
    dir: LocalPath,
    handlers: WatchHandlers,
    options?: { signal?: AbortSignal },
  ): Promise<AsyncDisposable>;
}
