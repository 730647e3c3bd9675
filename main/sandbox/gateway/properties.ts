// What an expression may ask about an item: its properties and functions, by name (reference §3.5).

import {
  EMPTY,
  bool,
  bytes,
  number,
  site as siteValue,
  text,
  truthOf,
  typed,
  type Scope,
  type Value,
} from '../hammerscript.ts';
import { ask, attributesOf } from './metadata.ts';
import { isCurrent, snapshotAt, volumeOf, type Place } from './place.ts';
import { nameIn } from './stored.ts';
import {
  NO_ASSIMILATION,
  NO_ERROR,
  NO_GROUPS,
  collectionSums,
  collections,
  instances,
  participants,
  replicationDetails,
  smartObjectives,
  storageVolumes,
  sweepDetails,
} from './tables.ts';

export function scopeOf(place: Place): Scope {
  const scope: Scope = {
    property: (name) => PROPERTIES[name]?.(place, scope) ?? ask(place, scope, name, []),
    call: (name, args) => call(place, scope, name, args),
  };
  return scope;
}

type Property = (place: Place, scope: Scope) => Value;

const seconds = (ms: number): Value => number(Math.max(0, Math.round(ms)) / 1000, 'seconds');
const date = (ms: number): Value => ({ kind: 'date', ms });
const age =
  (read: (place: Place) => number): Property =>
  (place) =>
    seconds(place.world.options.now() - read(place));
const modified = (place: Place): number => snapshotAt(place).modified;
const created = (place: Place): number => snapshotAt(place).created;
const fixed =
  (value: Value): Property =>
  () =>
    value;
const NO = fixed(bool(false));
const YES = fixed(bool(true));
const isFile = (place: Place): boolean => place.node.kind === 'file';
const pathOf = ({ world, site, node }: Place): string => world.pathAt(site, node);

/** Time since the last use that keeps data online by default [OG p18]. */
const RECENTLY_USED_SECONDS = 300;

const PROPERTIES: Readonly<Record<string, Property>> = {
  NAME: (place) => text(pathOf(place).split('/').at(-1) ?? ''),
  PATH: (place) => text(`./${pathOf(place)}`),
  DPATH: (place) => text(relativeTo(pathOf({ ...place, node: place.base }), pathOf(place))),
  INODE: ({ node }) => number(node.id),
  TYPE: (place) => typed('ITEM_TYPE', isFile(place) ? 'FILE' : 'DIRECTORY'),
  // assumed: how a mode is written
  MODE: (place) => text(isFile(place) ? '0644' : '0755'),
  SIZE: (place) => bytes(snapshotAt(place).size),
  SPACE_USED: (place) => bytes(isCurrent(place) ? snapshotAt(place).size : 0),
  OWNER: (place) => typed('USER', snapshotAt(place).owner),
  // assumed: the type's name
  OWNER_GROUP: fixed(typed('GROUP', 'artists')),
  NOW: ({ world }) => date(world.options.now()),
  MODIFY_TIME: (place) => date(modified(place)),
  CHANGE_TIME: (place) => date(modified(place)),
  ACCESS_TIME: (place) => date(modified(place)),
  CREATE_TIME: (place) => date(created(place)),
  MODIFY_AGE: age(modified),
  CHANGE_AGE: age(modified),
  ACCESS_AGE: age(modified),
  LAST_USE_AGE: age(modified),
  CREATE_AGE: age(created),
  VERSION: (place) => number(snapshotAt(place).version),
  ERRORS: fixed(NO_ERROR),
  IS_FILE: (place) => bool(isFile(place)),
  IS_DIRECTORY: (place) => bool(!isFile(place)),
  IS_LIVE: YES,
  IS_SNAP: NO,
  IS_UNDELETE: NO,
  IS_DELETED: NO,
  IS_AVAILABLE: YES,
  IS_DURABLE: YES,
  ALWAYS: YES,
  IS_OPEN: ({ world, site, node }) => bool(world.isOpen(site, node)),
  IS_ONLINE: (place) => bool(isCurrent(place)),
  HAS_ONLINE_INSTANCE: (place) => bool(isCurrent(place)),
  IS_BEING_CREATED: NO,
  IS_BEING_MOVED: ({ options, site, node }) => bool(options.isMoving(site, node) !== null),
  IS_RECENTLY_USED: (place, scope) => {
    const kept = attribute(place, scope, 'RECENTLY_USED_DURATION');
    const limit = kept.kind === 'number' ? kept.value : RECENTLY_USED_SECONDS;
    return bool(place.world.options.now() - modified(place) < limit * 1000);
  },
  ONLINE_DELAY: fixed(number(0, 'seconds')),
  DATA_ORIGIN_LOCAL: (place) => bool(snapshotAt(place).origin === place.site),
  DATA_ORIGIN_REMOTE: (place) => bool(snapshotAt(place).origin !== place.site),
  DATA_ORIGIN_SITE: (place) => siteValue(snapshotAt(place).origin),
  ORIGIN_SITE: ({ node }) => siteValue(node.creator),
  HAS_KEEP_ON_THIS_SITE: (place, scope) =>
    ask(place, scope, 'HAS_KEEP_ON_SITE', [text(place.site)]) ?? bool(false),
  OVERALL_ALIGNMENT: (place) =>
    typed('ALIGNMENT', place.options.alignment?.(place.site, place.node) ?? alignmentOf(place)),
  OVERALL_ALIGNMENT_STATE: ({ options, site, node }) =>
    typed('ALIGNMENT_STATE', options.isMoving(site, node) === null ? 'ALIGNED' : 'MOVING'),
  ATTRIBUTES: attributesOf,
  ALL_LABELS: (place, scope) => ask(place, scope, 'LIST_LABELS', []) ?? EMPTY,
  INSTANCES: instances,
  PARTICIPANTS: participants,
  PARENT_SHARE: ({ world }) => text(world.options.share.name),
  REPLICATION_DETAILS: replicationDetails,
  REPLICATION_ERROR: fixed(NO_ERROR),
  SWEEP_DETAILS: sweepDetails,
  STORAGE_VOLUMES: storageVolumes,
  VOLUME_GROUPS: fixed(NO_GROUPS),
  SMART_OBJECTIVES: smartObjectives,
  ASSIMILATION_DETAILS: fixed(NO_ASSIMILATION),
  COLLECTIONS: collections,
  DUMP_INODE: (place, scope) => rowOf(place, scope, SHORT_DUMP),
  THIS: (place, scope) => rowOf(place, scope, FULL_DUMP),
};

