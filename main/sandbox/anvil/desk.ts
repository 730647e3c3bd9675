// What every part of one site's Anvil works with: the world as this site knows it, its setup, its tasks.

import type { Objectives } from '../objectives.ts';
import type { Entity } from '../setup.ts';
import type { Node, SiteName, SiteSpec, World } from '../world.ts';
import type { View } from './routes.ts';
import type { Tasks } from './tasks.ts';

/** Where public clients disagree on what a real Anvil does; each can be switched while it runs. */
export interface Quirks {
  errorBody: 'array' | 'object';
  taskProgress: 'fraction' | 'percent';
  /** Status of a missing path of `/files`; the vendor's own CSI client carries a FIXME for the 500 [C csi]. */
  missingFile: 500 | 404;
}

export interface Desk {
  readonly world: World;
  readonly site: SiteSpec;
  readonly local: SiteName;
  readonly objectives: Objectives;
  readonly tasks: Tasks;
  readonly quirks: Quirks;
  readonly username: string;
  readonly startedAt: number;
  now(): number;
  progress(site: SiteName, node: Node): number | null;
  s3(): { readonly port: number; readonly accessKeyId: string };
  /** Counts of the share's files here; kept for a moment, because they cost a walk over all of them. */
  totals(): Totals;
}

export interface Totals {
  readonly files: number;
  readonly aligned: number;
  readonly partiallyAligned: number;
  readonly misaligned: number;
}

const TOTALS_MS = 1_000;
/** What each site's own volume holds when nothing else is said. */
const CAPACITY_BYTES = 1024 ** 4;

/** Of the site's own volume. */
export function capacityOf(desk: Desk): { total: number; used: number; free: number } {
  const total = desk.world.options.volume?.(desk.local)?.bytes ?? CAPACITY_BYTES;
  const used = desk.world.usedBytes(desk.local);
  return { total, used, free: Math.max(0, total - used) };
}

export const ENTITY_FIELDS = [
  '_type',
  'uoid',
  'internalId',
  'name',
  'created',
  'modified',
  'extendedInfo',
  'comment',
  'unclearedEvents',
  'errors',
] as const;

export function entityView(entity: Entity, objectType: string): View {
  return {
    uoid: { uuid: entity.uuid, objectType },
    internalId: entity.internalId,
    name: entity.name,
    created: entity.created,
    modified: entity.modified,
    extendedInfo: entity.extendedInfo,
    comment: entity.comment,
    unclearedEvents: [],
    errors: [],
  };
}

/** Later than what it follows, so that the lock on `modified` sees two changes of one millisecond. */
export function nextModified(desk: Desk, before: number): number {
  return Math.max(desk.now(), before + 1);
}

/** Counts files as the site sees them, again only when the world changed and a moment has passed. */
export function createTotals(world: World, local: SiteName, objectives: Objectives): () => Totals {
  let last: { readonly changes: number; readonly at: number; readonly totals: Totals } | null =
    null;
  return () => {
    const at = performance.now();
    if (last && (last.changes === world.changes || at - last.at < TOTALS_MS)) return last.totals;
    let [files, aligned, partiallyAligned, misaligned] = [0, 0, 0, 0];
    for (const node of world.nodes()) {
      const known = node.seen.get(local);
      if (node.kind !== 'file' || !known || known.deleted) continue;
      files += 1;
      const alignment = objectives.alignment(local, node);
      if (alignment === 'ALIGNED') aligned += 1;
      else if (alignment === 'PARTIALLY_ALIGNED') partiallyAligned += 1;
      else misaligned += 1;
    }
    const totals = { files, aligned, partiallyAligned, misaligned };
    last = { changes: world.changes, at, totals };
    return totals;
  };
}
