// Turns the blocks of a .blend, in file order, into a summary: data-blocks, references, links, settings.

import { damaged } from '../damage.ts';
import { textPointers, wantedParts, type DataBlock } from './datablock.ts';
import type { DnaStruct } from './dna.ts';
import type { ForwardReader } from './forward.ts';
import { addressAt, versionText, type Address, type BlockHead } from './layout.ts';
import { createLinkFinder } from './links.ts';
import { referencesOf, type BlendReference } from './references.ts';
import { compositorOutputs, settingsOf, type SceneSettings } from './settings.ts';
import {
  decodeText,
  integerOf,
  pointerOf,
  textOf,
  upToNul,
  type FileShape,
  type View,
} from './view.ts';

export interface BlendSummary {
  readonly version: string;
  readonly libraries: ReadonlyMap<Address, BlendLibrary>;
  readonly blocks: readonly BlendBlock[];
  /** Null when the file holds no scene. */
  readonly scene: SceneSettings | null;
}

export interface BlendLibrary {
  readonly raw: string;
  /** The library's own bytes, or its linked blocks, are inside this file: nothing is read from disk. */
  readonly packed: boolean;
  /** Set when it holds blocks that were packed one by one (5.0): the library they came from. */
  readonly archiveOf: Address | null;
}

export interface BlendBlock {
  /** With its code, 'OBCube'. */
  readonly name: string;
  readonly address: Address;
  /** The block lives in this library; null for a block of this file. */
  readonly library: Address | null;
  /** Only named here, and to be read from its library. */
  readonly isPlaceholder: boolean;
  readonly isCamera: boolean;
  readonly references: readonly BlendReference[];
  /** Blocks it points at; only gathered when the file is read as a library. */
  readonly links: readonly Address[];
}

/** A scene needs all its blocks; of a library only those that somebody reaches are needed. */
export type Purpose = 'scene' | 'library';

export interface Gatherer {
  /** Takes one block; the reader stands at its data, and may be left anywhere in it. */
  take(head: BlockHead, reader: ForwardReader): Promise<void>;
  finish(): BlendSummary;
}

const MAX_ID_BYTES = 1024 * 1024;
const MAX_TEXT_BYTES = 64 * 1024;
const MAX_POINTER_ARRAY_BYTES = 4 * 1024 * 1024;
const SLICE_BYTES = 1024 * 1024;
/** What one data-block may hold of gathered parts: 100,000 strip elements are 50 MB. */
const MAX_PART_BYTES = 192 * 1024 * 1024;
/** What keeping a part costs beside its bytes. */
const PART_OVERHEAD_BYTES = 240;
const MAX_LINKS = 4_000_000;
const MAX_DATA_BLOCKS = 1_000_000;
const CAMERA_OBJECT = 11;
const ARCHIVE_LIBRARY = 1 << 0;
const NOT_DATA_BLOCKS = new Set(['DATA', 'GLOB', 'REND', 'TEST', 'USER', 'DNA1', 'ENDB']);

interface OpenBlock {
  readonly code: string;
  readonly self: View;
  readonly parts: View[];
  readonly texts: Map<Address, string>;
  readonly wantedTexts: Set<Address>;
  readonly wantedArrays: Set<Address>;
  readonly links: Set<Address>;
  partBytes: number;
}

