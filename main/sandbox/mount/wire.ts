// The kernel's side of FUSE as bytes: requests read, replies written. Layouts: linux/fuse.h, protocol 7.31 and later.

export const ROOT_ID = 1;

export const OP = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  access: 34,
  create: 35,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  rename2: 45,
} as const;

/** Linux error numbers, the same on every architecture we run on for these. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EACCES: 13,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSPC: 28,
  EROFS: 30,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ESTALE: 116,
} as const;

export type Errno = keyof typeof ERRNO;

/** An operation the kernel is to be told has failed. */
export class MountError extends Error {
  readonly errno: number;
  constructor(errno: Errno) {
    super(errno);
    this.errno = ERRNO[errno];
  }
}

export const MAX_WRITE = 1 << 20;
const IN_HEADER = 40;
const OUT_HEADER = 16;
const ATTR = 88;
const DIR_TYPE = { folder: 4, file: 8 } as const;
const FILE_MODE = { folder: 0o040000, file: 0o100000 } as const;
/** direct_io: each read and write reaches us, nothing is answered from the page cache. */
const OPEN_DIRECT_IO = 1;
const INIT_FLAGS = {
  asyncRead: 1 << 0,
  atomicTruncate: 1 << 3,
  bigWrites: 1 << 5,
  parallelDirOps: 1 << 18,
  maxPages: 1 << 22,
} as const;

export interface Request {
  readonly opcode: number;
  readonly unique: bigint;
  readonly nodeId: number;
  readonly body: Buffer;
}

export interface Attributes {
  readonly id: number;
  readonly kind: 'file' | 'folder';
  readonly size: number;
  /** False for payload that is elsewhere: such a file takes no blocks here. */
  readonly isHere: boolean;
  readonly modifiedMs: number;
  readonly createdMs: number;
  /** Permission bits. */
  readonly mode: number;
}

/** Cuts a stream into requests: each begins with its own length. */
export function createRequestReader(onRequest: (request: Request) => void): (part: Buffer) => void {
  let parts: Buffer[] = [];
  let size = 0;
  return (part) => {
    parts.push(part);
    size += part.length;
    for (;;) {
      if (size < 4) return;
      let all = parts.length === 1 ? parts[0] : undefined;
      const wanted = (all ?? (all = Buffer.concat(parts))).readUInt32LE(0);
      parts = [all];
      if (size < wanted) return;
      onRequest({
        opcode: all.readUInt32LE(4),
        unique: all.readBigUInt64LE(8),
        nodeId: Number(all.readBigUInt64LE(16)),
        body: all.subarray(IN_HEADER, wanted),
      });
      parts = [all.subarray(wanted)];
      size -= wanted;
    }
  };
}

export function reply(unique: bigint, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(OUT_HEADER);
  head.writeUInt32LE(OUT_HEADER + body.length, 0);
  head.writeBigUInt64LE(unique, 8);
  return Buffer.concat([head, body]);
}

export function failure(unique: bigint, errno: number): Buffer {
  const head = Buffer.alloc(OUT_HEADER);
  head.writeUInt32LE(OUT_HEADER, 0);
  head.writeInt32LE(-errno, 4);
  head.writeBigUInt64LE(unique, 8);
  return head;
}

export function initReply(request: Buffer): Buffer {
  const offered = request.readUInt32LE(12);
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  // The last protocol whose meaning we rely on; a newer kernel speaks it too.
  body.writeUInt32LE(Math.min(31, request.readUInt32LE(4)), 4);
  body.writeUInt32LE(request.readUInt32LE(8), 8);
  const wanted = Object.values(INIT_FLAGS).reduce((all, flag) => all | flag, 0);
  body.writeUInt32LE((offered & wanted) >>> 0, 12);
  body.writeUInt16LE(16, 16);
  body.writeUInt16LE(12, 18);
  body.writeUInt32LE(MAX_WRITE, 20);
  // Times are told in milliseconds.
  body.writeUInt32LE(1_000_000, 24);
  body.writeUInt16LE(MAX_WRITE / 4096, 28);
  return body;
}

/** No attribute and no name is remembered by the kernel: other sites change them without a word to it. */
export function entryReply(attributes: Attributes): Buffer {
  const body = Buffer.alloc(40 + ATTR);
  body.writeBigUInt64LE(BigInt(attributes.id), 0);
  writeAttributes(body, 40, attributes);
  return body;
}

