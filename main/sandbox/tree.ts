// A site's tree on disk: places payload that has arrived, and notices what its users and workers write there.

import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  WorldError,
  isVisible,
  type Change,
  type Node,
  type Renaming,
  type SiteName,
  type World,
} from './world.ts';

const RELIST_MS = 700;
/** A large tree is listed less often: at most a tenth of the time goes into listing. */
const REST_FACTOR = 9;
/** A file counts once it has kept its size and time for this long: nothing half written is taken. */
const SETTLE_MS = 60;
const SETTLE_ROUNDS = 5;

export interface Tree {
  readonly root: string;
  pathOf(node: Node): string;
  /** Moves a finished temp file to its place and gives it the version's time. */
  place(temp: string, node: Node): Promise<void>;
  tempPath(): string;
  remove(node: Node): Promise<void>;
  /** While a user has a file open for writing on the mount, its bytes are looked at only when told. */
  startWriting(below: string): void;
  stopWriting(below: string): void;
  /** Takes a file as a user has just written it to the disk. */
  written(below: string, owner: string): Promise<Node>;
  /** Gives the payload of a file another time, which is no new version of it. */
  touch(node: Node, modifiedMs: number): Promise<void>;
  /** Looks now at a folder below the share, as a mount shows at once what was written on it. */
  notice(folder: string, options: { readonly deep: boolean }): Promise<void>;
  close(): void;
}

interface Stamp {
  readonly size: number;
  readonly modified: number;
}

