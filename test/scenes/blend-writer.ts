// Writes small .blend files: header, blocks and struct table in the layouts of Blender 2.4 to 5.0, in each container.

import zlib from 'node:zlib';

export interface BlendLayout {
  /** 304 is 3.4, 500 is 5.0; from 500 on the wide heads are written. */
  readonly version: number;
  readonly pointerBytes?: 4 | 8;
  readonly bigEndian?: boolean;
}

export type Container = 'plain' | 'gzip' | 'zstd frames' | 'zstd frame' | 'zstd by hand';

type Value = number | string | { readonly pointer: number };
export type Values = Readonly<Record<string, Value>>;

export interface BlendWriter {
  /** A block of one struct, or of several in a row; returns its address. */
  add(code: string, struct: string, values?: Values | readonly Values[]): number;
  /** A block of bare pointers, as material slots are stored. */
  addPointers(targets: readonly number[]): number;
  /** A block of text. */
  addText(text: string): number;
  addBytes(code: string, bytes: Buffer): number;
  bytes(container?: Container): Buffer;
}

/** Only what the reader needs, in an order and with padding that no Blender has: offsets must come from here. */
const STRUCTS: Readonly<Record<string, readonly (readonly [type: string, name: string])[]>> = {
  Link: [
    ['Link', '*next'],
    ['Link', '*prev'],
  ],
  ListBase: [
    ['void', '*first'],
    ['void', '*last'],
  ],
  ID: [
    ['void', '*next'],
    ['void', '*prev'],
    ['ID', '*newid'],
    ['Library', '*lib'],
    ['char', 'name[66]'],
    ['short', 'flag'],
  ],
  Library: [
    ['ID', 'id'],
    ['char', 'name[1024]'],
    ['char', 'filepath[1024]'],
    ['PackedFile', '*packedfile'],
    ['short', 'flag'],
    ['Library', '*archive_parent_library'],
  ],
  PackedFile: [['int', 'size']],
  ImageTile: [
    ['ImageTile', '*next'],
    ['int', 'tile_number'],
  ],
  Image: [
    ['ID', 'id'],
    ['short', 'source'],
    ['int', 'flag'],
    ['char', 'name[1024]'],
    ['PackedFile', '*packedfile'],
    ['ListBase', 'packedfiles'],
    ['ListBase', 'tiles'],
  ],
  bSound: [
    ['ID', 'id'],
    ['char', 'name[1024]'],
    ['PackedFile', '*packedfile'],
  ],
  VFont: [
    ['ID', 'id'],
    ['char', 'name[1024]'],
    ['PackedFile', '*packedfile'],
  ],
  MovieClip: [
    ['ID', 'id'],
    ['char', 'name[1024]'],
    ['int', 'source'],
  ],
  CacheFile: [
    ['ID', 'id'],
    ['char', 'filepath[1024]'],
    ['char', 'is_sequence'],
  ],
  Volume: [
    ['ID', 'id'],
    ['char', 'filepath[1024]'],
    ['char', 'is_sequence'],
    ['PackedFile', '*packedfile'],
  ],
  Text: [
    ['ID', 'id'],
    ['int', 'flags'],
    ['char', '*name'],
    ['void', '(*callback)()'],
  ],
  Brush: [
    ['ID', 'id'],
    ['char', 'icon_filepath[1024]'],
  ],
  ImageFormatData: [['char', 'imtype']],
  RenderData: [
    ['ImageFormatData', 'im_format'],
    ['int', 'sfra'],
    ['int', 'efra'],
    ['int', 'frame_step'],
    ['short', 'frs_sec'],
    ['float', 'frs_sec_base'],
    ['int', 'scemode'],
    ['char', 'pic[1024]'],
    ['char', 'engine[32]'],
  ],
  Scene: [
    ['ID', 'id'],
    ['Object', '*camera'],
    ['char', 'use_nodes'],
    ['RenderData', 'r'],
    ['Editing', '*ed'],
  ],
  Base: [
    ['Base', '*next'],
    ['Object', '*object'],
  ],
  Sequence: [
    ['int', 'type'],
    ['Strip', '*strip'],
    ['bSound', '*sound'],
  ],
  Strip: [
    ['StripElem', '*stripdata'],
    ['char', 'dir[768]'],
  ],
  StripElem: [['char', 'name[256]']],
  FileGlobal: [
    ['char', 'subvstr[4]'],
    ['Scene', '*curscene'],
  ],
  Object: [
    ['ID', 'id'],
    ['short', 'type'],
    ['void', '*data'],
    ['Object', '*parent'],
    ['Object', '*proxy_from'],
    ['Material', '**mat'],
  ],
  Mesh: [
    ['ID', 'id'],
    ['Material', '**mat'],
  ],
  Material: [
    ['ID', 'id'],
    ['bNodeTree', '*nodetree'],
  ],
  bNodeTree: [
    ['ID', 'id'],
    ['int', 'type'],
  ],
  bNode: [
    ['bNode', '*next'],
    ['int', 'flag'],
    ['ListBase', 'inputs'],
    ['ID', '*id'],
    ['void', '*storage'],
  ],
  bNodeSocket: [
    ['bNodeSocket', '*next'],
    ['void', '*storage'],
  ],
  NodeImageMultiFile: [
    ['char', 'base_path[1024]'],
    ['ImageFormatData', 'format'],
  ],
  NodeImageMultiFileSocket: [['char', 'path[1024]']],
  TimeMarker: [
    ['TimeMarker', '*next'],
    ['Object', '*camera'],
  ],
  NodeShaderTexIES: [
    ['int', 'mode'],
    ['char', 'filepath[1024]'],
  ],
  NodeShaderScript: [
    ['int', 'mode'],
    ['char', 'filepath[1024]'],
  ],
  CustomDataExternal: [['char', 'filename[1024]']],
  MeshCacheModifierData: [
    ['int', 'flag'],
    ['char', 'filepath[1024]'],
  ],
  OceanModifierData: [
    ['char', 'cached'],
    ['char', 'cachepath[1024]'],
  ],
  FluidDomainSettings: [
    ['int', 'cache_flag'],
    ['char', 'cache_directory[1024]'],
  ],
  PointCache: [
    ['PointCache', '*next'],
    ['int', 'flag'],
    ['char', 'name[64]'],
    ['char', 'path[1024]'],
  ],
};

