// What a region card says: does it answer, who works there, what is bound for it.

import type { RegionView, SceneView, TransferView, WaybillView } from '../../preload/contract.ts';
import { words } from '../words/en.ts';
import { amountText, bytesText, countText, UNKNOWN } from './format.ts';
import type { Mark } from './marks.ts';
import { arrivedTogether, standingOf } from './waybills.ts';

export interface RegionLink {
  readonly mark: Mark;
  readonly text: string;
}

export function regionLink(link: RegionView['link']): RegionLink {
  switch (link.kind) {
    case 'up':
      return { mark: 'good', text: words.regions.up };
    case 'down':
      return { mark: 'error', text: words.regions.down };
    case 'unknown':
      return { mark: 'unknown', text: words.regions.unknown };
  }
}

export function regionWorkers(workers: RegionView['workers']): string {
  return workers === null
    ? `${UNKNOWN} ${words.regions.workersUnknown}`
    : words.regions.workers(
        amountText(workers.live, words.regions.worker, words.regions.workersWord),
        countText(workers.rendering),
      );
}

/** Sorted by name, so that cards keep their place. */
export function listRegions(regions: Readonly<Record<string, RegionView>>): readonly RegionView[] {
  return Object.values(regions).toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
}

export function regionLoad(
  regionId: string,
  state: {
    readonly waybills: Readonly<Record<string, WaybillView>>;
    readonly transfers: Readonly<Record<string, TransferView>>;
    readonly scenes: Readonly<Record<string, SceneView>>;
  },
): string {
  const moving = Object.values(state.waybills).filter((waybill) => {
    const standing = standingOf(waybill);
    return waybill.regionId === regionId && (standing === 'moving' || standing === 'trouble');
  });
  const ready = Object.values(state.scenes).filter((scene) =>
    scene.regions.some((id) => id === regionId),
  ).length;
  if (moving.length === 0 && ready === 0) return words.regions.nothing;
  const together = moving.length > 0 ? arrivedTogether(moving, state.transfers) : null;
  const bytes = together ? ` (${bytesText(together.arrived)} / ${bytesText(together.total)})` : '';
  return [
    ...(moving.length > 0 ? [`${words.regions.onWay(countText(moving.length))}${bytes}`] : []),
    ...(ready > 0 ? [words.regions.ready(countText(ready))] : []),
  ].join(' · ');
}
