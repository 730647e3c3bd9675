// Change hints by chokidar. Virtual names of Hammerspace and temp files of ours are never reported.

import { watch as watchTree } from 'chokidar';
import type { LocalPath } from '../../engine/core/names.ts';
import type { Log } from '../../engine/ports/log.ts';
import type { WatchHandlers, Watcher } from '../../engine/ports/watcher.ts';
import { baseNameOf, relativeInside } from '../../engine/core/paths.ts';
import { fileFailure } from './errno.ts';

export function createWatcher(options: { log: Log }): Watcher {
  return {
    async watch(dir, handlers, watchOptions) {
      const signal = watchOptions?.signal;
      signal?.throwIfAborted();
      const watcher = watchTree(dir, {
        ignoreInitial: true,
        followSymlinks: false,
        // A save by temp file and rename shows as one change; the engine waits until saves settle.
        atomic: true,
        ignored: (path) => isHidden(dir, path),
      });
      const close = once(async () => {
        signal?.removeEventListener('abort', onAbort);
        await watcher.close();
        options.log.info('Watch ended', { dir });
      });
      const onAbort = (): void => void close().catch((error: unknown) => handlers.onError(error));
      relay(watcher, handlers, (error) => {
        options.log.warn('Watch reports a failure', { dir, error });
        return fileFailure(error, { doing: 'watching the folder', path: dir });
      });
      try {
        await ready(watcher, signal);
      } catch (error) {
        await watcher.close();
        throw fileFailure(error, { doing: 'watching the folder', path: dir });
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      options.log.info('Watch started', { dir });
      return { [Symbol.asyncDispose]: close };
    },
  };
}

type Tree = ReturnType<typeof watchTree>;

function relay(
  watcher: Tree,
  handlers: WatchHandlers,
  failureOf: (error: unknown) => unknown,
): void {
  const hint = (kind: 'changed' | 'removed') => (path: string) =>
    handlers.onHint({ kind, path: path as LocalPath });
  watcher.on('add', hint('changed'));
  watcher.on('change', hint('changed'));
  watcher.on('addDir', hint('changed'));
  watcher.on('unlink', hint('removed'));
  watcher.on('unlinkDir', hint('removed'));
  watcher.on('error', (error) => handlers.onError(failureOf(error)));
}

function ready(watcher: Tree, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });
    watcher.once('ready', () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}

/** Names below the watched folder that are not the artist's: gateway files, virtual folders, our temp files. */
function isHidden(dir: string, path: string): boolean {
  if (relativeInside(dir, path) === '') return false;
  const name = baseNameOf(path);
  return (
    name.startsWith('.fs_command_gateway ') ||
    name === '.snapshot' ||
    name === '.collections' ||
    name.startsWith('.waybill-')
  );
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= action());
}