const PLAIN_SIZES: Readonly<Record<string, number>> = {
  char: 1,
  short: 2,
  int: 4,
  float: 4,
  void: 0,
  Editing: 0,
};
const STRUCT_NAMES = Object.keys(STRUCTS);
const FRAME_BYTES = 4_096;

export function createBlend(layout: BlendLayout): BlendWriter {
  const wide = layout.version >= 500;
  const pointerBytes = wide ? 8 : (layout.pointerBytes ?? 8);
  const big = !wide && layout.bigEndian === true;
  const encode = encoder(pointerBytes, big);
  const blocks: Buffer[] = [];
  let lastAddress = 0x1000;

  function sizeOf(type: string): number {
    const fields = STRUCTS[type];
    if (!fields) return PLAIN_SIZES[type] ?? 0;
    return fields.reduce((sum, [fieldType, name]) => sum + fieldSize(fieldType, name), 0);
  }

  function fieldSize(type: string, name: string): number {
    return (isPointer(name) ? pointerBytes : sizeOf(type)) * elements(name);
  }

  function offsetOf(
    struct: string,
    dotted: string,
  ): { offset: number; type: string; name: string } {
    const [first = '', ...rest] = dotted.split('.');
    let offset = 0;
    for (const [type, name] of STRUCTS[struct] ?? []) {
      if (bare(name) === first) {
        if (rest.length === 0) return { offset, type, name };
        const inner = offsetOf(type, rest.join('.'));
        return { ...inner, offset: offset + inner.offset };
      }
      offset += fieldSize(type, name);
    }
    throw new Error(`no field ${dotted} in ${struct}`);
  }

  function structBytes(struct: string, values: Values): Buffer {
    const bytes = Buffer.alloc(sizeOf(struct));
    for (const [dotted, value] of Object.entries(values)) {
      const { offset, type, name } = offsetOf(struct, dotted);
      if (typeof value === 'object') encode.pointer(bytes, offset, value.pointer);
      else if (typeof value === 'string') bytes.write(value, offset, elements(name), 'utf8');
      else if (type === 'float') encode.float(bytes, offset, value);
      else encode.integer(bytes, offset, { value, size: sizeOf(type) });
    }
    return bytes;
  }

  function block(code: string, at: { bytes: Buffer; structIndex: number; count: number }): number {
    lastAddress += 0x100;
    const head = Buffer.alloc(wide ? 32 : 16 + pointerBytes);
    // Codes are numbers made of letters, so two-letter ones stand at the other end in big-endian files.
    head.write(big && code.length === 2 ? `\0\0${code}` : code, 0, 'latin1');
    if (wide) {
      head.writeInt32LE(at.structIndex, 4);
      head.writeBigUInt64LE(BigInt(lastAddress), 8);
      head.writeBigInt64LE(BigInt(at.bytes.length), 16);
      head.writeBigInt64LE(BigInt(at.count), 24);
    } else {
      encode.integer(head, 4, { value: at.bytes.length, size: 4 });
      encode.pointer(head, 8, lastAddress);
      encode.integer(head, 8 + pointerBytes, { value: at.structIndex, size: 4 });
      encode.integer(head, 12 + pointerBytes, { value: at.count, size: 4 });
    }
    blocks.push(head, at.bytes);
    return lastAddress;
  }

  function dnaBytes(): Buffer {
    const names = [
      ...new Set(Object.values(STRUCTS).flatMap((list) => list.map(([, name]) => name))),
    ];
    const types = [
      ...new Set([
        ...Object.keys(PLAIN_SIZES),
        ...STRUCT_NAMES,
        ...Object.values(STRUCTS).flatMap((list) => list.map(([type]) => type)),
      ]),
    ];
    const parts: Buffer[] = [Buffer.from('SDNANAME')];
    const length = (): number => parts.reduce((sum, part) => sum + part.length, 0);
    const align = (): void => void parts.push(Buffer.alloc((4 - (length() % 4)) % 4));
    const shorts = (values: readonly number[]): void => {
      const bytes = Buffer.alloc(values.length * 2);
      values.forEach((value, index) => encode.integer(bytes, index * 2, { value, size: 2 }));
      parts.push(bytes);
    };
    const count = (value: number): void => {
      const bytes = Buffer.alloc(4);
      encode.integer(bytes, 0, { value, size: 4 });
      parts.push(bytes);
    };
    count(names.length);
    parts.push(Buffer.from(names.map((name) => `${name}\0`).join('')));
    align();
    parts.push(Buffer.from('TYPE'));
    count(types.length);
    parts.push(Buffer.from(types.map((type) => `${type}\0`).join('')));
    align();
    parts.push(Buffer.from('TLEN'));
    shorts(types.map(sizeOf));
    align();
    parts.push(Buffer.from('STRC'));
    count(STRUCT_NAMES.length);
    for (const struct of STRUCT_NAMES) {
      const fields = STRUCTS[struct] ?? [];
      shorts([types.indexOf(struct), fields.length]);
      for (const [type, name] of fields) shorts([types.indexOf(type), names.indexOf(name)]);
    }
    return Buffer.concat(parts);
  }

  return {
    add(code, struct, values = {}) {
      const list = (Array.isArray(values) ? values : [values]) as readonly Values[];
      return block(code, {
        bytes: Buffer.concat(list.map((one) => structBytes(struct, one))),
        structIndex: STRUCT_NAMES.indexOf(struct),
        count: list.length,
      });
    },
    addPointers(targets) {
      const bytes = Buffer.alloc(targets.length * pointerBytes);
      targets.forEach((target, index) => encode.pointer(bytes, index * pointerBytes, target));
      return block('DATA', { bytes, structIndex: 0, count: 1 });
    },
    addText(text) {
      return block('DATA', { bytes: Buffer.from(`${text}\0`), structIndex: 0, count: 1 });
    },
    addBytes: (code, bytes) => block(code, { bytes, structIndex: 0, count: 1 }),
    bytes(container = 'plain') {
      const kept = blocks.length;
      block('DNA1', { bytes: dnaBytes(), structIndex: 0, count: 1 });
      block('ENDB', { bytes: Buffer.alloc(0), structIndex: 0, count: 0 });
      const plain = Buffer.concat([header(layout, { wide, pointerBytes, big }), ...blocks]);
      blocks.length = kept;
      return contained(plain, container);
    },
  };
}

