// What each kind of data-block refers to on disk; the names of fields are those that files hold.

import type { FileKind } from '../../engine/core/closure.ts';
import { fileReference, type Reference } from '../references.ts';
import { farText, partsOf, type DataBlock } from './datablock.ts';
import type { Address } from './layout.ts';
import { integerOf, pointerOf, textBytesOf, textOf, type View } from './view.ts';

/** A reference of a .blend, which may also lie beside the scene or beside its library (disk caches). */
export type BlendReference =
  | { readonly base: 'owner'; readonly reference: Reference }
  /** In blendcache_<name of the .blend>; the .blend is the scene's, not the library's, when asked so. */
  | {
      readonly base: 'cache-folder';
      readonly besideScene: boolean;
      readonly reference: Reference;
    };

/** IMA_SRC_* of DNA_image_types.h; generated and viewer images have no file. */
const IMAGE_FILE = 1;
const IMAGE_SEQUENCE = 2;
const IMAGE_MOVIE = 3;
const IMAGE_TILED = 6;
/** 0 in files from before the field was there. */
const IMAGE_UNSET = 0;

const IMAGE_USES_VIEWS = 1 << 14;
const VIEWS_IN_FILES = 0;

const CLIP_SEQUENCE = 1;
const TEXT_IN_MEMORY = 1 << 2;
const EXTERNAL_MODE = 1;
const FILE_PATH_SUBTYPE = 1;

const STRIP_IMAGE = 0;
const STRIP_MOVIE = 3;
const STRIP_SOUND_RAM = 4;
const STRIP_SOUND_HD = 5;

/** PTCACHE_* of DNA_pointcache_types.h. */
const CACHE_BAKED = 1 << 0;
const CACHE_ON_DISK = 1 << 6;
const CACHE_EXTERNAL = 1 << 9;
const CACHE_IGNORES_LIBRARY = 1 << 11;
/** FLUID_DOMAIN_BAKED_DATA, _NOISE, _MESH, _PARTICLES and _GUIDE of DNA_fluid_types.h. */
const FLUID_BAKED = 0x2 | 0x8 | 0x20 | 0x80 | 0x200;
const FLUIDSIM_DOMAIN = 1 << 1;
/** NODES_MODIFIER_BAKE_TARGET_DISK. */
const BAKE_ON_DISK = 2;
/** A cache folder may be set to the project's own folder, so only what Blender writes there is taken. */
const FLUID_FOLDERS = /^(?:config|data|noise|mesh|particles|guiding|script)$/;
const OCEAN_FILES = /^(?:disp|foam|normal|spray)[a-z_]*\d+\.\w+$/;
/** One folder per bake id; 3.6 wrote 'meta' and 'bdata' without one. */
const BAKE_FOLDERS = /^(?:\d+|meta|blobs|bdata)$/;

/** Camera panorama type 'custom', whose lens is an OSL script (5.0). */
const CAMERA_CUSTOM = 3;

export function referencesOf(block: DataBlock): BlendReference[] {
  const own = (OF_BLOCK[block.code]?.(block) ?? []).filter(({ raw }) => raw !== '');
  const ofParts = block.parts.flatMap((part) => OF_PART[part.struct.name]?.(part, block) ?? []);
  return [
    ...own.map(besideOwner),
    ...ofParts.filter(({ raw }) => raw !== '').map(besideOwner),
    ...pointCaches(block),
  ];
}

function besideOwner(reference: Reference): BlendReference {
  return { base: 'owner', reference };
}

const OF_BLOCK: Readonly<Record<string, (block: DataBlock) => Reference[]>> = {
  IM: imageReferences,
  SO: (block) => unlessPacked(block, 'sound'),
  VF: (block) => unlessPacked(block, 'font').filter(({ raw }) => raw !== '<builtin>'),
  MC: ({ self }) => [
    integerOf(self, 'source') === CLIP_SEQUENCE
      ? sequence('sequence', pathOf(self))
      : fileReference('movie', pathOf(self)),
  ],
  CF: ({ self }) => [oneOrSequence(self, 'cache')],
  VO: (block) => (isPacked(block.self) ? [] : [oneOrSequence(block.self, 'volume')]),
  TX: textReferences,
  BR: ({ self }) => [fileReference('image', textOf(self, 'icon_filepath'))],
  CA: ({ self }) =>
    integerOf(self, 'type') === CAMERA_CUSTOM && integerOf(self, 'custom_mode') === EXTERNAL_MODE
      ? [fileReference('text', textOf(self, 'custom_filepath'))]
      : [],
  SC: stripReferences,
};

