// What a fresh site has: the built-in objectives, volume groups and default share objectives of a 5.3 cluster.

import type {
  AppliedObjective,
  Entity,
  GroupRecord,
  Location,
  ObjectiveRecord,
  SiteSetup,
} from './setup.ts';

/** Names and internal ids as a 5.3 cluster lists them [O hs-reporter objective-list fixture]. */
const SIMPLE: Readonly<Record<string, number>> = {
  'access-based-enumeration': 536870953,
  'acl-compatibility-mode-ignore-chmod': 536870963,
  'acl-compatibility-mode-non-posix': 536870962,
  'block-create': 536870949,
  'block-open': 536870951,
  'block-read': 536870940,
  'block-write': 536870948,
  'delegate-on-open': 536870915,
  'deny-create': 536870950,
  'deny-delete': 536870937,
  'deny-open': 536870952,
  'deny-read': 536870939,
  'deny-write': 536870938,
  'do-not-cache': 536870954,
  'layout-deny-on-error': 536870917,
  'layout-get-on-open': 536870916,
  'log-xfer-1-day': 536870932,
  'log-xfer-1-hour': 536870931,
  'log-xfer-1-month': 536870934,
  'log-xfer-1-week': 536870933,
  'no-atime': 536870926,
  'no-local-io': 536870977,
  'performance-fast': 1,
  'performance-medium': 2,
  'performance-slow': 3,
  'reevaluate-slos-10-minutes': 536870965,
  'reevaluate-slos-1-day': 536870967,
  'reevaluate-slos-1-hour': 536870966,
  'reevaluate-slos-1-month': 536870969,
  'reevaluate-slos-1-week': 536870968,
  'reevaluate-slos-1-year': 536870972,
  'reevaluate-slos-3-months': 536870970,
  'reevaluate-slos-6-months': 536870971,
  'undelete-1-day': 536870928,
  'undelete-1-hour': 536870927,
  'undelete-1-month': 536870930,
  'undelete-1-week': 536870929,
  'versioning-1-day': 536870958,
  'versioning-1-hour': 536870957,
  'versioning-1-month': 536870960,
  'versioning-1-week': 536870959,
};

const GROUPS = ['archive-object-volumes', 'object-volumes', 'shared-object-volumes'] as const;

const GROUP_OBJECTIVES: Readonly<Record<string, number>> = {
  'confine-to-archive-object-volumes': 1073741830,
  'confine-to-object-volumes': 1073741832,
  'confine-to-shared-object-volumes': 1073741831,
  'exclude-from-archive-object-volumes': 1073741828,
  'exclude-from-object-volumes': 1073741829,
  'exclude-from-shared-object-volumes': 1073741826,
  'place-on-archive-object-volumes': 1073741827,
  'place-on-object-volumes': 1073741825,
  'place-on-shared-object-volumes': 1073741824,
  'place-on-virus-scanners': 1073741833,
};

const NINES: Readonly<Record<string, readonly [number, 'durability' | 'availability', number]>> = {
  'availability-1-nine': [536870922, 'availability', 1],
  'availability-3-nines': [536870923, 'availability', 3],
  'availability-5-nines': [536870924, 'availability', 5],
  'durability-1-nine': [536870918, 'durability', 1],
  'durability-3-nines': [536870919, 'durability', 3],
  'durability-5-nines': [536870920, 'durability', 5],
  'durability-10-nines': [536870921, 'durability', 10],
};

/** Default share objectives [C OG p11]. Conditions that end in ?ALWAYS cannot be removed [C OG p14]. */
export const DEFAULT_APPLIED: readonly AppliedObjective[] = [
  ['keep-online', 'IS_BEING_CREATED OR (HAS_ONLINE_INSTANCE AND IS_RECENTLY_USED)?ALWAYS'],
  ['keep-online', 'IS_BEING_CREATED OR HAS_KEEP_ON_THIS_SITE'],
  ['durability-1-nine', 'DATA_ORIGIN_LOCAL?ALWAYS'],
  ['durability-3-nines', 'DATA_ORIGIN_LOCAL AND IS_DURABLE'],
  ['availability-1-nine', 'DATA_ORIGIN_LOCAL?ALWAYS'],
  ['layout-get-on-open', 'TRUE'],
  ['optimize-for-capacity', 'TRUE'],
  ['delegate-on-open', 'TRUE'],
].map(([name = '', condition = '']) => ({
  name,
  condition,
  removable: !condition.endsWith('?ALWAYS'),
  negated: false,
}));

