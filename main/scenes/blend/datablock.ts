// One data-block of a .blend with the parts that matter to us: which structs are gathered, and for what.

import type { Address } from './layout.ts';
import { pointerOf, type View } from './view.ts';

/** A data-block as gathered from the file: its own struct and the wanted structs that follow it. */
export interface DataBlock {
  /** 'IM', 'OB', 'SC' … */
  readonly code: string;
  /** With the code, as libraries are searched: 'OBCube'. */
  readonly name: string;
  readonly self: View;
  readonly parts: readonly View[];
  /** Texts that lie in blocks of their own, by address. */
  readonly texts: ReadonlyMap<Address, string>;
}

/** Node and custom data that any block may own. */
const EVERYWHERE = [
  'NodeShaderScript',
  'NodeShaderTexIES',
  'bNodeSocketValueString',
  'CustomDataExternal',
];
const OUTPUT_NODES = [
  'bNode',
  'bNodeSocket',
  'NodeImageMultiFile',
  'NodeImageMultiFileSocket',
  'NodeCompositorFileOutput',
  'NodeCompositorFileOutputItem',
];

const PARTS: Readonly<Record<string, ReadonlySet<string>>> = {
  IM: new Set(['ImageTile']),
  OB: new Set([
    ...EVERYWHERE,
    'PointCache',
    'MeshCacheModifierData',
    'OceanModifierData',
    'FluidDomainSettings',
    'FluidsimSettings',
    'NodesModifierData',
    'NodesModifierBake',
  ]),
  CF: new Set(['CacheFileLayer']),
  TE: new Set([...EVERYWHERE, 'VoxelData']),
  SC: new Set([
    ...EVERYWHERE,
    ...OUTPUT_NODES,
    'Sequence',
    'Strip',
    'StripData',
    'StripElem',
    'Base',
    'TimeMarker',
  ]),
};
const OTHER_PARTS: ReadonlySet<string> = new Set(EVERYWHERE);
/** From 5.0 on the compositor's tree is a block of its own. */
const TREE_PARTS: ReadonlySet<string> = new Set([...EVERYWHERE, ...OUTPUT_NODES]);

/** Pointers to texts that are stored in a block of their own. */
const TEXT_POINTERS: Readonly<Record<string, readonly string[]>> = {
  Text: ['name', 'filepath'],
  NodesModifierData: ['bake_directory', 'simulation_bake_directory'],
  NodesModifierBake: ['directory'],
  NodeCompositorFileOutput: ['file_name'],
  NodeCompositorFileOutputItem: ['name'],
};

export function wantedParts(code: string, separateCompositor: boolean): ReadonlySet<string> {
  if (code === 'NT' && separateCompositor) return TREE_PARTS;
  return PARTS[code] ?? OTHER_PARTS;
}

export function textPointers(view: View): Address[] {
  const paths = TEXT_POINTERS[view.struct.name] ?? [];
  return paths.map((path) => pointerOf(view, path)).filter((address) => address !== null);
}

export function partsOf(block: DataBlock, structName: string): View[] {
  return block.parts.filter((part) => part.struct.name === structName);
}

/** The text a pointer field leads to, '' when there is none. */
export function farText(block: DataBlock, view: View, ...paths: readonly string[]): string {
  const address = pointerOf(view, ...paths);
  return address === null ? '' : (block.texts.get(address) ?? '');
}
