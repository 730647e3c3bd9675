// One struct of a .blend, its fields read by name.

import type { Dna, DnaField, DnaStruct } from './dna.ts';
import { addressAt, int32At, type Address, type Layout } from './layout.ts';

/** Plain data, as a file may hold hundreds of thousands of them. */
export interface View {
  readonly file: FileShape;
  readonly struct: DnaStruct;
  /** Of the block; the elements of an array share it. */
  readonly address: Address;
  readonly bytes: Buffer;
}

export interface FileShape {
  readonly dna: Dna;
  readonly layout: Layout;
}

// Several paths may be given: the first that the file knows is read. Absent fields read as 0, '' or null.

export function hasField(view: View, path: string): boolean {
  return view.file.dna.field(view.struct, path) !== undefined;
}

export function integerOf(view: View, ...paths: readonly string[]): number {
  const field = findField(view, paths);
  return field && field.pointers === 0 ? integerAt(view.file.layout, view.bytes, field) : 0;
}

export function realOf(view: View, ...paths: readonly string[]): number {
  const field = findField(view, paths);
  if (!field || field.type !== 'float') return 0;
  return view.file.layout.littleEndian
    ? view.bytes.readFloatLE(field.offset)
    : view.bytes.readFloatBE(field.offset);
}

export function textOf(view: View, ...paths: readonly string[]): string {
  return decodeText(textBytesOf(view, ...paths));
}

/** The bytes of a text field up to its NUL. */
export function textBytesOf(view: View, ...paths: readonly string[]): Buffer {
  const field = findField(view, paths);
  if (!field || field.pointers > 0) return Buffer.alloc(0);
  return upToNul(view.bytes.subarray(field.offset, field.offset + field.count * field.bytes));
}

/** Null for a null pointer. */
export function pointerOf(view: View, ...paths: readonly string[]): Address | null {
  const field = findField(view, paths);
  if (!field || field.pointers === 0) return null;
  const address = addressAt(view.file.layout, view.bytes, field.offset);
  return address === 0 ? null : address;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Blender writes UTF-8; names from before 2.5 may be in the workstation's own eight bits. */
export function decodeText(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return bytes.toString('latin1');
    throw error;
  }
}

export function upToNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function findField(view: View, paths: readonly string[]): DnaField | undefined {
  for (const path of paths) {
    const field = view.file.dna.field(view.struct, path);
    if (field && field.offset + field.bytes <= view.bytes.length) return field;
  }
  return undefined;
}

function integerAt(layout: Layout, bytes: Buffer, field: DnaField): number {
  const { offset } = field;
  const little = layout.littleEndian;
  switch (field.bytes) {
    case 1:
      return bytes.readInt8(offset);
    case 2:
      return little ? bytes.readInt16LE(offset) : bytes.readInt16BE(offset);
    case 4:
      return int32At(layout, bytes, offset);
    case 8:
      return Number(little ? bytes.readBigInt64LE(offset) : bytes.readBigInt64BE(offset));
    default:
      return 0;
  }
}
