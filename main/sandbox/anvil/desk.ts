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
  /** Counts of the share's files here; kept for a moment, because each costs a walk over all of them. */
  totals(): { readonly files: number };
  alignments(): Alignments;
}

interface Alignments {
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

export function createTotals(
  world: World,
  local: SiteName,
  objectives: Objectives,
): Pick<Desk, 'totals' | 'alignments'> {
  function* files(): Generator<Node> {
    for (const node of world.nodes()) {
      const known = node.seen.get(local);
      if (node.kind === 'file' && known && !known.deleted) yield node;
    }
  }
  return {
    totals: keptAMoment(world, () => {
      let count = 0;
      for (const _file of files()) count += 1;
      return { files: count };
    }),
    alignments: keptAMoment(world, () => {
      const counts = { ALIGNED: 0, PARTIALLY_ALIGNED: 0, MISALIGNED: 0 };
      for (const file of files()) counts[objectives.alignment(local, file)] += 1;
      return {
        aligned: counts.ALIGNED,
        partiallyAligned: counts.PARTIALLY_ALIGNED,
        misaligned: counts.MISALIGNED,
      };
    }),
  };
}

/** Worked out again only when the world has changed and a moment has passed. */
function keptAMoment<T>(world: World, make: () => T): () => T {
  let last: { readonly changes: number; readonly at: number; readonly value: T } | null = null;
  return () => {
    const at = performance.now();
    if (last && (last.changes === world.changes || at - last.at < TOTALS_MS)) return last.value;
    const value = make();
    last = { changes: world.changes, at, value };
    return value;
  };
}