/** `root` holds the share: `<root>/<share name>/...`. */
export function createTree(world: World, site: SiteName, root: string): Tree {
  const shareDir = join(root, world.options.share.path);
  const tempDir = join(root, '.waybill-incoming');
  /** What is known of each file on disk, by path, and where a node's payload lies. */
  const known = new Map<string, Stamp>();
  const paths = new Map<number, string>();
  const unsettled = new Map<string, Stamp & { readonly since: number }>();
  /** Files that are being written on the mount, by path. */
  const writing = new Set<string>();
  const looking = new Map<string, Promise<void>>();
  const looks = new Map<string, Promise<void>>();
  let listing: Promise<void> | null = null;
  let isClosed = false;
  let temps = 0;
  mkdirSync(shareDir, { recursive: true });
  adopt();
  world.on('replicated', heard);
  world.on('changed', followTwins);
  world.on('renamed', follow);
  let timer = setTimeout(relist, RELIST_MS);

  function pathOf(node: Node): string {
    return join(shareDir, world.pathAt(site, node));
  }

  /** After a restart the disk has the last word on what the site holds: the world is saved a moment later. */
  function adopt(): void {
    for (const node of world.nodes()) {
      const current = node.seen.get(site);
      if (node.kind !== 'file' || !current || !isVisible(site, node)) continue;
      const path = pathOf(node);
      const found = statSync(path, { throwIfNoEntry: false });
      const stamp = found && stampFrom(found);
      if (stamp && current.version > 0 && same(current, stamp)) {
        keep(path, stamp, node);
        world.hold(site, node, current.version);
      } else world.drop(site, node);
    }
  }

  function belowOf(path: string): string {
    return path
      .slice(shareDir.length + 1)
      .split(sep)
      .join('/');
  }

  function relist(): void {
    const startedAt = performance.now();
    listing = list(shareDir, true)
      .catch(complain)
      .finally(() => {
        listing = null;
        const tookMs = performance.now() - startedAt;
        if (!isClosed) timer = setTimeout(relist, Math.max(RELIST_MS, tookMs * REST_FACTOR));
      });
  }

  function complain(error: unknown): void {
    process.stderr.write(`sandbox: listing ${shareDir} failed: ${String(error)}\n`);
  }

  async function list(dir: string, deep: boolean): Promise<void> {
    for (const entry of await entriesOf(dir, deep)) {
      if (isClosed) return;
      if (isOurs(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      if (entry.isDirectory()) lookAtFolder(path);
      else if (entry.isFile()) await lookAtFile(path);
    }
  }

  async function lookAt(folder: string, deep: boolean): Promise<void> {
    const dir = join(shareDir, folder);
    if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return;
    if (dir !== shareDir) lookAtFolder(dir);
    if (!deep && !hasNews(dir)) return;
    await listing;
    for (let round = 0; round < SETTLE_ROUNDS; round += 1) {
      await list(dir, deep);
      const isWaiting = [...unsettled.keys()].some((path) => path.startsWith(join(dir, sep)));
      if (!isWaiting) return;
      await sleep(SETTLE_MS);
    }
  }

  /** Asked before each command of the gateway: a folder where nothing happened costs a few calls and no turns. */
  function hasNews(dir: string): boolean {
    return readdirSync(dir, { withFileTypes: true }).some((entry) => {
      if (isOurs(entry.name)) return false;
      const path = join(dir, entry.name);
      if (!entry.isFile()) return world.find(site, belowOf(path)) === null;
      const found = statSync(path, { throwIfNoEntry: false });
      return found !== undefined && !writing.has(path) && !same(known.get(path), stampFrom(found));
    });
  }

  function lookAtFolder(path: string): void {
    const below = belowOf(path);
    // What was listed may have gone since.
    if (world.find(site, below) === null && existsSync(path))
      world.makeFolders(site, below, 'worker');
  }

  async function lookAtFile(path: string): Promise<void> {
    if (writing.has(path)) return;
    const stamp = await stampOf(path);
    if (stamp === null || writing.has(path) || same(known.get(path), stamp)) return;
    const before = unsettled.get(path);
    const now = performance.now();
    if (!same(before, stamp)) {
      unsettled.set(path, { ...stamp, since: now });
      return;
    }
    if (before && now - before.since < SETTLE_MS) return;
    const etag = await md5Of(path);
    unsettled.delete(path);
    if (etag === null || isClosed) return;
    keep(path, stamp, world.writeFile(site, belowOf(path), { ...stamp, owner: 'worker', etag }));
  }

  function keep(path: string, stamp: Stamp, node: Node): void {
    known.set(path, stamp);
    paths.set(node.id, path);
  }

  /** What a site hears may make the payload it has old or unwanted, and change the names things are shown by. */
  function heard(change: Change): void {
    if (change.site !== site) return;
    dropIfOld(change.node);
    followTwins(change);
  }

  function dropIfOld(node: Node): void {
    if (node.kind === 'folder') dropIfGone(node);
    const path = paths.get(node.id);
    if (path === undefined || writing.has(path)) return;
    const isCurrent = node.instances.get(site) === node.seen.get(site)?.version;
    if (isCurrent && isVisible(site, node)) return;
    forget(node, path);
    world.drop(site, node);
    attempt(() => rmSync(path, { force: true }));
  }

  /** A folder that was removed elsewhere; one that still holds something stays, and so does a twin's. */
  function dropIfGone(folder: Node): void {
    const path = pathOf(folder);
    if (isVisible(site, folder) || world.find(site, belowOf(path)) || !existsSync(path)) return;
    attempt(() => rmdirSync(path));
  }

  /** What lies on the disk goes where the namespace now shows it. */
  function follow({ node, from }: Renaming): void {
    const before = join(shareDir, from.get(site) ?? '');
    const after = pathOf(node);
    if (before === after || before === shareDir) return;
    attempt(() => {
      if (!existsSync(before)) return;
      mkdirSync(dirname(after), { recursive: true });
      renameSync(before, after);
    });
    const moved = (path: string): string | null =>
      path === before || path.startsWith(join(before, sep))
        ? after + path.slice(before.length)
        : null;
    for (const [id, path] of paths) paths.set(id, moved(path) ?? path);
    for (const [path, stamp] of Array.from(known)) {
      const to = moved(path);
      if (to === null) continue;
      known.delete(path);
      known.set(to, stamp);
    }
    for (const path of Array.from(writing)) {
      const to = moved(path);
      if (to === null) continue;
      writing.delete(path);
      writing.add(to);
    }
  }

  function followTwins(change: Change): void {
    if (change.site !== site) return;
    const twins = change.node.parent?.children.get(change.node.name) ?? [];
    for (const twin of twins) if (twin !== change.node) attempt(() => followName(twin));
  }

  /** These run inside the world's tick, which must not end for a file that went away by itself. */
  function attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      complain(error);
    }
  }

  function followName(node: Node): void {
    if (node.kind === 'folder') {
      for (const twins of node.children.values()) for (const child of twins) followName(child);
      return;
    }
    const path = paths.get(node.id);
    if (path === undefined || !isVisible(site, node) || pathOf(node) === path) return;
    const stamp = known.get(path);
    forget(node, path);
    mkdirSync(dirname(pathOf(node)), { recursive: true });
    renameSync(path, pathOf(node));
    if (writing.delete(path)) writing.add(pathOf(node));
    if (stamp) keep(pathOf(node), stamp, node);
  }

  function forget(node: Node, path: string): void {
    paths.delete(node.id);
    known.delete(path);
  }

  return {
    root,
    pathOf,
    tempPath() {
      temps += 1;
      return join(tempDir, `${process.pid}-${temps}`);
    },
    async place(temp, node) {
      const modified = (node.seen.get(site) ?? node.head).modified / 1000;
      await mkdir(dirname(pathOf(node)), { recursive: true });
      await utimes(temp, modified, modified);
      const stamp = await stampOf(temp);
      // The name may have changed meanwhile, so it is read once and for both.
      const path = pathOf(node);
      if (stamp) keep(path, stamp, node);
      await rename(temp, path);
    },
    async remove(node) {
      const path = pathOf(node);
      forget(node, path);
      await rm(path, { force: true });
    },
    startWriting(below) {
      writing.add(join(shareDir, below));
    },
    stopWriting(below) {
      writing.delete(join(shareDir, below));
    },
    async written(below, owner) {
      const path = join(shareDir, below);
      const [stamp, etag] = [await stampOf(path), await md5Of(path)];
      if (stamp === null || etag === null)
        throw new WorldError('not-found', `${below} went away while it was written`);
      unsettled.delete(path);
      const node = world.writeFile(site, below, { ...stamp, owner, etag });
      keep(path, stamp, node);
      return node;
    },
    async touch(node, modifiedMs) {
      const path = pathOf(node);
      const isHere = paths.get(node.id) === path;
      if (isHere) await utimes(path, modifiedMs / 1000, modifiedMs / 1000);
      const stamp = isHere ? await stampOf(path) : null;
      if (stamp) keep(path, stamp, node);
      world.update(site, node, { modified: stamp?.modified ?? Math.round(modifiedMs) });
    },
    notice(folder, { deep }) {
      // Whoever asks while a look is under way may have written after it began, and shares the next one.
      const key = `${deep}/${folder}`;
      const waiting = looks.get(key);
      if (waiting) return waiting;
      // A look that failed was told to those who asked for it.
      const last = (looking.get(key) ?? Promise.resolve()).catch(() => undefined);
      const next = last.then(() => {
        looks.delete(key);
        const look = lookAt(folder, deep).finally(() => {
          if (looking.get(key) === look) looking.delete(key);
        });
        looking.set(key, look);
        return look;
      });
      looks.set(key, next);
      return next;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      world.off('replicated', heard);
      world.off('changed', followTwins);
      world.off('renamed', follow);
    },
  };
}

/** Names the sandbox and its gateway use for themselves. */
function isOurs(name: string): boolean {
  return name.startsWith('.waybill-') || name.startsWith('.fs_command_gateway');
}

/** A folder that goes away while it is listed is an empty one. */
async function entriesOf(dir: string, deep: boolean) {
  try {
    return await readdir(dir, { recursive: deep, withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function stampOf(path: string): Promise<Stamp | null> {
  const found = await stat(path).catch(() => null);
  return found && stampFrom(found);
}

/** Rounded, because a time set in seconds comes back a fraction of a millisecond short. */
function stampFrom(found: { readonly size: number; readonly mtimeMs: number }): Stamp {
  return { size: found.size, modified: Math.round(found.mtimeMs) };
}

function same(a: Stamp | undefined, b: Stamp): boolean {
  return a !== undefined && a.size === b.size && a.modified === b.modified;
}

async function md5Of(path: string): Promise<string | null> {
  const hash = createHash('md5');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return hash.digest('hex');
}
