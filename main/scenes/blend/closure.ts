// The closure of a .blend: its own references, and what its linked blocks reach in libraries, recursively.

import path from 'node:path';
import type { Closure, SceneOutput } from '../../engine/core/closure.ts';
import { sentenceOf } from '../../engine/base/errors.ts';
import { createCollector, type Collector } from '../collect.ts';
import { createDisk } from '../disk.ts';
import { placeBelow, placeOf, type Place } from '../places.ts';
import { fileReference } from '../references.ts';
import type { BlendBlock, BlendSummary, Purpose } from './gather.ts';
import type { Address } from './layout.ts';
import type { BlendReference } from './references.ts';
import { fileNameOf, type BlendOutput } from './settings.ts';

export interface ClosureRequest {
  readonly path: string;
  readonly size: number;
  /** The scene itself, summarised for the purpose 'scene'. */
  readonly summary: BlendSummary;
  /** Reads a library; its failure is a warning, not the scene's end. */
  summarize(path: string, purpose: Purpose): Promise<BlendSummary>;
  readonly roots: readonly string[] | null;
}

/** One .blend that takes part: the scene, or a library with what has been reached of it so far. */
interface Part {
  readonly path: string;
  readonly summary: BlendSummary;
  readonly byAddress: ReadonlyMap<Address, BlendBlock>;
  readonly byName: ReadonlyMap<string, BlendBlock>;
  readonly reached: Set<BlendBlock>;
}

interface Wanted {
  readonly libraryPath: string;
  readonly name: string;
  readonly askedBy: string;
}

const MAX_LIBRARIES = 5_000;
const MAX_NAMED = 3;

export async function closureOfBlend(request: ClosureRequest): Promise<Closure> {
  const collector = createCollector(createDisk(request.roots), request);
  const scene = partOf(request.path, request.summary);
  const walk = createWalk(request, collector);
  walk.enterScene(scene);
  await walk.followLibraries();
  const { scene: settings } = request.summary;
  return {
    scene: request.path,
    format: 'blend',
    dcc: { name: 'Blender', version: request.summary.version },
    frames: settings?.frames ?? null,
    engine: settings?.engine ?? null,
    cameras: cameraNames(scene),
    outputs: (settings?.outputs ?? []).flatMap((output) => outputOf(output, request.path)),
    ...collector.result(),
  };
}

function createWalk(request: ClosureRequest, collector: Collector) {
  const parts = new Map<string, Promise<Part | null>>();
  const wanted: Wanted[] = [];
  const asked = new Set<string>();
  /** Where a library reference leads, by the file that holds it; null when there is nothing to read. */
  const libraryPaths = new Map<string, string | null>();
  const unknownNames = new Map<string, string[]>();

  function libraryPath(part: Part, address: Address | null): string | null {
    const library = address === null ? undefined : part.summary.libraries.get(address);
    if (!library || library.packed || library.raw === '') return null;
    const key = `${part.path}\0${library.raw}`;
    const known = libraryPaths.get(key);
    if (known !== undefined) return known;
    const place = blendPlace(library.raw, part.path);
    const found = collector.addReadable(fileReference('library', library.raw), place, part.path);
    libraryPaths.set(key, found);
    return found;
  }

  function want(part: Part, block: BlendBlock): void {
    const target = libraryPath(part, block.library);
    // All of the scene's own blocks are in already, whoever links back to them.
    if (target === null || target === request.path) return;
    const key = `${target}\0${block.name}`;
    if (asked.has(key)) return;
    asked.add(key);
    wanted.push({ libraryPath: target, name: block.name, askedBy: part.path });
  }

  function addReferences(part: Part, block: BlendBlock): void {
    const library = block.library === null ? undefined : part.summary.libraries.get(block.library);
    // A block packed from a library keeps the paths it had there.
    const ownerPath = library ? blendPlace(library.raw, part.path).path : part.path;
    for (const found of block.references) {
      const { reference, place } = placed(found, { ownerPath, scenePath: request.path });
      collector.add(reference, place, part.path);
    }
  }

  async function openPart(target: string): Promise<Part | null> {
    if (parts.size > MAX_LIBRARIES) {
      collector.warn(`More than ${MAX_LIBRARIES} libraries are linked; the rest was not read.`);
      return null;
    }
    try {
      return partOf(target, await request.summarize(target, 'library'));
    } catch (error) {
      collector.warn(`The library is listed, but what it needs is unknown: ${sentenceOf(error)}`);
      return null;
    }
  }

  function reach(part: Part, first: BlendBlock): void {
    const waiting = [first];
    for (let block = waiting.pop(); block; block = waiting.pop()) {
      if (part.reached.has(block)) continue;
      part.reached.add(block);
      if (block.isPlaceholder) {
        want(part, block);
        continue;
      }
      addReferences(part, block);
      for (const address of block.links) {
        const next = part.byAddress.get(address);
        if (next) waiting.push(next);
      }
    }
  }

  return {
    enterScene(scene: Part): void {
      for (const block of scene.summary.blocks) {
        if (block.isPlaceholder) want(scene, block);
        else addReferences(scene, block);
      }
      const archived = new Set(
        [...scene.summary.libraries.values()].map(({ archiveOf }) => archiveOf),
      );
      for (const address of scene.summary.libraries.keys()) {
        // The home of packed blocks is named, but not read.
        if (!archived.has(address)) libraryPath(scene, address);
      }
    },
    async followLibraries(): Promise<void> {
      for (let next = wanted.shift(); next; next = wanted.shift()) {
        let opening = parts.get(next.libraryPath);
        if (!opening) parts.set(next.libraryPath, (opening = openPart(next.libraryPath)));
        const part = await opening;
        if (!part) continue;
        const block = part.byName.get(next.name);
        if (block) reach(part, block);
        else unknownNames.set(part.path, [...(unknownNames.get(part.path) ?? []), next.name]);
      }
      for (const [library, names] of unknownNames) {
        const shown = names.slice(0, MAX_NAMED).map((name) => name.slice(2));
        const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
        collector.warn(
          `${library} no longer holds ${shown.join(', ')}${more}, which the scene links. Relink it in Blender.`,
        );
      }
    },
  };
}

