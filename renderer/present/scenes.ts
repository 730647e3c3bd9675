// The scene list: which scenes, in which order, and what a row says of each.

import type { ProjectView, RegionView, SceneView, WaybillView } from '../../preload/contract.ts';
import { words } from '../words/en.ts';
import { amountText, bytesText, framesText, nameOfPath } from './format.ts';
import type { Mark } from './marks.ts';
import { regionNameOf, standingOf } from './waybills.ts';

export type SceneOrder = 'newest' | 'name';

/** Names in order as people count: shot2 before shot10. */
const byText = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** All words of the query must occur in the path; scenes of equal rank keep the order of their paths. */
export function listScenes(
  scenes: Readonly<Record<string, SceneView>>,
  options: { readonly query: string; readonly order: SceneOrder },
): readonly SceneView[] {
  const wanted = options.query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const found = Object.values(scenes).filter((scene) => {
    const text = scene.relativePath.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  return options.order === 'newest'
    ? found.toSorted((a, b) => b.modified - a.modified || byName(a, b))
    : found.toSorted(byName);
}

function byName(a: SceneView, b: SceneView): number {
  return byText.compare(a.name, b.name) || byText.compare(a.relativePath, b.relativePath);
}

export interface SceneHealth {
  readonly mark: Mark;
  readonly text: string;
}

export function sceneHealth(closure: SceneView['closure']): SceneHealth {
  switch (closure.kind) {
    case 'unread':
      return { mark: 'unknown', text: words.scenes.unread };
    case 'reading':
      return { mark: 'waiting', text: words.scenes.reading };
    case 'unreadable':
      return { mark: 'error', text: words.scenes.unreadable };
    case 'read': {
      const [first, ...more] = closure.missing;
      if (!first) return { mark: 'good', text: needsText(closure) };
      const name = nameOfPath(first.path);
      const text =
        more.length === 0
          ? words.scenes.missingOne(name)
          : words.scenes.missingMany(name, more.length);
      return { mark: 'attention', text };
    }
  }
}

export function needsText(closure: { readonly files: number; readonly bytes: number }): string {
  return words.scenes.files(
    amountText(closure.files, words.scenes.file, words.scenes.filesWord),
    bytesText(closure.bytes),
  );
}

/** Null while nothing is known, so that a row stays quiet rather than full of dashes. */
export function sceneFrames(closure: SceneView['closure']): string | null {
  if (closure.kind !== 'read') return null;
  return closure.frames === null
    ? words.scenes.framesUnknown
    : words.scenes.frames(framesText(closure.frames));
}

/** The folder, with the project's name before it where there are several projects. */
export function sceneFolder(
  scene: SceneView,
  projects: Readonly<Record<string, ProjectView>>,
): string {
  const folder = scene.relativePath.split(/[\\/]/).slice(0, -1).join('/');
  const project = projects[scene.projectId];
  if (Object.keys(projects).length > 1 && project)
    return folder === '' ? project.name : `${project.name} / ${folder}`;
  return folder === '' ? words.scenes.rootFolder : folder;
}

export interface RegionChip {
  readonly regionId: string;
  readonly name: string;
  readonly kind: 'ready' | 'on-way';
  /** The chip in words. */
  readonly text: string;
}

/** Where the scene is, and where it is bound for. */
export function regionChips(
  scene: SceneView,
  waybills: readonly WaybillView[],
  regions: Readonly<Record<string, RegionView>>,
): readonly RegionChip[] {
  const ready = scene.regions.map((regionId): RegionChip => {
    const name = regionNameOf(regions, regionId);
    return { regionId, name, kind: 'ready', text: words.scenes.readyIn(name) };
  });
  const bound = new Set(
    waybills
      .filter((waybill) => {
        const standing = standingOf(waybill);
        return standing === 'moving' || standing === 'trouble';
      })
      .map((waybill) => waybill.regionId),
  );
  const onWay = [...bound]
    .filter((regionId) => !scene.regions.includes(regionId))
    .map((regionId): RegionChip => {
      const name = regionNameOf(regions, regionId);
      return { regionId, name, kind: 'on-way', text: words.scenes.onWayTo(name) };
    });
  return [...ready, ...onWay];
}

/** What a screen reader says of a row: the file name first. */
export function sceneRowName(scene: SceneView, chips: readonly RegionChip[]): string {
  return [scene.name, sceneHealth(scene.closure).text, ...chips.map((chip) => chip.text)].join(
    ', ',
  );
}

export function waybillsByScene(
  waybills: Readonly<Record<string, WaybillView>>,
): ReadonlyMap<string, readonly WaybillView[]> {
  const byScene = new Map<string, WaybillView[]>();
  for (const waybill of Object.values(waybills)) {
    const known = byScene.get(waybill.sceneId);
    if (known) known.push(waybill);
    else byScene.set(waybill.sceneId, [waybill]);
  }
  return byScene;
}
