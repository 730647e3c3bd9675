// The render settings of a scene block: frames, engine, output paths, camera.

import type { FrameRange } from '../../engine/core/closure.ts';
import { farText, partsOf, type DataBlock } from './datablock.ts';
import type { Address } from './layout.ts';
import { hasField, integerOf, pointerOf, realOf, textOf, type View } from './view.ts';

/** An output as the file holds it; `fileName` has '#' padding and an extension already. */
export interface BlendOutput {
  readonly raw: string;
  readonly fileName: string;
}

export interface SceneSettings {
  readonly address: Address;
  readonly name: string;
  readonly frames: FrameRange;
  readonly engine: string | null;
  readonly outputs: readonly BlendOutput[];
  /** The scene's camera first, then the cameras of its markers. */
  readonly cameras: readonly Address[];
  /** Every object of the scene. */
  readonly objects: readonly Address[];
  /** The compositor's tree where it is a block of its own (5.0 and later). */
  readonly compositor: Address | null;
}

/** R_EXTENSION: add the extension of the format to the name (DNA_scene_types.h). */
const ADDS_EXTENSION = 1 << 4;
/** R_DOCOMP: the compositor runs after the render. */
const COMPOSITES = 1 << 0;
const NODE_MUTED = 1 << 9;
const OLD_ENGINE = 'BLENDER_RENDER';

/** R_IMF_IMTYPE_* of DNA_scene_types.h. */
const EXTENSIONS: ReadonlyMap<number, string> = new Map([
  [0, '.tga'],
  [1, '.rgb'],
  [4, '.jpg'],
  [7, '.rgb'],
  [14, '.tga'],
  [17, '.png'],
  [20, '.bmp'],
  [21, '.hdr'],
  [22, '.tif'],
  [23, '.exr'],
  [25, '.cin'],
  [26, '.dpx'],
  [28, '.exr'],
  [29, '.dds'],
  [30, '.jp2'],
  [34, '.psd'],
  [35, '.webp'],
]);
/** Movies hold the whole range in one file: AVI raw and JPEG, QuickTime, FFmpeg, H.264, Xvid, Theora, AV1. */
const MOVIES: ReadonlyMap<number, string> = new Map([
  [15, '.avi'],
  [16, '.avi'],
  [18, '.mov'],
  [24, ''],
  [32, ''],
  [33, '.ogv'],
]);
const MULTILAYER_EXR = 28;
/** FFMPEG_* containers of MOV_enums.h. */
const CONTAINERS: ReadonlyMap<number, string> = new Map([
  [0, '.mpg'],
  [1, '.mpg'],
  [2, '.mp4'],
  [3, '.avi'],
  [4, '.mov'],
  [5, '.dv'],
  [6, '.mp4'],
  [7, '.mp4'],
  [8, '.flv'],
  [9, '.mkv'],
  [10, '.ogv'],
  [12, '.webm'],
  [13, '.mp4'],
]);

export function settingsOf(block: DataBlock): SceneSettings {
  const { self } = block;
  const base = realOf(self, 'r.frs_sec_base') || 1;
  const rate = integerOf(self, 'r.frs_sec');
  const markers = partsOf(block, 'TimeMarker').map((marker) => pointerOf(marker, 'camera'));
  return {
    address: self.address,
    name: textOf(self, 'id.name').slice(2),
    frames: {
      first: integerOf(self, 'r.sfra'),
      last: integerOf(self, 'r.efra'),
      step: Math.max(1, integerOf(self, 'r.frame_step')),
      fps: rate > 0 ? Math.round((rate / base) * 1000) / 1000 : null,
    },
    engine: hasField(self, 'r.engine') ? textOf(self, 'r.engine') || OLD_ENGINE : OLD_ENGINE,
    outputs: [mainOutput(self), ...compositorOutputs(block)],
    cameras: [pointerOf(self, 'camera'), ...markers].filter((address) => address !== null),
    objects: partsOf(block, 'Base')
      .map((part) => pointerOf(part, 'object'))
      .filter((address) => address !== null),
    compositor: pointerOf(self, 'compositing_node_group'),
  };
}

function mainOutput(self: View): BlendOutput {
  const raw = textOf(self, 'r.pic');
  const type = integerOf(self, 'r.im_format.imtype', 'r.imtype');
  const movie = MOVIES.get(type);
  const adds = (integerOf(self, 'r.scemode') & ADDS_EXTENSION) !== 0;
  if (movie !== undefined) {
    const extension = movie || (CONTAINERS.get(integerOf(self, 'r.ffcodecdata.type')) ?? '');
    return { raw, fileName: movieName(fileNameOf(raw), adds ? extension : '') };
  }
  return { raw, fileName: frameName(fileNameOf(raw), adds ? (EXTENSIONS.get(type) ?? '') : '') };
}

