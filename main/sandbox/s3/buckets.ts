// Where objects live: the share's bucket, whose keys are paths of the home site, and the plain bucket movers use.

import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tree } from '../tree.ts';
import { isVisible, type Node, type SiteName, type World } from '../world.ts';
import type { Checksum } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { Facts } from './facts.ts';

export type Tags = readonly (readonly [string, string])[];

export interface ObjectFacts {
  readonly size: number;
  readonly etag: string;
  readonly modified: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Content-Encoding, Cache-Control and their like, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: Tags;
  readonly checksum: Checksum | null;
  /** Empty for an object that was written in one piece. */
  readonly partSizes: readonly number[];
}

export interface StoredObject extends ObjectFacts {
  readonly key: string;
  /** Null where there are no bytes: a folder. */
  readonly path: string | null;
}

/** Where a listing is; who reads it may move it on. */
export interface Cursor {
  readonly prefix: string;
  /** Keys up to and with this one are passed over. */
  after: string;
}

export interface Bucket {
  readonly name: string;
  get(key: string): Promise<StoredObject | null>;
  /** What a condition is held against: also an object that cannot be read here yet. */
  current(key: string): Promise<StoredObject | null>;
  /** Moves a finished temp file in as the object. */
  put(key: string, temp: string, object: ObjectFacts): Promise<void>;
  remove(key: string): Promise<void>;
  setTags(key: string, tags: Tags): Promise<void>;
  /** Objects in the order of their keys' UTF-8 bytes. */
  list(cursor: Cursor): Iterable<StoredObject>;
}

/** Sorts after every key that begins with the text before it. */
export const LAST = '\u{10FFFF}';