const OF_PART: Readonly<Record<string, (part: View, block: DataBlock) => Reference[]>> = {
  NodeShaderScript: (part) => externalNode(part, 'text'),
  NodeShaderTexIES: (part) => externalNode(part, 'other'),
  // The import nodes of geometry trees name their file in a socket that is marked as a path.
  bNodeSocketValueString: (part) =>
    integerOf(part, 'subtype') === FILE_PATH_SUBTYPE
      ? [fileReference('cache', textOf(part, 'value'))]
      : [],
  CustomDataExternal: (part) => [fileReference('cache', textOf(part, 'filename', 'filepath'))],
  MeshCacheModifierData: (part) => [fileReference('cache', textOf(part, 'filepath'))],
  CacheFileLayer: (part) => [fileReference('cache', textOf(part, 'filepath'))],
  VoxelData: (part) => [
    { ...fileReference('volume', textOf(part, 'source_path')), whenAbsent: 'nothing' },
  ],
  OceanModifierData: (part) => [
    folder(
      textOf(part, 'cachepath'),
      OCEAN_FILES,
      integerOf(part, 'cached') === 0 ? 'nothing' : 'missing',
    ),
  ],
  FluidDomainSettings: (part) => [
    folder(
      textOf(part, 'cache_directory'),
      FLUID_FOLDERS,
      (integerOf(part, 'cache_flag') & FLUID_BAKED) === 0 ? 'nothing' : 'missing',
    ),
  ],
  FluidsimSettings: fluidsimReferences,
  NodesModifierData: (part, block) => [
    folder(
      farText(block, part, 'bake_directory', 'simulation_bake_directory'),
      BAKE_FOLDERS,
      integerOf(part, 'bake_target') === BAKE_ON_DISK ? 'missing' : 'nothing',
    ),
  ],
  NodesModifierBake: (part, block) => [
    folder(farText(block, part, 'directory'), BAKE_FOLDERS, 'nothing'),
  ],
};

/** The path field is called 'name' in files up to 4.x and 'filepath' in later ones (dna_rename_defs.h). */
function pathOf(self: View): string {
  return textOf(self, 'name', 'filepath');
}

function isPacked(self: View): boolean {
  return (
    pointerOf(self, 'packedfile') !== null ||
    pointerOf(self, 'newpackedfile') !== null ||
    pointerOf(self, 'packedfiles.first') !== null
  );
}

function unlessPacked(block: DataBlock, kind: FileKind): Reference[] {
  return isPacked(block.self) ? [] : [fileReference(kind, pathOf(block.self))];
}

function oneOrSequence(self: View, kind: FileKind): Reference {
  const raw = textOf(self, 'filepath', 'name');
  return integerOf(self, 'is_sequence') === 0 ? fileReference(kind, raw) : sequence(kind, raw);
}

function sequence(kind: FileKind, raw: string): Reference {
  return { kind, raw, shape: { kind: 'sequence' }, whenAbsent: 'missing' };
}

function folder(raw: string, entries: RegExp, whenAbsent: Reference['whenAbsent']): Reference {
  return { kind: 'cache', raw, shape: { kind: 'folder', entries }, whenAbsent };
}

function imageReferences(block: DataBlock): Reference[] {
  const { self } = block;
  const raw = pathOf(self);
  if (isPacked(self)) return [];
  switch (integerOf(self, 'source')) {
    case IMAGE_UNSET:
    case IMAGE_FILE:
      return withOtherEye(self, fileReference('image', raw));
    case IMAGE_SEQUENCE:
      return withOtherEye(self, sequence('sequence', raw));
    case IMAGE_MOVIE:
      return [fileReference('movie', raw)];
    case IMAGE_TILED: {
      const tiles = partsOf(block, 'ImageTile').map((tile) => integerOf(tile, 'tile_number'));
      return [{ kind: 'udim', raw, shape: { kind: 'tiles', tiles }, whenAbsent: 'missing' }];
    }
    default:
      return [];
  }
}

/** A stereo image in two files names one; Blender loads its twin as well when that is there. */
function withOtherEye(self: View, reference: Reference): Reference[] {
  const hasViews = (integerOf(self, 'flag') & IMAGE_USES_VIEWS) !== 0;
  const eye = /_([LR])(?=\.[^.]*$)/.exec(reference.raw);
  if (!hasViews || integerOf(self, 'views_format') !== VIEWS_IN_FILES || !eye) return [reference];
  const at = eye.index + 1;
  const twin = `${reference.raw.slice(0, at)}${eye[1] === 'L' ? 'R' : 'L'}${reference.raw.slice(at + 1)}`;
  return [reference, { ...reference, raw: twin, whenAbsent: 'nothing' }];
}