/** The File Output nodes of a scene's own tree, or of a compositor block. */
export function compositorOutputs(block: DataBlock): BlendOutput[] {
  if (block.code === 'SC' && !composites(block.self)) return [];
  const storages = new Map(block.parts.map((part) => [part.address, part]));
  return partsOf(block, 'bNode')
    .filter((node) => (integerOf(node, 'flag') & NODE_MUTED) === 0)
    .flatMap((node) => {
      const storage = storages.get(pointerOf(node, 'storage') ?? 0);
      if (storage?.struct.name === 'NodeImageMultiFile') return nodeOutputs(block, node, storage);
      if (storage?.struct.name === 'NodeCompositorFileOutput')
        return newNodeOutputs(block, storage);
      return [];
    });
}

function composites(scene: View): boolean {
  return integerOf(scene, 'use_nodes') !== 0 && (integerOf(scene, 'r.scemode') & COMPOSITES) !== 0;
}

/** Up to 4.x: the slots are the storage of the node's input sockets. */
function nodeOutputs(block: DataBlock, node: View, part: View): BlendOutput[] {
  const dir = textOf(part, 'base_path');
  const type = integerOf(part, 'format.imtype');
  const extension = EXTENSIONS.get(type) ?? '';
  // One file holds all the slots, and the base path is its name.
  if (type === MULTILAYER_EXR) {
    return [{ raw: dir, fileName: frameName(fileNameOf(dir), extension) }];
  }
  const slots = new Map(
    partsOf(block, 'NodeImageMultiFileSocket').map((slot) => [slot.address, textOf(slot, 'path')]),
  );
  return socketsOf(block, node)
    .map((socket) => slots.get(pointerOf(socket, 'storage') ?? 0) ?? '')
    .filter((slot) => slot !== '')
    .map((slot) => {
      const raw = `${withSlash(dir)}${slot}`;
      return { raw, fileName: frameName(fileNameOf(raw), extension) };
    });
}

/** The input sockets of a node, a linked list; one that goes in a circle ends. */
function socketsOf(block: DataBlock, node: View): View[] {
  const byAddress = new Map(partsOf(block, 'bNodeSocket').map((part) => [part.address, part]));
  const found: View[] = [];
  let socket = byAddress.get(pointerOf(node, 'inputs.first') ?? 0);
  while (socket) {
    found.push(socket);
    byAddress.delete(socket.address);
    socket = byAddress.get(pointerOf(socket, 'next') ?? 0);
  }
  return found;
}

/** From 5.0 on: a folder, a file name and named items. */
function newNodeOutputs(block: DataBlock, part: View): BlendOutput[] {
  const dir = withSlash(textOf(part, 'directory'));
  const fileName = farText(block, part, 'file_name');
  const type = integerOf(part, 'format.imtype');
  const extension = EXTENSIONS.get(type) ?? '';
  if (type === MULTILAYER_EXR) {
    return [{ raw: `${dir}${fileName}`, fileName: frameName(fileName, extension) }];
  }
  const items = pointerOf(part, 'items');
  return partsOf(block, 'NodeCompositorFileOutputItem')
    .filter((item) => item.address === items)
    .map((item) => farText(block, item, 'name'))
    .filter((name) => name !== '')
    .map((name) => {
      const stem = `${fileName}${name}`;
      return { raw: `${dir}${stem}`, fileName: frameName(fileNameOf(stem), extension) };
    });
}

function withSlash(dir: string): string {
  return dir === '' || /[/\\]$/.test(dir) ? dir : `${dir}/`;
}

export function fileNameOf(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

/** Blender puts the frame where the '#' are, or appends four digits, and then the extension. */
function frameName(name: string, extension: string): string {
  const framed = name.includes('#') ? name : `${name}####`;
  return withExtension(framed, extension);
}

/** One file for the whole range, which its name tells unless the extension is there already. */
function movieName(name: string, extension: string): string {
  const ranged = name.replace(/#+(?=[^#]*$)/, '####-####');
  if (extension === '' || name.toLowerCase().endsWith(extension)) return ranged;
  return ranged === name ? `${name}####-####${extension}` : `${ranged}${extension}`;
}

function withExtension(name: string, extension: string): string {
  if (extension === '' || name.toLowerCase().endsWith(extension)) return name;
  const shown = /\.(?:png|jpe?g|exr|tiff?|tga|bmp|hdr|webp|jp2|dpx|cin|rgb)$/i.exec(name);
  return `${shown ? name.slice(0, shown.index) : name}${extension}`;
}
