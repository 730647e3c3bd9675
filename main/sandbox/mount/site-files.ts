// One site's share as a file system: what each request of the kernel means for the namespace as that site sees it.

import { isInCollection } from '../gateway/properties.ts';
import type { GatewayOptions } from '../gateway/place.ts';
import { subtreeOf } from '../gateway/place.ts';
import type { Acts } from '../acts.ts';
import type { Tree } from '../tree.ts';
import { WorldError, isVisible, type Node, type SiteName, type World } from '../world.ts';
import { createCommands, isGatewayName, type GatewayFile } from './commands.ts';
import { createPayload } from './payload.ts';
import {
  ERRNO,
  MountError,
  OP,
  ROOT_ID,
  attrReply,
  attributeChangeIn,
  entryReply,
  initReply,
  longAt,
  namesIn,
  openReply,
  readdirReply,
  statfsReply,
  writeReply,
  type AttributeChange,
  type Attributes,
  type DirEntry,
  type Request,
} from './wire.ts';

export interface SiteFilesOptions {
  readonly world: World;
  readonly site: SiteName;
  readonly tree: Tree;
  readonly acts: Acts;
  readonly gateway: GatewayOptions;
  /** Runs a command written in a folder below the share; null where there is no such folder. */
  ask(folder: string, command: string): Promise<string | null>;
}

export interface SiteFiles {
  /** The reply's body, or null for a request that gets none. Throws a MountError where the kernel is told of a failure. */
  handle(request: Request, signal: AbortSignal): Promise<Buffer | null>;
  close(): Promise<void>;
}

/** Folders no listing shows: `.collections/<name>` holds what a search finds, `.snapshot/current` the live tree [C hstk]. */
interface VirtualFolder {
  readonly id: number;
  readonly kind: 'collections' | 'collection' | 'snapshots' | 'current';
  readonly base: Node;
  readonly name: string;
}

type Item =
  | { readonly kind: 'node'; readonly node: Node }
  | { readonly kind: 'gateway'; readonly file: GatewayFile }
  | { readonly kind: 'virtual'; readonly folder: VirtualFolder };

type Handle =
  | { readonly kind: 'folder'; readonly entries: readonly DirEntry[] }
  | { readonly kind: 'file'; readonly node: Node; readonly isWriter: boolean }
  | { readonly kind: 'gateway'; readonly file: GatewayFile; isWritten: boolean };

const OPEN = { accessMode: 3, readOnly: 0, truncate: 0o1000 } as const;
const RENAME_ONLY_NEW = 1;
/** Above the ids of gateway files, which begin at 2^40. */
const FIRST_VIRTUAL_ID = 2 ** 48;
/** What the share's volume is told to hold; the same as the Anvil tells. */
const SHARE_BYTES = 2 ** 40;
const COLLECTIONS = ['open', 'selected'];

