// Tables of a site that are not about one item: participants, replication, volumes, sweeps, collections.

import {
  bool,
  bytes,
  number,
  site as siteValue,
  table,
  text,
  typed,
  type Cells,
  type Value,
} from '../hammerscript.ts';
import { isCurrent, snapshotAt, subtreeOf, volumeOf, type Place } from './place.ts';

/** A site lists itself with ID 0 (reference §3.5); peers carry their share-wide participant id. */
export function participants({ world, site }: Place): Value {
  return table(
    'PARTICIPANTS_TABLE',
    world.options.sites.map((other) => ({
      ID: number(other.name === site ? 0 : other.participantId),
      SITE_PARTICIPANT_ID: number(other.participantId),
      SITE_NAME: text(other.name),
      ADDRESS: text('127.0.0.1'),
      PORT: number(9097),
    })),
  );
}

/** One row per peer, each with the columns of the full dumps [OG p70-74]. */
export function replicationDetails({ world, site }: Place): Value {
  const now = world.options.now();
  // Before the first interval the peers have what the share began with.
  const begun = world.root.head.created;
  return table(
    'REPLICATION_DETAILS_TABLE',
    world.options.sites
      .filter((other) => other.name !== site)
      .map(({ name: peer }): Cells => {
        const sent = world.sendTimes.get(`${site}>${peer}`) ?? begun;
        const received = world.receiveTimes.get(`${site}>${peer}`) ?? begun;
        const link = world.link(site, peer);
        const pending = world.pendingFor(site, peer);
        const items = { requests: link.metadataItems, bytes: link.metadataBytes, pending };
        return {
          SITE: siteValue(peer),
          INTERVAL: number(world.options.intervalMs / 1000, 'seconds'),
          SEND_TIME: { kind: 'date', ms: sent },
          RECV_TIME: { kind: 'date', ms: received },
          SEND_AGE: number(Math.max(0, now - sent) / 1000, 'seconds'),
          RECV_AGE: number(Math.max(0, now - received) / 1000, 'seconds'),
          SNAPS: progress({ requests: 0, bytes: 0, pending: 0 }),
          DIRENTS: progress({ requests: 0, bytes: 0, pending: 0 }),
          INODES: progress(items),
          TOTAL: progress(items),
        };
      }),
  );
}

/** assumed: the counters of a kind are a row of their own; the world counts all metadata as inodes. */
function progress(counted: { requests: number; bytes: number; pending: number }): Value {
  const cells: Record<string, Value> = {};
  for (const state of ['SENT', 'SUCCEEDED', 'ERRORED', 'COMPLETED', 'PENDING']) {
    const isDone = state !== 'ERRORED' && state !== 'PENDING';
    cells[`${state}_REQUESTS`] = number(
      isDone ? counted.requests : state === 'PENDING' ? counted.pending : 0,
    );
    cells[`${state}_BYTES`] = bytes(isDone ? counted.bytes : 0);
  }
  return { kind: 'row', table: 'REPLICATION_PROGRESS_TABLE', cells };
}

export function instances(place: Place): Value {
  const { node, site, options } = place;
  const own = snapshotAt(place);
  const held = node.instances.get(site);
  const moving = options.isMoving(site, node);
  const isThere =
    node.kind === 'file' && own.version > 0 && (held !== undefined || moving !== null);
  return table(
    'INSTANCES_TABLE',
    isThere
      ? [
          {
            VOLUME: typed('STORAGE_VOLUME', volumeOf(site)),
            SPACE_USED: bytes(own.size),
            IS_ONLINE: bool(held !== undefined),
            IS_CURRENT: bool(held === own.version),
            IS_BEING_CREATED: bool(false),
            IS_BEING_MOVED: bool(moving !== null),
            PERCENTAGE_COMPLETE: number(Math.floor((moving ?? 1) * 100), 'percent'),
            PATH: text(instancePath(place)),
            ONLINE_DELAY: number(0, 'seconds'),
          },
        ]
      : [],
  );
}

/** assumed: payload lies under the file's number, not under its name */
export function instancePath({ node }: Place): string {
  return `/hsvol0/${node.uuid.slice(0, 2)}/${node.uuid}`;
}

export function storageVolumes({ site }: Place): Value {
  return table('STORAGE_VOLUMES_TABLE', [
    {
      NAME: text(volumeOf(site)),
      VOLUME_STATUS: typed('STORAGE_VOLUME_STATUS', 'OK'),
      // assumed: the type's name
      OPER_STATUS: typed('STORAGE_VOLUME_OPER_STATUS', 'UP'),
    },
  ]);
}

/** Objectives every cluster has [O rep objective-list.txt, the ones this studio knows], and those set by its users. */
const BUILT_IN_OBJECTIVES = [
  'availability-1-nine',
  'delegate-on-open',
  'do-not-move',
  'durability-1-nine',
  'durability-3-nines',
  'keep-online',
  'layout-get-on-open',
  'optimize-for-capacity',
];

export function smartObjectives({ world, site }: Place): Value {
  const names = new Set(BUILT_IN_OBJECTIVES);
  for (const node of world.nodes())
    for (const objective of node.seen.get(site)?.objectives ?? []) names.add(objective.name);
  return table(
    'SMART_OBJECTIVES_TABLE',
    [...names].toSorted().map((name) => ({ NAME: text(name) })),
  );
}

/** assumed: the sandbox's sweeper looks at everything each time, so a sweep is always just done. */
export function sweepDetails({ world }: Place): Value {
  let count = 0;
  for (const node of world.nodes()) if (node.kind === 'file') count += 1;
  return table('SWEEP_DETAILS_TABLE', [
    {
      NUMBER: number(world.changes),
      COUNT: number(count),
      TOTAL_COUNT: number(count),
      PROGRESS: number(100, 'percent'),
      RATE: number(0, 'rate'),
      REMAINING_TIME: number(0, 'seconds'),
    },
  ]);
}

const COLLECTIONS = ['all', 'open', 'selected'] as const;

export function collections(): Value {
  return table(
    'COLLECTIONS_TABLE',
    COLLECTIONS.map((name) => ({ NAME: text(name) })),
  );
}

/** Usage of a named collection over the whole share [hstk collsum]; the columns are assumed. */
export function collectionSums(
  place: Place,
  wanted: string,
  isIn: (member: Place, collection: string) => boolean,
): Value {
  const names = wanted === 'all' ? COLLECTIONS : COLLECTIONS.filter((name) => name === wanted);
  return table(
    'COLLECTION_SUMS_TABLE',
    names.map((name) => {
      let files = 0;
      let used = 0;
      for (const node of subtreeOf({ ...place, node: place.world.root })) {
        const member = { ...place, node };
        if (node.kind !== 'file' || !isIn(member, name)) continue;
        files += 1;
        used += isCurrent(member) ? snapshotAt(member).size : 0;
      }
      return {
        COLLECTION: text(name),
        FILES: number(files, 'files'),
        SPACE_USED: bytes(used),
      };
    }),
  );
}

export const NO_ASSIMILATION: Value = table('ASSIMILATION_DETAILS_TABLE', []);
export const NO_GROUPS: Value = table('VOLUME_GROUPS_TABLE', []);
export const NO_ERROR: Value = { kind: 'word', name: 'ERROR_NONE', value: 0 };