export function attrReply(attributes: Attributes): Buffer {
  const body = Buffer.alloc(16 + ATTR);
  writeAttributes(body, 16, attributes);
  return body;
}

function writeAttributes(body: Buffer, at: number, of: Attributes): void {
  const longs = [of.id, of.size, of.isHere ? Math.ceil(of.size / 512) : 0];
  const times = [of.modifiedMs, of.modifiedMs, of.modifiedMs];
  for (const [place, value] of longs.entries())
    body.writeBigUInt64LE(BigInt(value), at + 8 * place);
  for (const [place, ms] of times.entries()) {
    body.writeBigUInt64LE(BigInt(Math.max(0, Math.floor(ms / 1000))), at + 24 + 8 * place);
    body.writeUInt32LE(Math.floor(((ms % 1000) + 1000) % 1000) * 1_000_000, at + 48 + 4 * place);
  }
  body.writeUInt32LE(FILE_MODE[of.kind] | of.mode, at + 60);
  body.writeUInt32LE(of.kind === 'folder' ? 2 : 1, at + 64);
  body.writeUInt32LE(process.getuid?.() ?? 0, at + 68);
  body.writeUInt32LE(process.getgid?.() ?? 0, at + 72);
  body.writeUInt32LE(MAX_WRITE, at + 80);
}

export function openReply(handle: number, options: { direct: boolean }): Buffer {
  const body = Buffer.alloc(16);
  body.writeBigUInt64LE(BigInt(handle), 0);
  body.writeUInt32LE(options.direct ? OPEN_DIRECT_IO : 0, 8);
  return body;
}

export function writeReply(size: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(size, 0);
  return body;
}

export function statfsReply(space: { total: number; used: number; files: number }): Buffer {
  const block = 4096;
  const body = Buffer.alloc(80);
  const free = Math.max(0, space.total - space.used) / block;
  const longs = [space.total / block, free, free, space.files + 1_000_000, 1_000_000];
  for (const [place, value] of longs.entries())
    body.writeBigUInt64LE(BigInt(Math.floor(value)), 8 * place);
  body.writeUInt32LE(block, 40);
  body.writeUInt32LE(255, 44);
  body.writeUInt32LE(block, 48);
  return body;
}

export interface DirEntry {
  readonly name: string;
  readonly id: number;
  readonly kind: 'file' | 'folder';
}

/** As many entries from an offset as fit; an entry's own offset is where the next one begins. */
export function readdirReply(entries: readonly DirEntry[], from: number, size: number): Buffer {
  const parts: Buffer[] = [];
  let used = 0;
  for (let at = from; at < entries.length; at += 1) {
    const entry = entries[at];
    if (!entry) break;
    const name = Buffer.from(entry.name);
    const length = Math.ceil((24 + name.length) / 8) * 8;
    if (used + length > size) break;
    const part = Buffer.alloc(length);
    part.writeBigUInt64LE(BigInt(entry.id), 0);
    part.writeBigUInt64LE(BigInt(at + 1), 8);
    part.writeUInt32LE(name.length, 16);
    part.writeUInt32LE(DIR_TYPE[entry.kind], 20);
    name.copy(part, 24);
    parts.push(part);
    used += length;
  }
  return Buffer.concat(parts);
}

export function longAt(body: Buffer, at: number): number {
  return Number(body.readBigUInt64LE(at));
}

/** Names end in a NUL; a request may carry two of them. */
export function namesIn(body: Buffer, at: number): string[] {
  return body.subarray(at).toString('utf8').split('\0').slice(0, -1);
}

export interface AttributeChange {
  readonly size: number | null;
  readonly modifiedMs: number | null | 'now';
  readonly mode: number | null;
  readonly handle: number | null;
}

export function attributeChangeIn(body: Buffer): AttributeChange {
  const valid = body.readUInt32LE(0);
  const given = { mode: 1, size: 8, modified: 32, handle: 64, modifiedNow: 256 };
  const has = (bit: number): boolean => (valid & bit) !== 0;
  const modifiedMs = longAt(body, 40) * 1000 + Math.floor(body.readUInt32LE(60) / 1_000_000);
  return {
    size: has(given.size) ? longAt(body, 16) : null,
    modifiedMs: has(given.modifiedNow) ? 'now' : has(given.modified) ? modifiedMs : null,
    mode: has(given.mode) ? body.readUInt32LE(68) & 0o7777 : null,
    handle: has(given.handle) ? longAt(body, 8) : null,
  };
}