export function compareKeys(a: string, b: string): number {
  // UTF-16 and UTF-8 order differ only where there are surrogates.
  if (!/[\ud800-\uffff]/.test(a) || !/[\ud800-\uffff]/.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What S3 knows of a version and the world does not. */
interface Extras extends Pick<ObjectFacts, 'headers' | 'tags' | 'checksum' | 'partSizes'> {
  readonly version: number;
}

const NO_EXTRAS = { headers: {}, tags: [], checksum: null, partSizes: [] } as const;
const EMPTY_MD5 = createHash('md5').digest('hex');

/** The bucket of the share: keys are paths below it, at the home site [C spec, cli]. */
export function shareBucket(options: {
  world: World;
  homeSite: SiteName;
  homeTree: Tree;
  facts: Facts;
}): Bucket {
  const { world, homeSite, homeTree, facts } = options;

  function knownOf(node: Node, key: string): StoredObject | null {
    const known = node.seen.get(homeSite);
    if (!known) return null;
    if (node.kind === 'folder') return folderOf(node, key);
    const extras = facts.get<Extras>('share', node.uuid);
    return {
      key,
      path: homeTree.pathOf(node),
      size: known.size,
      // assumed: a file that was not written through S3 has a tag that is no MD5 of it
      etag: known.etag || md5(`${node.uuid}/${known.version}`),
      modified: known.modified,
      contentType: known.contentType,
      metadata: known.userMetadata,
      ...(extras?.version === known.version ? extras : NO_EXTRAS),
    };
  }

  /** assumed: `name/` is the folder of that name, an object of no bytes */
  function folderOf(node: Node, key: string): StoredObject | null {
    if (!key.endsWith('/')) return null;
    return {
      ...NO_EXTRAS,
      key,
      path: null,
      size: 0,
      etag: EMPTY_MD5,
      modified: node.seen.get(homeSite)?.modified ?? 0,
      contentType: 'application/x-directory; charset=UTF-8',
      metadata: {},
    };
  }

  // Reading an object whose payload is elsewhere would pull it; here it is simply not served until it is home.
  function objectOf(node: Node, key: string): StoredObject | null {
    if (node.kind === 'folder') return knownOf(node, key);
    return node.instances.get(homeSite) === node.seen.get(homeSite)?.version
      ? knownOf(node, key)
      : null;
  }

  function nodeOf(key: string): Node | null {
    // Two slashes in a row would make one file of two keys.
    if (key.startsWith('/') || key.includes('//')) return null;
    const node = world.find(homeSite, key);
    return node && (node.kind === 'folder') === key.endsWith('/') ? node : null;
  }

  function* walk(folder: Node, above: string, cursor: Cursor): Generator<StoredObject, void> {
    const children = world
      .list(homeSite, folder)
      .map(({ name, node }) => ({
        node,
        key: `${above}${name}${node.kind === 'folder' ? '/' : ''}`,
      }))
      .toSorted((a, b) => compareKeys(a.key, b.key));
    for (const { node, key } of children) {
      if (node.kind === 'file') {
        if (!key.startsWith(cursor.prefix) || compareKeys(key, cursor.after) <= 0) continue;
        const object = objectOf(node, key);
        if (object) yield object;
        continue;
      }
      if (!key.startsWith(cursor.prefix) && !cursor.prefix.startsWith(key)) continue;
      if (cursor.after.startsWith(`${key}${LAST}`)) continue;
      if (compareKeys(key, cursor.after) < 0 && !cursor.after.startsWith(key)) continue;
      // A folder is listed itself only where a client made it as an object.
      const isListed = key.startsWith(cursor.prefix) && compareKeys(key, cursor.after) > 0;
      const object = isListed && facts.get('folder', node.uuid) ? folderOf(node, key) : null;
      if (object) yield object;
      yield* walk(node, key, cursor);
    }
  }

  /** assumed: a full volume is told with the status WebDAV has for it; Hammerspace's own answer is not public */
  function assertRoom(size: number): void {
    const volume = world.options.volume?.(homeSite);
    if (volume && world.usedBytes(homeSite) + size > volume.bytes)
      throw new S3Error('InsufficientStorage');
  }

  async function makeFolder(key: string, size: number): Promise<void> {
    if (size > 0)
      throw new S3Error(
        'InvalidObjectName',
        'A key that ends with a slash is a folder and has no bytes.',
      );
    const node = world.makeFolders(homeSite, key, 'artist');
    await mkdir(homeTree.pathOf(node), { recursive: true });
    facts.set('folder', node.uuid, true);
  }

  async function removeFolder(node: Node): Promise<void> {
    facts.remove('folder', node.uuid);
    if (world.list(homeSite, node).length > 0) return;
    await rmdir(homeTree.pathOf(node)).catch(unlessGone);
    world.remove(homeSite, node);
  }

  return {
    name: world.options.share.name,
    async get(key) {
      const node = nodeOf(key);
      return node ? objectOf(node, key) : null;
    },
    async current(key) {
      const node = nodeOf(key);
      return node ? knownOf(node, key) : null;
    },
    async put(key, temp, object) {
      if (key.startsWith('/') || key.includes('//'))
        throw new S3Error('InvalidObjectName', 'A path of the share has no empty names.');
      if (key.endsWith('/')) return makeFolder(key, object.size);
      assertRoom(object.size);
      const node = world.writeFile(homeSite, key, {
        size: object.size,
        modified: object.modified,
        owner: 'artist',
        userMetadata: object.metadata,
        contentType: object.contentType,
        etag: object.etag,
      });
      const { headers, tags, checksum, partSizes } = object;
      const version = node.seen.get(homeSite)?.version ?? 0;
      const extras: Extras = { version, headers, tags, checksum, partSizes };
      facts.set('share', node.uuid, extras);
      await homeTree.place(temp, node);
    },
    async remove(key) {
      const node = nodeOf(key);
      if (!node || node === world.root || !isVisible(homeSite, node)) return;
      if (node.kind === 'folder') return removeFolder(node);
      facts.remove('share', node.uuid);
      await homeTree.remove(node);
      world.remove(homeSite, node);
    },
    async setTags(key, tags) {
      const node = nodeOf(key);
      const version = node?.seen.get(homeSite)?.version;
      if (!node || version === undefined) return;
      const before = facts.get<Extras>('share', node.uuid);
      const kept = before?.version === version ? before : { ...NO_EXTRAS, version };
      facts.set('share', node.uuid, { ...kept, tags });
    },
    list: (cursor) => walk(world.root, '', cursor),
  };
}

/** A plain bucket: objects are files of a folder, named so that no key can name another place. */
export function folderBucket(name: string, dir: string, facts: Facts): Bucket {
  const objectsDir = join(dir, 'objects');
  mkdirSync(objectsDir, { recursive: true });
  const pathOf = (key: string): string =>
    join(objectsDir, createHash('sha256').update(key).digest('hex'));
  const objectOf = (key: string, known: ObjectFacts): StoredObject => ({
    ...known,
    key,
    path: pathOf(key),
  });
  async function get(key: string): Promise<StoredObject | null> {
    const known = facts.get<ObjectFacts>(name, key);
    return known && objectOf(key, known);
  }
  return {
    name,
    get,
    current: get,
    async put(key, temp, object) {
      await rename(temp, pathOf(key));
      facts.set(name, key, object);
    },
    async remove(key) {
      facts.remove(name, key);
      await rm(pathOf(key), { force: true });
    },
    async setTags(key, tags) {
      const known = facts.get<ObjectFacts>(name, key);
      if (known) facts.set(name, key, { ...known, tags });
    },
    *list(cursor) {
      for (const [key, known] of facts.after<ObjectFacts>(name, cursor.after)) {
        if (compareKeys(key, cursor.after) <= 0) continue;
        if (key.startsWith(cursor.prefix)) yield objectOf(key, known);
        else if (compareKeys(key, cursor.prefix) > 0) return;
      }
    },
  };
}

function unlessGone(error: unknown): void {
  // A folder that other writers have filled meanwhile, or that is only metadata here, stays as it is.
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error;
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
