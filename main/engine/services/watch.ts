// Turns change hints into "list these folders again", once the saving has settled.

import { parentOf, relativeInside } from '../core/paths.ts';
import type { LocalPath } from '../core/names.ts';
import { isAbort } from '../base/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { WatchHint, Watcher } from '../ports/watcher.ts';

/** A DCC saves by temp file and rename; what changes within this time is one save. */
const SETTLE_MS = 400;
const MAX_WAIT_MS = 2_000;

export interface ProjectWatch {
  readonly dir: LocalPath;
  /** Folders to list again, as paths below the project ('' is the project itself). */
  onFolders(relativePaths: readonly string[]): void;
  onError(error: unknown): void;
}

export async function watchProject(
  ports: { watcher: Watcher; clock: Clock },
  watch: ProjectWatch,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  let folders = new Set<string>();
  let firstHintAt = 0;
  let lastHintAt = 0;
  let waiting = false;

  function onHint(hint: WatchHint): void {
    const relative = relativeInside(watch.dir, hint.path);
    if (relative === null) return;
    const parent = parentOf(`/${relative}`).slice(1);
    lastHintAt = ports.clock.monotonic();
    if (folders.size === 0) firstHintAt = lastHintAt;
    folders.add(parent);
    if (!waiting) settle().catch(reportUnlessAborted);
  }

  async function settle(): Promise<void> {
    waiting = true;
    for (;;) {
      await ports.clock.sleep(SETTLE_MS, { signal });
      const now = ports.clock.monotonic();
      if (now - lastHintAt >= SETTLE_MS - 50 || now - firstHintAt >= MAX_WAIT_MS) break;
    }
    waiting = false;
    const settled = [...folders];
    folders = new Set();
    watch.onFolders(settled);
  }

  function reportUnlessAborted(error: unknown): void {
    waiting = false;
    if (!isAbort(error)) watch.onError(error);
  }

  return ports.watcher.watch(watch.dir, { onHint, onError: watch.onError }, { signal });
}
