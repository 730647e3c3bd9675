// What users at a site do to files and folders, on the mount and through the gateway: the namespace and the disk follow together.

import { copyFile, mkdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Tree } from './tree.ts';
import { WorldError, type Node, type SiteName, type World } from './world.ts';

export interface Acts {
  makeFolder(site: SiteName, below: string): Promise<Node>;
  removeFile(site: SiteName, file: Node): Promise<void>;
  removeFolder(site: SiteName, folder: Node): Promise<void>;
  removeBelow(site: SiteName, folder: Node): Promise<void>;
  rename(site: SiteName, item: Node, to: { folder: Node; name: string }): Promise<void>;
  clone(site: SiteName, item: Node, into: Node): Promise<void>;
}

const OWNER = 'artist';

export function createActs(world: World, trees: ReadonlyMap<SiteName, Tree>): Acts {
  function treeOf(site: SiteName): Tree {
    const tree = trees.get(site);
    if (!tree) throw new WorldError('not-found', `there is no site ${site}`);
    return tree;
  }

  async function makeFolder(site: SiteName, below: string): Promise<Node> {
    const folder = world.makeFolders(site, below, OWNER);
    await mkdir(treeOf(site).pathOf(folder), { recursive: true });
    return folder;
  }

  async function removeFile(site: SiteName, file: Node): Promise<void> {
    await treeOf(site).remove(file);
    world.remove(site, file);
  }

  async function removeFolder(site: SiteName, folder: Node): Promise<void> {
    const path = treeOf(site).pathOf(folder);
    world.remove(site, folder);
    await rmdir(path).catch((error: unknown) => {
      // A folder no one wrote in here was never on this disk; what is not ours may lie in it.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error;
    });
  }

  async function removeBelow(site: SiteName, folder: Node): Promise<void> {
    for (const { node } of world.list(site, folder)) {
      if (node.kind === 'file') await removeFile(site, node);
      else {
        await removeBelow(site, node);
        await removeFolder(site, node);
      }
    }
  }

  async function rename(
    site: SiteName,
    item: Node,
    to: { folder: Node; name: string },
  ): Promise<void> {
    const target = world.find(site, join(world.pathAt(site, to.folder), to.name));
    if (target === item) return;
    if (target?.kind === 'folder') await removeFolder(site, target);
    else if (target) return replace(site, item, target);
    world.rename(site, item, to);
  }

  /**
   * A file put over another one is that one's new version, so that no site sees both for an interval, as it would
   * see two items of one name. What was known of the old one goes with it.
   */
  async function replace(site: SiteName, item: Node, target: Node): Promise<void> {
    const tree = treeOf(site);
    const {
      revision: _old,
      version: _version,
      origin: _origin,
      ...known
    } = item.seen.get(site) ?? item.head;
    if (item.instances.get(site) !== (item.seen.get(site) ?? item.head).version)
      throw new WorldError('not-found', 'the payload that is to replace a file is not here');
    const temp = tree.tempPath();
    await mkdir(dirname(temp), { recursive: true });
    await copyFile(tree.pathOf(item), temp);
    const below = world.pathAt(site, target);
    const node = world.writeFile(site, below, {
      size: known.size,
      modified: known.modified,
      owner: known.owner,
      etag: known.etag,
    });
    await tree.place(temp, node);
    world.update(site, node, known);
    await removeFile(site, item);
  }

  /** A clone shares nothing with what it was made of; each site that had the payload has the clone's. */
  async function clone(site: SiteName, item: Node, into: Node): Promise<void> {
    const below = join(world.pathAt(site, into), item.name);
    if (world.find(site, below)) throw new WorldError('bad-name', `EEXIST ${below} is there`);
    if (item.kind === 'folder') {
      const copy = await makeFolder(site, below);
      world.update(site, copy, metadataOf(item, site));
      for (const { node } of world.list(site, item)) await clone(site, node, copy);
      return;
    }
    const known = item.seen.get(site) ?? item.head;
    const { size, modified, owner, etag, contentType, userMetadata } = known;
    const copy = world.writeFile(site, below, {
      size,
      modified,
      owner,
      etag,
      contentType,
      userMetadata,
    });
    world.drop(site, copy);
    const { version } = copy.head;
    for (const [holder, held] of item.instances) {
      if (held !== known.version) continue;
      const tree = treeOf(holder);
      const temp = tree.tempPath();
      await mkdir(dirname(temp), { recursive: true });
      await copyFile(tree.pathOf(item), temp);
      copy.seen.set(holder, copy.head);
      await tree.place(temp, copy);
      world.hold(holder, copy, version);
    }
    world.update(site, copy, metadataOf(item, site));
  }

  return { makeFolder, removeFile, removeFolder, removeBelow, rename, clone };
}

function metadataOf(item: Node, site: SiteName): Partial<Node['head']> {
  const { tags, keywords, labels, keepOnSites, attributes, objectives } =
    item.seen.get(site) ?? item.head;
  return { tags, keywords, labels, keepOnSites, attributes, objectives };
}