function partOf(partPath: string, summary: BlendSummary): Part {
  const byName = new Map<string, BlendBlock>();
  for (const block of summary.blocks) {
    // A block of the file itself comes before one that it links under the same name.
    if (!block.isPlaceholder || !byName.has(block.name)) byName.set(block.name, block);
  }
  const byAddress = new Map(summary.blocks.map((block) => [block.address, block]));
  return { path: partPath, summary, byAddress, byName, reached: new Set() };
}

/** '//' is the folder of the .blend that holds the path. */
function blendPlace(raw: string, ownerPath: string): Place {
  const ownerDir = path.dirname(ownerPath);
  return raw.startsWith('//') ? placeBelow(ownerDir, raw.slice(2)) : placeOf(raw, ownerDir);
}

function placed(
  found: BlendReference,
  files: { ownerPath: string; scenePath: string },
): { reference: BlendReference['reference']; place: Place } {
  const { reference } = found;
  if (found.base === 'owner') {
    return { reference, place: blendPlace(reference.raw, files.ownerPath) };
  }
  const beside = found.besideScene ? files.scenePath : files.ownerPath;
  const stem = path.basename(beside).replace(/\.blend$/i, '');
  const frames = reference.shape.kind === 'frames' ? reference.shape.stem : '';
  const raw = `${reference.raw}${stem}`;
  return {
    reference: { ...reference, raw: `${raw}/${frames}*` },
    place: blendPlace(raw, beside),
  };
}

/** The active scene's camera first, then its other cameras; all of the file when it lists no objects. */
function cameraNames(part: Part): string[] {
  const { scene, blocks } = part.summary;
  if (!scene) return [];
  const inScene = new Set(scene.objects);
  const others = blocks.filter(
    (block) => block.isCamera && (inScene.size === 0 || inScene.has(block.address)),
  );
  const first = scene.cameras.map((address) => part.byAddress.get(address));
  const names = [...first, ...others].map((block) => block?.name.slice(2) ?? '');
  return [...new Set(names)].filter((name) => name !== '');
}

function outputOf(output: BlendOutput, scenePath: string): SceneOutput[] {
  if (output.raw === '') return [];
  const fileName = fileNameOf(output.raw);
  const dirText = output.raw.slice(0, output.raw.length - fileName.length);
  const place = blendPlace(dirText === '' ? '//' : dirText, scenePath);
  const dir = place.path.length > 1 ? place.path.replace(/[/\\]+$/, '') : place.path;
  return [{ dir, pattern: output.fileName, raw: output.raw }];
}
