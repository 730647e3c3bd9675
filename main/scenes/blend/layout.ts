// The header of a .blend and what it says of the file: pointer size, byte order, shape of the block heads.

import { damaged } from '../damage.ts';
import type { ForwardReader } from './forward.ts';

export interface Layout {
  /** 3-digit number up to Blender 4.x (304 = 3.4), 4-digit from 5.0 (500 = 5.0). */
  readonly versionNumber: number;
  readonly pointerBytes: 4 | 8;
  readonly littleEndian: boolean;
  /** Blender 5.0 and later: 32-byte heads in another order, with 64-bit lengths. */
  readonly wideHeads: boolean;
  readonly headBytes: number;
}

/** Addresses are the identity of blocks. 64-bit ones that a number cannot hold exactly stay bigints. */
export type Address = number | bigint;

export interface BlockHead {
  /** Two-letter ID code or four-letter block code, NULs stripped. */
  readonly code: string;
  readonly length: number;
  readonly address: Address;
  readonly structIndex: number;
  readonly count: number;
}

const MAGIC = 'BLENDER';
const LEGACY_HEADER_BYTES = 12;
const KNOWN_FORMAT = 1;

export function isBlendMagic(start: Buffer): boolean {
  return start.toString('latin1', 0, MAGIC.length) === MAGIC;
}

export async function readLayout(reader: ForwardReader): Promise<Layout> {
  const start = (await reader.read(LEGACY_HEADER_BYTES)).toString('latin1');
  if (!start.startsWith(MAGIC)) damaged('it does not begin like a Blender file');
  const legacy = /^BLENDER([_-])([vV])(\d{3})$/.exec(start);
  if (legacy) {
    const pointerBytes = legacy[1] === '-' ? 8 : 4;
    return {
      versionNumber: Number(legacy[3]),
      pointerBytes,
      littleEndian: legacy[2] === 'v',
      wideHeads: false,
      headBytes: 16 + pointerBytes,
    };
  }
  // 'BLENDER17-01v0500': header size, pointer size, format version, byte order, version.
  const sized = /^BLENDER(\d\d)-(\d\d)$/.exec(start.slice(0, 12));
  const headerBytes = Number(sized?.[1]);
  if (!sized || headerBytes < 17) damaged('its header is damaged');
  if (Number(sized[2]) > KNOWN_FORMAT) {
    damaged(`it is written in a later file format (${Number(sized[2])}) than Waybill knows`);
  }
  const rest = (await reader.read(headerBytes - LEGACY_HEADER_BYTES)).toString('latin1');
  const version = /^v(\d{4})/.exec(rest);
  if (!version) damaged('its header is damaged');
  return {
    versionNumber: Number(version[1]),
    pointerBytes: 8,
    littleEndian: true,
    wideHeads: true,
    headBytes: 32,
  };
}

/** 304 → '3.4', 279 → '2.79', 500 → '5.0'. */
export function versionText(versionNumber: number): string {
  const major = Math.floor(versionNumber / 100);
  const minor = versionNumber % 100;
  return major < 3 ? `${major}.${String(minor).padStart(2, '0')}` : `${major}.${minor}`;
}

export function parseHead(layout: Layout, bytes: Buffer): BlockHead {
  const code = bytes.toString('latin1', 0, 4).replaceAll('\0', '');
  if (!/^[A-Z0-9_]{2,4}$/.test(code)) damaged('it holds a block that is no Blender block');
  const head = layout.wideHeads
    ? {
        code,
        structIndex: bytes.readInt32LE(4),
        address: addressAt(layout, bytes, 8),
        length: Number(bytes.readBigInt64LE(16)),
        count: Number(bytes.readBigInt64LE(24)),
      }
    : {
        code,
        length: int32At(layout, bytes, 4),
        address: addressAt(layout, bytes, 8),
        structIndex: int32At(layout, bytes, 8 + layout.pointerBytes),
        count: int32At(layout, bytes, 12 + layout.pointerBytes),
      };
  if (head.length < 0 || !Number.isSafeInteger(head.length)) {
    damaged('one of its blocks has an impossible length');
  }
  return head;
}

export function int32At(layout: Layout, bytes: Buffer, offset: number): number {
  return layout.littleEndian ? bytes.readInt32LE(offset) : bytes.readInt32BE(offset);
}

export function addressAt(layout: Layout, bytes: Buffer, offset: number): Address {
  if (layout.pointerBytes === 4) {
    return layout.littleEndian ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset);
  }
  const [low, high] = layout.littleEndian
    ? [bytes.readUInt32LE(offset), bytes.readUInt32LE(offset + 4)]
    : [bytes.readUInt32BE(offset + 4), bytes.readUInt32BE(offset)];
  if (high < 0x20_0000) return high * 0x1_0000_0000 + low;
  return (BigInt(high) << 32n) | BigInt(low);
}
