// A .blend's own description of its structs (DNA): offsets are computed from it, never assumed.

import { damaged } from '../damage.ts';
import type { Layout } from './layout.ts';

export interface DnaField {
  readonly name: string;
  readonly type: string;
  /** Number of '*': 0 is a value, 1 a pointer, 2 a pointer to pointers. */
  readonly pointers: number;
  /** Elements of the array, 1 for a plain field. */
  readonly count: number;
  readonly offset: number;
  /** Bytes of one element. */
  readonly bytes: number;
}

export interface DnaStruct {
  readonly name: string;
  readonly bytes: number;
  readonly fields: ReadonlyMap<string, DnaField>;
  /** Its first field is an embedded ID: a data-block with a name. */
  readonly isId: boolean;
}

export interface Dna {
  readonly structs: readonly DnaStruct[];
  byName(name: string): DnaStruct | undefined;
  /** A field by its dotted path, e.g. 'r.sfra'; the offset is from the start of `struct`. */
  field(struct: DnaStruct, path: string): DnaField | undefined;
}

/** Blender 5.3 has about 1000 structs; these bounds are for files that lie. */
const MAX_ENTRIES = 200_000;
const MAX_PATH_DEPTH = 8;

export function parseDna(layout: Layout, bytes: Buffer): Dna {
  const cursor = createCursor(layout, bytes);
  cursor.expect('SDNA');
  cursor.expect('NAME');
  const names = cursor.strings();
  cursor.align();
  cursor.expect('TYPE');
  const types = cursor.strings();
  cursor.align();
  cursor.expect('TLEN');
  const typeBytes = types.map(() => cursor.uint16());
  cursor.align();
  cursor.expect('STRC');
  const structCount = cursor.count();
  const structs: DnaStruct[] = [];
  for (let index = 0; index < structCount; index += 1) {
    const type = cursor.uint16();
    const fieldCount = cursor.uint16();
    const fields = new Map<string, DnaField>();
    let offset = 0;
    let isId = false;
    for (let at = 0; at < fieldCount; at += 1) {
      const fieldType = cursor.uint16();
      const written = names[cursor.uint16()];
      const typeName = types[fieldType];
      if (written === undefined || typeName === undefined) damaged('its struct table is damaged');
      const shape = shapeOf(written);
      const elementBytes = shape.pointers > 0 ? layout.pointerBytes : (typeBytes[fieldType] ?? 0);
      if (at === 0) isId = typeName === 'ID' && shape.pointers === 0 && shape.name === 'id';
      fields.set(shape.name, { ...shape, type: typeName, offset, bytes: elementBytes });
      offset += elementBytes * shape.count;
    }
    const name = types[type];
    const structBytes = typeBytes[type];
    if (name === undefined || structBytes === undefined || offset > structBytes) {
      damaged('its struct table is damaged');
    }
    structs.push({ name, bytes: structBytes, fields, isId });
  }
  return dnaOf(structs);
}

function dnaOf(structs: readonly DnaStruct[]): Dna {
  const byName = new Map(structs.map((struct) => [struct.name, struct]));
  const known = new Map<DnaStruct, Map<string, DnaField | undefined>>();

  function find(struct: DnaStruct, path: string): DnaField | undefined {
    let at: DnaStruct | undefined = struct;
    let offset = 0;
    let found: DnaField | undefined;
    for (const part of path.split('.', MAX_PATH_DEPTH)) {
      found = at?.fields.get(part);
      if (!found) return undefined;
      offset += found.offset;
      at = found.pointers === 0 ? byName.get(found.type) : undefined;
    }
    return found && { ...found, offset };
  }

  return {
    structs,
    byName: (name) => byName.get(name),
    field(struct, path) {
      let fields = known.get(struct);
      if (!fields) known.set(struct, (fields = new Map()));
      if (!fields.has(path)) fields.set(path, find(struct, path));
      return fields.get(path);
    },
  };
}

/** '*mat[2][3]' → one pointer, six elements; '(*func)()' is a pointer too. */
function shapeOf(written: string): { name: string; pointers: number; count: number } {
  if (written.startsWith('(')) {
    return { name: written.replace(/[^A-Za-z0-9_]/g, ''), pointers: 1, count: 1 };
  }
  // 2.48 and before hold one array without a name, '[3]'.
  const match = /^(\**)([A-Za-z0-9_]*)((?:\[\d+\])*)$/.exec(written);
  if (!match) damaged('its struct table is damaged');
  let count = 1;
  for (const [, size] of (match[3] ?? '').matchAll(/\[(\d+)\]/g)) count *= Number(size);
  if (count > MAX_ENTRIES) damaged('its struct table is damaged');
  return { name: match[2] ?? '', pointers: (match[1] ?? '').length, count };
}

function createCursor(layout: Layout, bytes: Buffer) {
  let at = 0;

  function need(count: number): number {
    if (at + count > bytes.length) damaged('its struct table is cut off');
    at += count;
    return at - count;
  }

  function count(): number {
    const offset = need(4);
    const value = layout.littleEndian ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset);
    if (value > MAX_ENTRIES) damaged('its struct table is damaged');
    return value;
  }

  return {
    count,
    expect(word: string) {
      const offset = need(word.length);
      if (bytes.toString('latin1', offset, offset + word.length) !== word) {
        damaged('its struct table is damaged');
      }
    },
    uint16() {
      const offset = need(2);
      return layout.littleEndian ? bytes.readUInt16LE(offset) : bytes.readUInt16BE(offset);
    },
    strings() {
      const wanted = count();
      const texts: string[] = [];
      while (texts.length < wanted) {
        const end = bytes.indexOf(0, at);
        if (end < 0) damaged('its struct table is cut off');
        texts.push(bytes.toString('latin1', at, end));
        at = end + 1;
      }
      return texts;
    },
    align() {
      at = (at + 3) & ~3;
    },
  };
}
