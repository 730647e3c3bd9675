// A site's tree on disk: places payload that has arrived, and notices what its users and workers write there.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Node, SiteName, World } from './world.ts';

const RELIST_MS = 700;

export interface Tree {
  readonly root: string;
  pathOf(node: Node): string;
  /** Moves a finished temp file to its place and gives it the version's time. */
  place(temp: string, node: Node): Promise<void>;
  tempPath(): string;
  remove(node: Node): Promise<void>;
  /** Looks once for what changed on disk. */
  discover(): Promise<void>;
  close(): void;
}

/** `root` holds the share: `<root>/<share name>/...`. */
export function createTree(world: World, site: SiteName, root: string): Tree {
  const shareDir = join(root, world.options.share.path);
  const tempDir = join(root, '.waybill-incoming');
  const placed = new Map<string, { size: number; mtimeMs: number }>();
  const unsettled = new Map<string, { size: number; mtimeMs: number }>();
  let busy = false;
  let temps = 0;
  const timer = setInterval(() => {
    discover().catch((error: unknown) =>
      process.stderr.write(`sandbox: listing ${shareDir} failed: ${String(error)}\n`),
    );
  }, RELIST_MS);

  function pathOf(node: Node): string {
    return join(shareDir, world.pathAt(site, node));
  }

  async function discover(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      await mkdir(shareDir, { recursive: true });
      for (const entry of await readdir(shareDir, { recursive: true, withFileTypes: true })) {
        if (
          !entry.isFile() ||
          entry.name.startsWith('.waybill-') ||
          entry.name.startsWith('.fs_command_gateway')
        )
          continue;
        await look(join(entry.parentPath, entry.name));
      }
    } finally {
      busy = false;
    }
  }

  /** A file counts once two listings in a row show the same size and time: nothing half written is taken. */
  async function look(path: string): Promise<void> {
    const found = await stat(path).catch(() => null);
    if (!found) return;
    const now = { size: found.size, mtimeMs: Math.floor(found.mtimeMs) };
    if (same(placed.get(path), now)) return;
    if (!same(unsettled.get(path), now)) {
      unsettled.set(path, now);
      return;
    }
    unsettled.delete(path);
    placed.set(path, now);
    const below = path
      .slice(shareDir.length + 1)
      .split('\\')
      .join('/');
    world.writeFile(site, below, {
      size: now.size,
      modified: now.mtimeMs,
      owner: 'worker',
      etag: await md5Of(path),
    });
  }

  return {
    root,
    pathOf,
    tempPath() {
      temps += 1;
      return join(tempDir, `${process.pid}-${temps}`);
    },
    async place(temp, node) {
      const path = pathOf(node);
      const modified = node.head.modified / 1000;
      await mkdir(dirname(path), { recursive: true });
      await utimes(temp, modified, modified);
      const found = await stat(temp);
      placed.set(path, { size: found.size, mtimeMs: Math.floor(found.mtimeMs) });
      await rename(temp, path);
    },
    async remove(node) {
      await rm(pathOf(node), { force: true });
    },
    discover,
    close: () => clearInterval(timer),
  };
}

function same(
  a: { size: number; mtimeMs: number } | undefined,
  b: { size: number; mtimeMs: number },
): boolean {
  return a !== undefined && a.size === b.size && a.mtimeMs === b.mtimeMs;
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