export function contained(plain: Buffer, container: Container): Buffer {
  switch (container) {
    case 'plain':
      return plain;
    case 'gzip':
      return zlib.gzipSync(plain);
    case 'zstd frame':
      return zlib.zstdCompressSync(plain);
    case 'zstd by hand':
      // As a pipe writes it: the frame does not say how large its content is.
      return zlib.zstdCompressSync(plain, {
        params: { [zlib.constants.ZSTD_c_contentSizeFlag]: 0 },
      });
    case 'zstd frames':
      return seekable(plain);
  }
}

/** As Blender writes it: frames of equal size and a skippable frame with the seek table. */
function seekable(plain: Buffer): Buffer {
  const frames: Buffer[] = [];
  const entries: Buffer[] = [];
  for (let at = 0; at < plain.length; at += FRAME_BYTES) {
    const part = plain.subarray(at, at + FRAME_BYTES);
    const frame = zlib.zstdCompressSync(part);
    const entry = Buffer.alloc(8);
    entry.writeUInt32LE(frame.length, 0);
    entry.writeUInt32LE(part.length, 4);
    frames.push(frame);
    entries.push(entry);
  }
  const footer = Buffer.alloc(9);
  footer.writeUInt32LE(entries.length, 0);
  footer.writeUInt32LE(0x8f92eab1, 5);
  const table = Buffer.concat([...entries, footer]);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a5e, 0);
  head.writeUInt32LE(table.length, 4);
  return Buffer.concat([...frames, head, table]);
}