function alignmentOf(place: Place): string {
  const isMissing = place.options.isWanted(place.site, place.node) && !isCurrent(place);
  return isMissing ? 'MISALIGNED' : 'ALIGNED';
}

const SHORT_DUMP = [
  'PATH',
  'INODE',
  'TYPE',
  'SIZE',
  'SPACE_USED',
  'OWNER',
  'MODIFY_TIME',
  'ERRORS',
  'OVERALL_ALIGNMENT',
  'INSTANCES',
];

/** Items seen in full dumps [O rep, OG p67-74]; tags and keywords are not among them. */
const FULL_DUMP = [
  'NOW INODE NAME TYPE MODE OWNER SIZE SPACE_USED CREATE_TIME CHANGE_TIME ACCESS_TIME',
  'MODIFY_TIME CREATE_AGE CHANGE_AGE ACCESS_AGE MODIFY_AGE ERRORS VERSION INSTANCES',
  'SWEEP_DETAILS REPLICATION_DETAILS REPLICATION_ERROR OVERALL_ALIGNMENT',
  'OVERALL_ALIGNMENT_STATE DATA_ORIGIN_LOCAL DATA_ORIGIN_REMOTE DATA_ORIGIN_SITE ORIGIN_SITE',
  'IS_OPEN HAS_ONLINE_INSTANCE IS_ONLINE IS_BEING_MOVED IS_BEING_CREATED IS_AVAILABLE IS_LIVE',
  'IS_SNAP IS_UNDELETE IS_DELETED IS_RECENTLY_USED ONLINE_DELAY ATTRIBUTES PATH DPATH',
  'PARENT_SHARE PARTICIPANTS ALL_LABELS',
].flatMap((line) => line.split(' '));

/** The table's name is assumed. Each cell is only worked out when it is asked for. */
function rowOf(place: Place, scope: Scope, names: readonly string[]): Value {
  const cells: Record<string, Value> = {};
  for (const name of names)
    Object.defineProperty(cells, name, {
      enumerable: true,
      get: () => PROPERTIES[name]?.(place, scope) ?? EMPTY,
    });
  return { kind: 'row', table: 'INODE_TABLE', cells };
}

const ENUMS = new Set([
  'ALIGNMENT',
  'ALIGNMENT_STATE',
  'COLLECTION',
  'GROUP',
  'ITEM_TYPE',
  'LABEL',
  'SITE',
  'SLO',
  'STORAGE_VOLUME',
  'STORAGE_VOLUME_STATUS',
  'SUMMATION',
  'USER',
  'VIRUS_SCAN_STATE',
]);

function call(place: Place, scope: Scope, name: string, args: readonly Value[]): Value | undefined {
  if (ENUMS.has(name)) return typed(name, nameIn(args[0]));
  switch (name) {
    case 'COLLECTION_SUMS':
      return collectionSums(place, nameIn(args[0]), isInCollection);
    case 'IS_IN':
      return bool(isInCollection(place, nameIn(args[0])));
    case 'DUMP_INODE_ON':
      return nameIn(args[0]) === volumeOf(place.site) && isCurrent(place)
        ? rowOf(place, scope, SHORT_DUMP)
        : EMPTY;
    default:
      // `LIST_REKOGNITION_TAGS()` is the same as without brackets [C hstk].
      return ask(place, scope, name, args) ?? PROPERTIES[name]?.(place, scope);
  }
}

/** What the virtual folder `.collections/<name>` lists [C hstk-t]. */
export function isInCollection(place: Place, collection: string): boolean {
  if (place.node.kind !== 'file') return false;
  if (collection === 'all') return true;
  if (collection === 'open') return place.world.isOpen(place.site, place.node);
  const scope = scopeOf(place);
  return collection === 'selected' && truthOf(attribute(place, scope, 'SELECTED'));
}

function attribute(place: Place, scope: Scope, name: string): Value {
  return ask(place, scope, 'GET_ATTRIBUTE', [text(name)]) ?? EMPTY;
}

function relativeTo(base: string, path: string): string {
  if (path === base) return './';
  return `./${base === '' ? path : path.slice(base.length + 1)}`;
}
