// Where a struct points at other data-blocks: what follows a linked block into its library.

import type { Dna, DnaStruct } from './dna.ts';

export interface LinkOffset {
  readonly offset: number;
  /** True for a pointer to an array of pointers, such as the material slots of a mesh. */
  readonly isArray: boolean;
}

/** Untyped pointers that hold data-blocks (DNA_object_types.h, DNA_ID.h). */
const UNTYPED = new Set(['Object.data', 'IDPropertyData.pointer']);
/** Run-time back references that Blender does not follow when it links. */
const IGNORED = new Set(['Object.proxy_from']);
const MAX_NESTING = 12;
/** Blender's largest structs have some hundred fields; this bound is for files that lie. */
const MAX_VISITS = 100_000;

export function createLinkFinder(dna: Dna): (struct: DnaStruct) => readonly LinkOffset[] {
  const known = new Map<DnaStruct, readonly LinkOffset[]>();

  function collect(struct: DnaStruct, into: Collected, base: number, nesting: number): void {
    for (const field of struct.fields.values()) {
      into.visits += 1;
      const path = `${struct.name}.${field.name}`;
      // What an embedded ID points at (next, library, override bookkeeping) is not what the block uses.
      if (field.pointers === 0 && field.type === 'ID') continue;
      if (IGNORED.has(path)) continue;
      const target = dna.byName(field.type);
      const isLink = field.pointers > 0 && (isIdType(field.type, target) || UNTYPED.has(path));
      const isNested = field.pointers === 0 && target?.bytes === field.bytes && field.bytes > 0;
      if (!isLink && !(isNested && nesting < MAX_NESTING)) continue;
      for (let index = 0; index < field.count && into.visits < MAX_VISITS; index += 1) {
        into.visits += 1;
        const offset = base + field.offset + index * field.bytes;
        if (isLink) into.offsets.push({ offset, isArray: field.pointers > 1 });
        else if (target) collect(target, into, offset, nesting + 1);
      }
    }
  }

  return (struct) => {
    let offsets = known.get(struct);
    if (!offsets) {
      const found: Collected = { offsets: [], visits: 0 };
      collect(struct, found, 0, 0);
      known.set(struct, (offsets = found.offsets));
    }
    return offsets;
  };
}

interface Collected {
  readonly offsets: LinkOffset[];
  visits: number;
}

function isIdType(type: string, struct: DnaStruct | undefined): boolean {
  return type === 'ID' || struct?.isId === true;
}