export function freshSetup(from: {
  readonly now: number;
  readonly uuidOf: (name: string) => string;
  readonly share: { readonly name: string; readonly path: string };
  readonly rootKey: string;
}): SiteSetup {
  const entity = (kind: string, name: string, internalId: number): Entity => ({
    uuid: from.uuidOf(`${kind}:${name}`),
    internalId,
    name,
    comment: '',
    extendedInfo: {},
    created: from.now,
    modified: from.now,
  });
  const objective = (
    name: string,
    internalId: number,
    change: Partial<ObjectiveRecord> = {},
  ): ObjectiveRecord => ({
    ...plainObjective(entity('objective', name, internalId)),
    isBuiltIn: true,
    ...change,
  });
  const groups: GroupRecord[] = [...GROUPS, 'virus-scanners'].map((name, at) => ({
    ...entity('volume-group', name, 1073741834 + at),
    isBuiltIn: true,
    locations: name.includes('object') ? [{ kind: 'volume', name: 'staging' }] : [],
  }));
  return {
    objectives: [
      objective('keep-online', 536870912, { allowedOnlineDelay: 0 }),
      objective('do-not-move', 536870913, { doNotMove: true }),
      objective('optimize-for-capacity', 536870914, { capacityOptimize: true }),
      ...Object.entries(NINES).map(([name, [id, dimension, nines]]) =>
        objective(name, id, { [dimension]: nines }),
      ),
      ...Object.entries(GROUP_OBJECTIVES).map(([name, id]) =>
        objective(name, id, placementOf(name)),
      ),
      objective('virus-scan-operation', 536870955, {
        expression:
          "IF VIRUS_SCANNER_AVAILABLE AND DATA_ORIGIN_LOCAL THEN {SLO('place-on-virus-scanners')}",
      }),
      objective('worm-operation', 536870956, {
        expression:
          "IF ATTRIBUTES.WORM_EXPIRE_DATE>NOW THEN {SLO('deny-delete'),SLO('deny-write')}",
      }),
      ...Object.entries(SIMPLE).map(([name, id]) => objective(name, id)),
    ].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    groups,
    labels: [],
    shares: [
      {
        ...entity('share', from.share.name, 12),
        path: from.share.path,
        state: 'PUBLISHED',
        purgeAt: null,
        settings: {},
        snapshots: [],
      },
    ],
    objectVolumes: [{ ...entity('object-volume', 'staging', 5), settings: {} }],
    applied: { [from.rootKey]: DEFAULT_APPLIED },
    site: { modified: from.now, settings: {} },
    nextInternalId: 1073741900,
  };
}

export function plainObjective(entity: Entity): ObjectiveRecord {
  return {
    ...entity,
    isBuiltIn: false,
    priority: 'MEDIUM',
    expression: null,
    placeOn: [],
    confineTo: [],
    excludeFrom: [],
    allowedOnlineDelay: null,
    doNotMove: false,
    capacityOptimize: false,
    durability: 0,
    availability: 0,
  };
}

export const GROUP_PREFIXES = ['place-on-', 'confine-to-', 'exclude-from-'] as const;

/** What `place-on-<group>` and its siblings ask for, by the name they are made with [C OG p20]. */
export function placementOf(name: string): Partial<ObjectiveRecord> {
  const prefix = GROUP_PREFIXES.find((each) => name.startsWith(each));
  if (prefix === undefined) return {};
  const group: Location = { kind: 'group', name: name.slice(prefix.length) };
  switch (prefix) {
    case 'place-on-':
      return { placeOn: [[group]] };
    case 'confine-to-':
      return { confineTo: [group] };
    case 'exclude-from-':
      return { excludeFrom: [group] };
  }
}
