// A region: a place that can render, as the studio describes it.

import type { RegionId } from './names.ts';

export interface Region {
  readonly id: RegionId;
  readonly name: string;
  readonly place: string;
  /** Hammerspace site whose tree the region's workers read. */
  readonly siteName: string;
  /** Deadline groups whose workers sit there; the first one is what jobs are sent to. */
  readonly groups: readonly string[];
}

/** By id or name, whatever its case; null when the studio knows no such region. */
export function findRegion(regions: readonly Region[], wanted: string): Region | null {
  const key = wanted.toLowerCase();
  return (
    regions.find((region) => region.id.toLowerCase() === key) ??
    regions.find((region) => region.name.toLowerCase() === key) ??
    null
  );
}
