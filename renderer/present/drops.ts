// What a region card says before a drop is released on it: names, files and the bytes that may move.

import type { RegionView, SceneView, WaybillView } from '../../preload/contract.ts';
import { words } from '../words/en.ts';
import { amountText, bytesText, countText } from './format.ts';
import { standingOf } from './waybills.ts';

export interface DropPreview {
  readonly title: string;
  readonly lines: readonly string[];
}

/** Bytes are an upper bound: what the region holds already does not travel again. */
export function previewScenes(
  scenes: readonly SceneView[],
  region: RegionView,
  waybills: Readonly<Record<string, WaybillView>>,
): DropPreview {
  const [first] = scenes;
  const title =
    scenes.length === 1 && first ? first.name : words.drop.scenes(countText(scenes.length));
  const notes: string[] = [];
  const missing = scenes.reduce(
    (sum, { closure }) => sum + (closure.kind === 'read' ? closure.missing.length : 0),
    0,
  );
  if (missing > 0) notes.push(words.drop.missing(missing));
  if (scenes.every((scene) => scene.regions.some((id) => id === region.id)))
    notes.push(words.drop.there);
  else if (scenes.every((scene) => isBound(scene, region, waybills))) notes.push(words.drop.under);
  if (region.link.kind === 'down') notes.push(words.drop.down);
  return { title, lines: [toMove(scenes), ...(notes.length > 0 ? [notes.join(' · ')] : [])] };
}

/** The browser and the OS keep names and sizes to themselves until release. */
export function previewFiles(count: number, region: RegionView): DropPreview {
  return {
    title: words.drop.files(countText(count)),
    lines: [words.drop.filesHint, ...(region.link.kind === 'down' ? [words.drop.down] : [])],
  };
}

function toMove(scenes: readonly SceneView[]): string {
  let files = 0;
  let bytes = 0;
  let unread = 0;
  for (const { closure } of scenes) {
    if (closure.kind !== 'read') {
      unread += 1;
      continue;
    }
    files += closure.files;
    bytes += closure.bytes;
  }
  if (unread === scenes.length) return words.drop.unread;
  const filesPart = amountText(files, words.scenes.file, words.scenes.filesWord);
  return unread === 0
    ? words.drop.toMove(filesPart, bytesText(bytes))
    : words.drop.toMovePart(filesPart, bytesText(bytes), unread);
}

function isBound(
  scene: SceneView,
  region: RegionView,
  waybills: Readonly<Record<string, WaybillView>>,
): boolean {
  return Object.values(waybills).some((waybill) => {
    const standing = standingOf(waybill);
    return (
      waybill.sceneId === scene.id &&
      waybill.regionId === region.id &&
      (standing === 'moving' || standing === 'trouble')
    );
  });
}

/** The one scene a dropped file can be when its path is hidden: same name, same size. Null when unclear. */
export function matchScene(
  file: { readonly name: string; readonly size: number },
  scenes: Readonly<Record<string, SceneView>>,
): SceneView | null {
  const found = Object.values(scenes).filter(
    (scene) => scene.name === file.name && scene.size === file.size,
  );
  return found.length === 1 ? (found[0] ?? null) : null;
}