function header(
  layout: BlendLayout,
  at: { wide: boolean; pointerBytes: number; big: boolean },
): Buffer {
  if (at.wide) return Buffer.from(`BLENDER17-01v${String(layout.version).padStart(4, '0')}`);
  return Buffer.from(
    `BLENDER${at.pointerBytes === 8 ? '-' : '_'}${at.big ? 'V' : 'v'}${layout.version}`,
  );
}

function encoder(pointerBytes: 4 | 8, big: boolean) {
  return {
    integer(bytes: Buffer, offset: number, at: { value: number; size: number }): void {
      if (big) bytes.writeIntBE(signed(at), offset, at.size);
      else bytes.writeIntLE(signed(at), offset, at.size);
    },
    float(bytes: Buffer, offset: number, value: number): void {
      if (big) bytes.writeFloatBE(value, offset);
      else bytes.writeFloatLE(value, offset);
    },
    pointer(bytes: Buffer, offset: number, value: number): void {
      if (pointerBytes === 4) this.integer(bytes, offset, { value, size: 4 });
      else if (big) bytes.writeBigUInt64BE(BigInt(value), offset);
      else bytes.writeBigUInt64LE(BigInt(value), offset);
    },
  };
}

function signed({ value, size }: { value: number; size: number }): number {
  const half = 2 ** (size * 8 - 1);
  return value >= half ? value - 2 * half : value;
}

function isPointer(name: string): boolean {
  return name.startsWith('*') || name.startsWith('(');
}

function bare(name: string): string {
  return name.replace(/[*()]|\[.*$/g, '');
}

function elements(name: string): number {
  return [...name.matchAll(/\[(\d+)\]/g)].reduce((product, [, size]) => product * Number(size), 1);
}