function textReferences(block: DataBlock): Reference[] {
  const { self } = block;
  if ((integerOf(self, 'flags') & TEXT_IN_MEMORY) !== 0) return [];
  const raw = farText(block, self, 'name', 'filepath');
  return raw === '' ? [] : [fileReference('text', raw)];
}

function externalNode(part: View, kind: FileKind): Reference[] {
  return integerOf(part, 'mode') === EXTERNAL_MODE
    ? [fileReference(kind, textOf(part, 'filepath'))]
    : [];
}

/** Elbeem fluids, gone with 2.82: surface files that begin with the last part of the path. */
function fluidsimReferences(part: View): Reference[] {
  const path = textOf(part, 'surfdataPath');
  if ((integerOf(part, 'type') & FLUIDSIM_DOMAIN) === 0 || path === '') return [];
  const end = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1;
  const stem = `${path.slice(end)}fluidsurface_final_`;
  return [
    {
      kind: 'cache',
      raw: path.slice(0, end),
      shape: { kind: 'frames', stem },
      whenAbsent: 'nothing',
    },
  ];
}

/** A strip keeps its folder and its file names apart; 5.0 renamed the structs. */
function stripReferences(block: DataBlock): Reference[] {
  const renamed = partsOf(block, 'Sequence').length === 0;
  const strips = partsOf(block, renamed ? 'Strip' : 'Sequence');
  const data = byAddress(partsOf(block, renamed ? 'StripData' : 'Strip'));
  const elements = new Map<Address, View[]>();
  for (const element of partsOf(block, 'StripElem')) {
    const list = elements.get(element.address);
    if (list) list.push(element);
    else elements.set(element.address, [element]);
  }
  return strips.flatMap((strip) => {
    const held = data.get(pointerOf(strip, 'data', 'strip') ?? 0);
    const type = integerOf(strip, 'type');
    if (!held || !STRIP_KINDS.has(type)) return [];
    // The sound block rules; the strip's own path may be a stale one of another workstation.
    if (type === STRIP_SOUND_RAM && pointerOf(strip, 'sound') !== null) return [];
    const all = elements.get(pointerOf(held, 'stripdata') ?? 0) ?? [];
    const used = type === STRIP_IMAGE ? all : all.slice(0, 1);
    const dir = textOf(held, 'dir', 'dirpath');
    const kind = STRIP_KINDS.get(type) ?? 'other';
    return used
      .map((element) => textOf(element, 'name', 'filename'))
      .filter((name) => name !== '')
      .map((name) => fileReference(kind, joined(dir, name)));
  });
}

const STRIP_KINDS: ReadonlyMap<number, FileKind> = new Map<number, FileKind>([
  [STRIP_IMAGE, 'sequence'],
  [STRIP_MOVIE, 'movie'],
  [STRIP_SOUND_RAM, 'sound'],
  [STRIP_SOUND_HD, 'sound'],
]);

function joined(dir: string, name: string): string {
  return dir === '' || /[/\\]$/.test(dir) ? `${dir}${name}` : `${dir}/${name}`;
}

function byAddress(views: readonly View[]): Map<Address, View> {
  return new Map(views.map((view) => [view.address, view]));
}

/**
 * Disk caches of particles, cloth, soft bodies and dynamic paint. Files are named after the cache, or
 * after the object's name in hexadecimal when the cache has none (pointcache.c, ptcache_filename).
 */
function pointCaches(block: DataBlock): BlendReference[] {
  return partsOf(block, 'PointCache').flatMap((cache): BlendReference[] => {
    const flag = integerOf(cache, 'flag');
    const external = (flag & CACHE_EXTERNAL) !== 0;
    if (!external && (flag & CACHE_ON_DISK) === 0) return [];
    const named = textOf(cache, 'name');
    const stem = named !== '' || external ? named : hexadecimal(textBytesOf(block.self, 'id.name'));
    const whenAbsent = external || (flag & CACHE_BAKED) !== 0 ? 'missing' : 'nothing';
    const shape = { kind: 'frames', stem: `${stem}_` } as const;
    if (external) {
      const raw = textOf(cache, 'path');
      return raw === '' ? [] : [besideOwner({ kind: 'cache', raw, shape, whenAbsent })];
    }
    return [
      {
        base: 'cache-folder',
        besideScene: (flag & CACHE_IGNORES_LIBRARY) !== 0,
        reference: { kind: 'cache', raw: '//blendcache_', shape, whenAbsent },
      },
    ];
  });
}

/** The name without its two-letter code, byte by byte: 'OBCube' → '43756265'. */
function hexadecimal(name: Buffer): string {
  return name.subarray(2).toString('hex').toUpperCase();
}
