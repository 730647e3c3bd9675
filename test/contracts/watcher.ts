// The contract of the Watcher port: hints flow once the watch is up, and stop with it.

import { mkdir, mkdtemp, realpath, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LocalPath } from '../../main/engine/core/names.ts';
import type { Watcher, WatchHint } from '../../main/engine/ports/watcher.ts';

export function watcherContract(name: string, watcher: () => Watcher): void {
  describe(`watcher contract over ${name}`, () => {
    let dir: LocalPath;
    let hints: WatchHint[];
    let errors: unknown[];
    const at = (path: string): string => join(dir, path);
    const handlers = {
      onHint: (hint: WatchHint) => void hints.push(hint),
      onError: (error: unknown) => void errors.push(error),
    };
    const seen = (path: string, kind: WatchHint['kind']) => () =>
      expect(hints).toContainEqual({ kind, path: at(path) });

    beforeEach(async () => {
      dir = (await realpath(await mkdtemp(join(tmpdir(), 'waybill-watch-')))) as LocalPath;
      hints = [];
      errors = [];
    });
    afterEach(() => rm(dir, { recursive: true, force: true }));

    test('what was there before gives no hint; changes, new folders, renames and removals do', async () => {
      await writeFile(at('before'), 'x');
      await using _watch = await watcher().watch(dir, handlers);
      expect(hints).toEqual([]);
      await writeFile(at('before'), 'changed');
      await vi.waitFor(seen('before', 'changed'), { timeout: 5_000 });
      await mkdir(at('new/deep'), { recursive: true });
      await writeFile(at('new/deep/file'), 'x');
      await vi.waitFor(seen('new/deep/file', 'changed'), { timeout: 5_000 });
      await writeFile(at('.save.tmp'), 'scene');
      await rename(at('.save.tmp'), at('scene.blend'));
      await vi.waitFor(seen('scene.blend', 'changed'), { timeout: 5_000 });
      await unlink(at('before'));
      await vi.waitFor(seen('before', 'removed'), { timeout: 5_000 });
      expect(errors).toEqual([]);
    });

    test('gateway files, virtual folders and our temp files are never reported', async () => {
      await using _watch = await watcher().watch(dir, handlers);
      await writeFile(at('.fs_command_gateway 0x3f2a91'), './?.eval THIS');
      await mkdir(at('.snapshot/current'), { recursive: true });
      await mkdir(at('.collections/open'), { recursive: true });
      await writeFile(at('.waybill-1.part'), 'x');
      await writeFile(at('last'), 'x');
      await vi.waitFor(seen('last', 'changed'), { timeout: 5_000 });
      expect(
        hints.map((hint) => hint.path).filter((path) => path !== at('last') && path !== dir),
      ).toEqual([]);
    });

    test('no hint comes after the watch ended, by disposing it or by the signal', async () => {
      const stop = new AbortController();
      const watch = await watcher().watch(dir, handlers, { signal: stop.signal });
      stop.abort();
      await watch[Symbol.asyncDispose]();
      await writeFile(at('late'), 'x');
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(hints).toEqual([]);
      await expect(watcher().watch(dir, handlers, { signal: stop.signal })).rejects.toMatchObject({
        name: 'AbortError',
      });
    });
  });
}