export function createGatherer(file: FileShape, purpose: Purpose): Gatherer {
  const { dna, layout } = file;
  const linksOf = createLinkFinder(dna);
  const separateCompositor = dna.byName('NodeCompositorFileOutput') !== undefined;
  const libraries = new Map<Address, BlendLibrary>();
  const blocks: BlendBlock[] = [];
  const scenes: SceneSettings[] = [];
  const treeOutputs = new Map<Address, SceneSettings['outputs']>();
  let activeScene: Address | null = null;
  let lastLibrary: Address | null = null;
  let linkCount = 0;
  let open: OpenBlock | null = null;

  function close(): void {
    if (!open) return;
    const { code, self, parts, texts } = open;
    const links = [...open.links];
    const block: DataBlock = { code, name: textOf(self, 'id.name', 'name'), self, parts, texts };
    open = null;
    if (code === 'LI') return closeLibrary(self);
    const library = pointerOf(self, 'id.lib', 'lib');
    const isPlaceholder = code === 'ID';
    const isCamera = code === 'OB' && integerOf(self, 'type') === CAMERA_OBJECT;
    if (code === 'SC' && purpose === 'scene') scenes.push(settingsOf(block));
    if (code === 'NT' && separateCompositor) {
      treeOutputs.set(self.address, compositorOutputs(block));
    }
    const references = isPlaceholder ? [] : referencesOf(block);
    linkCount += links.length;
    if (linkCount > MAX_LINKS) damaged('its blocks point at each other more than Waybill follows');
    // Of a scene only blocks that lead to files, or may be its cameras, are worth keeping.
    if (purpose === 'scene' && !isPlaceholder && !isCamera && references.length === 0) return;
    if (blocks.length >= MAX_DATA_BLOCKS) damaged('it has more data-blocks than Waybill reads');
    blocks.push({
      name: block.name,
      address: self.address,
      library: isPlaceholder ? (library ?? lastLibrary) : library,
      isPlaceholder,
      isCamera,
      references,
      links,
    });
  }

  function closeLibrary(self: View): void {
    lastLibrary = self.address;
    const isArchive = (integerOf(self, 'flag') & ARCHIVE_LIBRARY) !== 0;
    const archiveOf = isArchive ? pointerOf(self, 'archive_parent_library') : null;
    libraries.set(self.address, {
      raw: textOf(self, 'name', 'filepath'),
      packed: archiveOf !== null || pointerOf(self, 'packedfile') !== null,
      archiveOf,
    });
  }

  async function openBlock(head: BlockHead, struct: DnaStruct, reader: ForwardReader) {
    close();
    if (head.length < struct.bytes || head.length > MAX_ID_BYTES) {
      damaged('one of its data-blocks has an impossible length');
    }
    const bytes = Buffer.from(await reader.read(struct.bytes));
    const self: View = { file, struct, bytes, address: head.address };
    open = {
      code: head.code,
      self,
      parts: [],
      texts: new Map(),
      wantedTexts: new Set(textPointers(self)),
      wantedArrays: new Set(),
      links: new Set(),
      partBytes: 0,
    };
    follow(open, struct, bytes);
  }

  /** Notes where the struct at the start of `bytes` points. */
  function follow(block: OpenBlock, struct: DnaStruct, bytes: Buffer): void {
    if (purpose !== 'library' || block.code === 'LI' || block.code === 'ID') return;
    for (const { offset, isArray } of linksOf(struct)) {
      const address = addressAt(layout, bytes, offset);
      if (address !== 0) (isArray ? block.wantedArrays : block.links).add(address);
    }
  }

  async function takePart(block: OpenBlock, head: BlockHead, reader: ForwardReader) {
    if (block.wantedTexts.has(head.address) && head.length <= MAX_TEXT_BYTES) {
      const bytes = await reader.read(head.length);
      block.texts.set(head.address, decodeText(upToNul(bytes)));
      grow(block, head.length);
      return;
    }
    if (block.wantedArrays.has(head.address)) {
      if (head.length > MAX_POINTER_ARRAY_BYTES) damaged('one of its lists is impossibly long');
      const bytes = await reader.read(head.length);
      for (let at = 0; at + layout.pointerBytes <= bytes.length; at += layout.pointerBytes) {
        const address = addressAt(layout, bytes, at);
        if (address !== 0) block.links.add(address);
      }
      return;
    }
    const struct = dna.structs[head.structIndex];
    if (!struct || struct.bytes === 0) return;
    const wanted = wantedParts(block.code, separateCompositor).has(struct.name);
    const leads = purpose === 'library' && linksOf(struct).length > 0;
    if (!wanted && !leads) return;
    const count = Math.min(head.count, Math.floor(head.length / struct.bytes));
    const perSlice = Math.max(1, Math.floor(SLICE_BYTES / struct.bytes));
    for (let index = 0; index < count; index += perSlice) {
      const elements = Math.min(perSlice, count - index);
      const slice = await reader.read(elements * struct.bytes);
      for (let element = 0; element < elements; element += 1) {
        const start = element * struct.bytes;
        const bytes = slice.subarray(start, start + struct.bytes);
        follow(block, struct, bytes);
        if (wanted) {
          keepPart(block, { file, struct, bytes: Buffer.from(bytes), address: head.address });
        }
      }
    }
  }

  function keepPart(block: OpenBlock, part: View): void {
    grow(block, part.bytes.length + PART_OVERHEAD_BYTES);
    block.parts.push(part);
    for (const address of textPointers(part)) block.wantedTexts.add(address);
  }

  function grow(block: OpenBlock, bytes: number): void {
    block.partBytes += bytes;
    if (block.partBytes > MAX_PART_BYTES) damaged('one of its data-blocks is impossibly large');
  }

  return {
    async take(head: BlockHead, reader: ForwardReader): Promise<void> {
      const struct = dna.structs[head.structIndex];
      if (!NOT_DATA_BLOCKS.has(head.code) && struct && (struct.isId || struct.name === 'ID')) {
        await openBlock(head, struct, reader);
      } else if (head.code === 'DATA') {
        if (open) await takePart(open, head, reader);
      } else if (head.code === 'GLOB' && struct && head.length >= struct.bytes) {
        if (head.length > MAX_ID_BYTES) return;
        const bytes = await reader.read(struct.bytes);
        activeScene = pointerOf({ file, struct, bytes, address: head.address }, 'curscene');
      } else {
        close();
      }
    },
    finish(): BlendSummary {
      close();
      const scene = scenes.find(({ address }) => address === activeScene) ?? scenes[0] ?? null;
      const nodeOutputs = (scene?.compositor && treeOutputs.get(scene.compositor)) || [];
      return {
        version: versionText(layout.versionNumber),
        libraries,
        blocks,
        scene: scene && { ...scene, outputs: [...scene.outputs, ...nodeOutputs] },
      };
    },
  };
}