export function createSiteFiles(options: SiteFilesOptions): SiteFiles {
  const { world, site, tree, acts } = options;
  const commands = createCommands();
  const payload = createPayload(world, site, tree);
  const handles = new Map<number, Handle>();
  const virtuals = new Map<number, VirtualFolder>();
  const virtualIds = new Map<string, number>();
  /** Permission bits are this mount's own affair: they do not travel. */
  const modes = new Map<number, number>();
  let nextHandle = 1;

  async function handle(request: Request, signal: AbortSignal): Promise<Buffer | null> {
    const { nodeId, body } = request;
    switch (request.opcode) {
      case OP.init:
        return initReply(body);
      case OP.forget:
      case OP.batchForget:
      case OP.interrupt:
        return null;
      case OP.lookup:
        return lookup(folderAt(nodeId), nameIn(body, 0));
      case OP.getattr:
        return attrReply(await attributesOf(itemAt(nodeId)));
      case OP.setattr:
        return setAttributes(itemAt(nodeId), attributeChangeIn(body), signal);
      case OP.mknod:
        return makeFile(realFolderAt(nodeId), nameIn(body, 16), signal);
      case OP.mkdir:
        return makeFolder(realFolderAt(nodeId), nameIn(body, 8));
      case OP.unlink:
        return remove(realFolderAt(nodeId), nameIn(body, 0), 'file');
      case OP.rmdir:
        return remove(realFolderAt(nodeId), nameIn(body, 0), 'folder');
      case OP.rename:
        return rename(realFolderAt(nodeId), { into: longAt(body, 0), names: namesIn(body, 8) }, 0);
      case OP.rename2:
        return rename(
          realFolderAt(nodeId),
          { into: longAt(body, 0), names: namesIn(body, 16) },
          body.readUInt32LE(8),
        );
      case OP.open:
        return openItem(itemAt(nodeId), body.readUInt32LE(0), signal);
      case OP.create:
        return create(realFolderAt(nodeId), nameIn(body, 16), body.readUInt32LE(0), signal);
      case OP.read:
        return read(longAt(body, 0), { at: longAt(body, 8), size: body.readUInt32LE(16) }, signal);
      case OP.write:
        return write(longAt(body, 0), longAt(body, 8), body.subarray(40));
      case OP.flush:
        return flush(longAt(body, 0));
      case OP.fsync:
        return flushPayload(longAt(body, 0));
      case OP.release:
        return release(longAt(body, 0));
      case OP.opendir:
        return openReply(keep({ kind: 'folder', entries: listed(folderAt(nodeId)) }), {
          direct: false,
        });
      case OP.readdir:
        return readFolder(longAt(body, 0), longAt(body, 8), body.readUInt32LE(16));
      case OP.releasedir:
        handles.delete(longAt(body, 0));
        return Buffer.alloc(0);
      case OP.statfs:
        return statfs();
      case OP.fsyncdir:
      case OP.destroy:
        return Buffer.alloc(0);
      default:
        throw new MountError('ENOSYS');
    }
  }

  // --- items --------------------------------------------------------------------------------------------

  function itemAt(id: number): Item {
    if (id === ROOT_ID) return { kind: 'node', node: world.root };
    const node = world.node(id);
    if (node) {
      if (!isVisible(site, node) && !payload.isWriting(node)) throw new MountError('ESTALE');
      return { kind: 'node', node };
    }
    const file = commands.byId(id);
    if (file) return { kind: 'gateway', file };
    const folder = virtuals.get(id);
    if (folder) return { kind: 'virtual', folder };
    throw new MountError('ESTALE');
  }

  function folderAt(id: number): Node | VirtualFolder {
    const item = itemAt(id);
    if (item.kind === 'virtual') return item.folder;
    if (item.kind === 'node' && item.node.kind === 'folder') return item.node;
    throw new MountError('ENOTDIR');
  }

  function realFolderAt(id: number): Node {
    const folder = folderAt(id);
    if ('base' in folder) throw new MountError('EROFS');
    return folder;
  }

  function idOf(node: Node): number {
    return node === world.root ? ROOT_ID : node.id;
  }

  function virtual(kind: VirtualFolder['kind'], base: Node, name: string): VirtualFolder {
    const key = `${kind}/${base.id}/${name}`;
    const id = virtualIds.get(key) ?? FIRST_VIRTUAL_ID + virtualIds.size;
    const folder = { id, kind, base, name };
    virtualIds.set(key, id);
    virtuals.set(id, folder);
    return folder;
  }

  async function attributesOf(item: Item): Promise<Attributes> {
    if (item.kind === 'gateway') {
      const { id, answer, command, modifiedMs } = item.file;
      const { length: size } = answer ?? command;
      return {
        id,
        kind: 'file',
        size,
        isHere: true,
        modifiedMs,
        createdMs: modifiedMs,
        mode: 0o600,
      };
    }
    const isVirtual = item.kind === 'virtual';
    const node = isVirtual ? item.folder.base : item.node;
    const known = node.seen.get(site) ?? node.head;
    const isFile = node.kind === 'file';
    return {
      id: isVirtual ? item.folder.id : idOf(node),
      kind: node.kind,
      size: isFile ? await payload.size(node) : 4096,
      isHere: !isFile || payload.isWriting(node) || node.instances.get(site) === known.version,
      modifiedMs: known.modified,
      createdMs: known.created,
      mode: isVirtual ? 0o555 : (modes.get(node.id) ?? (isFile ? 0o644 : 0o755)),
    };
  }

  async function entry(node: Node): Promise<Buffer> {
    return entryReply(await attributesOf({ kind: 'node', node }));
  }

  async function lookup(folder: Node | VirtualFolder, name: string): Promise<Buffer> {
    const item = 'base' in folder ? virtualChild(folder, name) : childOf(folder, name);
    if (!item) throw new MountError('ENOENT');
    return entryReply(await attributesOf(item));
  }

  function childOf(folder: Node, name: string): Item | null {
    if (isGatewayName(name)) {
      const file = commands.find(folder, name);
      return file ? { kind: 'gateway', file } : null;
    }
    const node = child(folder, name);
    if (node) return { kind: 'node', node };
    if (name === '.collections')
      return { kind: 'virtual', folder: virtual('collections', folder, '') };
    if (name === '.snapshot') return { kind: 'virtual', folder: virtual('snapshots', folder, '') };
    return null;
  }

  function child(folder: Node, name: string): Node | null {
    return world.find(site, pathIn(folder, name));
  }

  function pathIn(folder: Node, name: string): string {
    const path = world.pathAt(site, folder);
    return path === '' ? name : `${path}/${name}`;
  }

  function virtualChild(folder: VirtualFolder, name: string): Item | null {
    const { base } = folder;
    switch (folder.kind) {
      case 'collections':
        return COLLECTIONS.includes(name)
          ? { kind: 'virtual', folder: virtual('collection', base, name) }
          : null;
      case 'snapshots':
        return name === 'current'
          ? { kind: 'virtual', folder: virtual('current', base, '') }
          : null;
      case 'current': {
        const node = child(base, name);
        if (node?.kind === 'folder')
          return { kind: 'virtual', folder: virtual('current', node, '') };
        return node && { kind: 'node', node };
      }
      case 'collection': {
        const node = membersOf(folder).get(name);
        return node ? { kind: 'node', node } : null;
      }
    }
  }

  /** assumed: a collection lists its files by their names; of two with one name the first is shown. */
  function membersOf({ base, name }: VirtualFolder): Map<string, Node> {
    const members = new Map<string, Node>();
    const place = { world, options: options.gateway, site, node: base, base };
    for (const node of subtreeOf(place)) {
      if (!members.has(node.name) && isInCollection({ ...place, node }, name))
        members.set(node.name, node);
    }
    return members;
  }

  function listed(folder: Node | VirtualFolder): DirEntry[] {
    const own = 'base' in folder ? folder.id : idOf(folder);
    return [
      { name: '.', id: own, kind: 'folder' },
      { name: '..', id: ROOT_ID, kind: 'folder' },
      ...('base' in folder ? listedVirtually(folder) : listedNodes(folder)),
    ];
  }

  function listedNodes(folder: Node): DirEntry[] {
    return world
      .list(site, folder)
      .map(({ name, node }) => ({ name, id: idOf(node), kind: node.kind }));
  }

  function listedVirtually(folder: VirtualFolder): DirEntry[] {
    switch (folder.kind) {
      case 'collections':
        return COLLECTIONS.map((name) => ({ name, id: folder.id, kind: 'folder' }));
      case 'snapshots':
        return [{ name: 'current', id: folder.id, kind: 'folder' }];
      case 'current':
        return listedNodes(folder.base);
      case 'collection':
        return [...membersOf(folder)].map(([name, { id, kind }]) => ({ name, id, kind }));
    }
  }

  // --- changes ------------------------------------------------------------------------------------------

  async function setAttributes(
    item: Item,
    change: AttributeChange,
    signal: AbortSignal,
  ): Promise<Buffer> {
    if (item.kind === 'virtual') throw new MountError('EROFS');
    if (item.kind === 'gateway') {
      if (change.size === 0) item.file.command = Buffer.alloc(0);
      return attrReply(await attributesOf(item));
    }
    const { node } = item;
    if (change.mode !== null) modes.set(node.id, change.mode);
    if (change.size !== null) await resize(node, change.size, signal);
    if (change.modifiedMs !== null) {
      if (node.kind === 'file') await payload.commit(node);
      await tree.touch(node, change.modifiedMs === 'now' ? Date.now() : change.modifiedMs);
    }
    return attrReply(await attributesOf(item));
  }

  async function resize(node: Node, size: number, signal: AbortSignal): Promise<void> {
    if (node.kind !== 'file') throw new MountError('EISDIR');
    if (payload.isWriting(node)) return payload.truncate(node, size);
    world.countOpen(site, node, 1);
    try {
      await payload.startWriting(node, { truncate: size === 0 }, signal);
      try {
        await payload.truncate(node, size);
      } finally {
        await payload.stopWriting(node);
      }
    } finally {
      world.countOpen(site, node, -1);
    }
  }

  /** The namespace has the file at once, with no bytes yet. */
  async function newFile(folder: Node, name: string): Promise<Node> {
    const there = child(folder, name);
    if (there?.kind === 'folder') throw new MountError('EISDIR');
    if (there) return there;
    return world.writeFile(site, pathIn(folder, name), {
      size: 0,
      modified: Date.now(),
      owner: 'artist',
    });
  }

  async function makeFile(folder: Node, name: string, signal: AbortSignal): Promise<Buffer> {
    const node = await newFile(folder, name);
    await resize(node, 0, signal);
    return entry(node);
  }

  async function makeFolder(folder: Node, name: string): Promise<Buffer> {
    if (child(folder, name)) throw new MountError('EEXIST');
    return entry(await acts.makeFolder(site, pathIn(folder, name)));
  }

  async function remove(folder: Node, name: string, kind: Node['kind']): Promise<Buffer> {
    if (isGatewayName(name)) {
      if (!commands.remove(folder, name)) throw new MountError('ENOENT');
      return Buffer.alloc(0);
    }
    const node = child(folder, name);
    if (!node) throw new MountError('ENOENT');
    if (node.kind !== kind) throw new MountError(kind === 'file' ? 'EISDIR' : 'ENOTDIR');
    if (kind === 'file') await acts.removeFile(site, node);
    else {
      if (world.list(site, node).length > 0) throw new MountError('ENOTEMPTY');
      await acts.removeFolder(site, node);
    }
    return Buffer.alloc(0);
  }

  async function rename(
    folder: Node,
    to: { into: number; names: readonly string[] },
    flags: number,
  ): Promise<Buffer> {
    const [from = '', name = ''] = to.names;
    const into = realFolderAt(to.into);
    const node = child(folder, from);
    if (!node) throw new MountError('ENOENT');
    if (isGatewayName(name) || flags > RENAME_ONLY_NEW) throw new MountError('EINVAL');
    const target = child(into, name);
    if (target && target !== node) {
      if (flags === RENAME_ONLY_NEW) throw new MountError('EEXIST');
      if (target.kind !== node.kind)
        throw new MountError(target.kind === 'folder' ? 'EISDIR' : 'ENOTDIR');
      if (target.kind === 'folder' && world.list(site, target).length > 0)
        throw new MountError('ENOTEMPTY');
    }
    if (node.kind === 'file') await payload.commit(node);
    await acts.rename(site, node, { folder: into, name });
    return Buffer.alloc(0);
  }

  // --- open files -----------------------------------------------------------------------------------------

  function keep(opened: Handle): number {
    nextHandle += 1;
    handles.set(nextHandle, opened);
    return nextHandle;
  }

  async function openItem(item: Item, flags: number, signal: AbortSignal): Promise<Buffer> {
    if (item.kind === 'virtual') throw new MountError('EISDIR');
    const id =
      item.kind === 'gateway'
        ? openGateway(item.file, flags)
        : await openNode(item.node, flags, signal);
    return openReply(id, { direct: true });
  }

  function openGateway(file: GatewayFile, flags: number): number {
    if (flags & OPEN.truncate) {
      file.command = Buffer.alloc(0);
      file.answer = null;
    }
    return keep({ kind: 'gateway', file, isWritten: false });
  }

  async function openNode(node: Node, flags: number, signal: AbortSignal): Promise<number> {
    if (node.kind === 'folder') throw new MountError('EISDIR');
    const isWriter = (flags & OPEN.accessMode) !== OPEN.readOnly;
    world.countOpen(site, node, 1);
    try {
      if (isWriter)
        await payload.startWriting(node, { truncate: (flags & OPEN.truncate) !== 0 }, signal);
    } catch (error) {
      world.countOpen(site, node, -1);
      throw error;
    }
    return keep({ kind: 'file', node, isWriter });
  }

  async function create(
    folder: Node,
    name: string,
    flags: number,
    signal: AbortSignal,
  ): Promise<Buffer> {
    if (isGatewayName(name)) {
      const file = commands.find(folder, name) ?? commands.create(folder, name);
      const opened = openReply(openGateway(file, flags), { direct: true });
      return Buffer.concat([entryReply(await attributesOf({ kind: 'gateway', file })), opened]);
    }
    const node = await newFile(folder, name);
    const opened = openReply(await openNode(node, flags | OPEN.truncate, signal), { direct: true });
    return Buffer.concat([await entry(node), opened]);
  }

  function openedAt(id: number): Handle {
    const opened = handles.get(id);
    if (!opened) throw new MountError('ESTALE');
    return opened;
  }

  async function read(
    id: number,
    range: { at: number; size: number },
    signal: AbortSignal,
  ): Promise<Buffer> {
    const opened = openedAt(id);
    if (opened.kind === 'folder') throw new MountError('EISDIR');
    if (opened.kind === 'file') return payload.read(opened.node, range, signal);
    // Whoever reads without opening again gets what was written: the answer is for the next one to open it [O strace].
    const { answer, command } = opened.file;
    const bytes = opened.isWritten ? command : (answer ?? command);
    return bytes.subarray(range.at, range.at + range.size);
  }

  async function write(id: number, at: number, bytes: Buffer): Promise<Buffer> {
    const opened = openedAt(id);
    if (opened.kind === 'folder') throw new MountError('EISDIR');
    if (opened.kind === 'file') await payload.write(opened.node, at, bytes);
    else {
      const { file } = opened;
      const whole = Buffer.alloc(Math.max(file.command.length, at + bytes.length));
      file.command.copy(whole);
      bytes.copy(whole, at);
      file.command = whole;
      opened.isWritten = true;
    }
    return writeReply(bytes.length);
  }

  /** `close` waits for this: what was written counts, and a command has its answer, before it returns. */
  async function flush(id: number): Promise<Buffer> {
    const opened = openedAt(id);
    if (opened.kind !== 'gateway') return flushPayload(id);
    if (!opened.isWritten || opened.file.answer) return Buffer.alloc(0);
    const { folder, command } = opened.file;
    const said = await options.ask(world.pathAt(site, folder), command.toString('utf8'));
    if (said === null) throw new MountError('ENOENT');
    opened.file.answer = Buffer.from(said);
    return Buffer.alloc(0);
  }

  async function flushPayload(id: number): Promise<Buffer> {
    const opened = openedAt(id);
    if (opened.kind === 'file' && opened.isWriter && isVisible(site, opened.node))
      await payload.commit(opened.node);
    return Buffer.alloc(0);
  }

  async function release(id: number): Promise<Buffer> {
    const opened = openedAt(id);
    handles.delete(id);
    if (opened.kind === 'file') {
      world.countOpen(site, opened.node, -1);
      if (opened.isWriter) await payload.stopWriting(opened.node);
    }
    return Buffer.alloc(0);
  }

  function readFolder(id: number, from: number, size: number): Buffer {
    const opened = openedAt(id);
    if (opened.kind !== 'folder') throw new MountError('ENOTDIR');
    return readdirReply(opened.entries, from, size);
  }

  function statfs(): Buffer {
    let used = 0;
    let files = 0;
    for (const node of world.nodes()) {
      if (node.kind !== 'file' || !isVisible(site, node)) continue;
      files += 1;
      if (node.instances.has(site)) used += (node.seen.get(site) ?? node.head).size;
    }
    return statfsReply({ total: SHARE_BYTES, used, files });
  }

  return {
    handle,
    async close() {
      for (const opened of handles.values())
        if (opened.kind === 'file') world.countOpen(site, opened.node, -1);
      await payload.close();
    },
  };
}

function nameIn(body: Buffer, at: number): string {
  const [name = ''] = namesIn(body, at);
  // The kernel never sends these; a name that would lead out of the folder is refused all the same.
  if (name === '' || name === '.' || name === '..' || name.includes('/'))
    throw new MountError('EINVAL');
  return name;
}

/** What the kernel is told of a failure. */
export function errnoOf(error: unknown): number {
  if (error instanceof MountError) return error.errno;
  if (error instanceof WorldError) return ERRNO[WORLD_ERRNO[error.code]];
  const { errno } = error as NodeJS.ErrnoException;
  return typeof errno === 'number' && errno < 0 ? -errno : ERRNO.EIO;
}

const WORLD_ERRNO = {
  'not-found': 'ENOENT',
  'is-folder': 'EISDIR',
  'is-file': 'ENOTDIR',
  'bad-name': 'EINVAL',
} as const;
