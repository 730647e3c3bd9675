// What the objectives of a site ask of each file there, by really evaluating the conditions they are applied with.

import {
  EMPTY,
  ExpressionError,
  bool,
  bytes,
  evaluate,
  fnmatch,
  number,
  parseExpression,
  site as siteValue,
  text,
  truthOf,
  type Scope,
  type Value,
} from './hammerscript.ts';
import { freshSetup } from './objective-catalogue.ts';
import {
  Setup,
  type AppliedObjective,
  type Location,
  type ObjectiveRecord,
  type SavedSetup,
} from './setup.ts';
import { uuidOf } from './stable-uuid.ts';
import type { Change, Node, SiteName, Snapshot, World } from './world.ts';

/** Dimensions of compliance [C spec]; keep-online is the one of online delay. */
export type Dimension =
  | 'DIMENSION_LOC_PLACE_ON'
  | 'DIMENSION_LOC_CONFINE_TO'
  | 'DIMENSION_LOC_EXCLUDE_FROM'
  | 'DIMENSION_ONLINE_DELAY'
  | 'DIMENSION_DURABILITY'
  | 'DIMENSION_AVAILABILITY';

export interface Requirement {
  readonly dimension: Dimension;
  readonly objective: string;
  readonly asks: 'copy-here' | 'no-copy-here' | 'any-copy' | 'object-copy';
}

/** What applies to one file at one site. */
export interface Demand {
  readonly requirements: readonly Requirement[];
  /** do-not-move: evaluated, but nothing moves [O objective-list fixture]. */
  readonly isFrozen: boolean;
  /** optimize-for-capacity: a local copy that nothing requires goes [C OG p19]. */
  readonly isTrimmed: boolean;
}

/** Names of the first and the last are in public dumps; the middle one is assumed. */
export type Alignment = 'ALIGNED' | 'PARTIALLY_ALIGNED' | 'MISALIGNED';

export interface Objectives {
  readonly setup: Setup;
  /** Names of a site's own node and volume. */
  nodeOf(site: SiteName): string;
  volumeOf(site: SiteName): string;
  /** Own list of a place, without what it inherits. */
  local(site: SiteName, node: Node): readonly AppliedObjective[];
  /** Own and inherited, without what is masked. */
  effective(site: SiteName, node: Node): readonly AppliedObjective[];
  /** Those whose condition holds now. */
  active(site: SiteName, node: Node): readonly AppliedObjective[];
  demand(site: SiteName, node: Node): Demand;
  isMet(site: SiteName, node: Node, requirement: Requirement): boolean;
  alignment(site: SiteName, node: Node): Alignment;
  /** The payload should come here. */
  isWanted(site: SiteName, node: Node): boolean;
  /** The payload should leave here; never true for the last reachable copy. */
  isUnwanted(site: SiteName, node: Node): boolean;
}

const NOTHING: Demand = { requirements: [], isFrozen: false, isTrimmed: false };
/** A verdict that read a clock is asked again after this long. */
const TIMED_MS = 2_000;
/** RECENTLY_USED_DURATION of a file that says nothing else [C OG p19]. */
const RECENT_SECONDS = 300;
const MAX_DEPTH = 8;

interface Verdict {
  readonly known: Snapshot;
  readonly held: number | undefined;
  readonly folderEpoch: number;
  readonly setupEpoch: number;
  readonly until: number;
  readonly demand: Demand;
}

interface FolderList {
  readonly folderEpoch: number;
  readonly setupEpoch: number;
  readonly list: readonly AppliedObjective[];
}

interface Derived {
  readonly setupEpoch: number;
  readonly definitions: ReadonlyMap<string, ObjectiveRecord>;
  /** By the names of what is in force. */
  readonly demands: Map<string, Demand>;
}

export function createObjectives(
  world: World,
  options: { readonly saved?: SavedSetup } = {},
): Objectives {
  const setup = new Setup({
    initial: () =>
      freshSetup({
        now: world.options.now(),
        uuidOf,
        share: world.options.share,
        rootKey: placeKey(world.root),
      }),
    saved: options.saved,
    onChange: () => world.touch(),
  });
  const parsed = new Map<string, Parsed>();
  const verdicts = new Map<SiteName, Map<Node, Verdict>>();
  const derived = new Map<SiteName, Derived>();
  const folders = new Map<SiteName, Map<Node, FolderList>>();
  let folderEpoch = 0;
  const marked = new Set<string>();
  /** Only marks of a folder reach what lies below; a plain folder that is made changes nothing for others. */
  const noteFolder = ({ node, site }: Change): void => {
    if (node.kind !== 'folder') return;
    const key = `${site}\n${node.id}`;
    const isMarked = hasMarks(node.seen.get(site));
    if (isMarked || marked.has(key)) folderEpoch += 1;
    if (isMarked) marked.add(key);
    else marked.delete(key);
  };
  /** Nodes whose objectives were set through a gateway. */
  const inBand = new Set<number>();
  for (const node of world.nodes()) if (node.head.objectives.length > 0) inBand.add(node.id);
  world.on('changed', noteFolder);
  world.on('changed', followGateway);
  world.on('replicated', noteFolder);

  const nodeOf = (site: SiteName): string => `dsx-${site}-1`;
  const volumeOf = (site: SiteName): string =>
    world.options.volume?.(site)?.name ?? `${nodeOf(site)}::/hsvol0`;

  const local = (site: SiteName, node: Node): readonly AppliedObjective[] =>
    setup.applied(site, placeKey(node));

  /**
   * Objectives are per site [C OG p13]: what the gateway of one site sets is in force there and nowhere else,
   * though the list of them travels with the other metadata.
   */
  function followGateway({ node, site }: Change): void {
    const written = node.seen.get(site)?.objectives ?? [];
    if (written.length === 0 && !inBand.has(node.id)) return;
    const key = placeKey(node);
    const isWritten = (applied: AppliedObjective): boolean =>
      written.some((each) => pairOf(each) === pairOf(applied));
    const known = new Set<string>();
    for (const { name } of world.options.sites) {
      const own = setup.applied(name, key);
      const kept = own.filter((applied) => !applied.isInBand || isWritten(applied));
      if (kept.length < own.length) setup.setApplied(name, key, kept);
      for (const applied of kept) if (applied.isInBand) known.add(pairOf(applied));
    }
    const added = written
      .filter((each) => !known.has(pairOf(each)))
      .map((each) => ({ ...each, removable: true, negated: false, isInBand: true }));
    if (added.length > 0) setup.setApplied(site, key, [...setup.applied(site, key), ...added]);
    if (written.length > 0) inBand.add(node.id);
    else inBand.delete(node.id);
  }

  function effective(site: SiteName, node: Node): readonly AppliedObjective[] {
    if (node.kind === 'file' && node.parent && local(site, node).length === 0)
      return effective(site, node.parent);
    let ofSite = folders.get(site);
    if (!ofSite) folders.set(site, (ofSite = new Map()));
    const known = ofSite.get(node);
    if (known?.folderEpoch === folderEpoch && known.setupEpoch === setup.changes) return known.list;
    const list = gather(site, node);
    if (node.kind === 'folder') ofSite.set(node, { folderEpoch, setupEpoch: setup.changes, list });
    return list;
  }

  function gather(site: SiteName, node: Node): readonly AppliedObjective[] {
    const found: AppliedObjective[] = [];
    const masks = new Set<string>();
    for (let at: Node | null = node; at; at = at.parent) {
      const own = local(site, at);
      for (const applied of own)
        if (!applied.negated && !masks.has(pairOf(applied))) found.push(applied);
      for (const applied of own) if (applied.negated) masks.add(pairOf(applied));
    }
    return found;
  }

  function active(site: SiteName, node: Node): readonly AppliedObjective[] {
    const scope = conditionScope(site, node);
    return effective(site, node).filter((applied) => holds(applied.condition, scope));
  }

  function parse(source: string): Parsed {
    const known = parsed.get(source);
    if (known !== undefined) return known;
    if (parsed.size > 10_000) parsed.clear();
    const made = tryParse(source);
    parsed.set(source, made);
    return made;
  }

  function holds(condition: string, scope: Scope): boolean {
    const value = valueOf(condition, scope);
    return value !== null && truthOf(value);
  }

  /** Null for a condition this reader does not know: it never moves data; `validate` tells its author. */
  function valueOf(source: string, scope: Scope): Value | null {
    const expression = parse(source);
    if (expression === null) return null;
    try {
      return evaluate(expression, scope);
    } catch (error) {
      if (error instanceof ExpressionError) return null;
      throw error;
    }
  }

  function demand(site: SiteName, node: Node): Demand {
    const known = node.seen.get(site);
    if (node.kind !== 'file' || !known || known.version === 0) return NOTHING;
    let ofSite = verdicts.get(site);
    if (!ofSite) verdicts.set(site, (ofSite = new Map()));
    const held = node.instances.get(site);
    const now = world.options.now();
    const before = ofSite.get(node);
    if (
      before?.known === known &&
      before.held === held &&
      before.folderEpoch === folderEpoch &&
      before.setupEpoch === setup.changes &&
      now < before.until
    )
      return before.demand;
    const clock = { isRead: false };
    const made = demandOf(site, namesInForce(site, node, clock));
    const until = clock.isRead ? now + TIMED_MS : Number.POSITIVE_INFINITY;
    ofSite.set(node, { known, held, folderEpoch, setupEpoch: setup.changes, until, demand: made });
    return made;
  }

  /** Names of the objectives in force, with those that expressions expand to. */
  function namesInForce(site: SiteName, node: Node, clock: { isRead: boolean }): string[] {
    const scope = conditionScope(site, node, clock);
    const { definitions } = derivedOf(site);
    const names = new Set<string>();
    const add = (name: string, depth: number): void => {
      const definition = definitions.get(name);
      if (!definition || names.has(name) || depth > MAX_DEPTH) return;
      names.add(name);
      if (definition.expression === null) return;
      const value = valueOf(definition.expression, scope);
      for (const inner of value ? slosOf(value) : []) add(inner, depth + 1);
    };
    for (const applied of effective(site, node))
      if (!names.has(applied.name) && holds(applied.condition, scope)) add(applied.name, 0);
    return [...names];
  }

  /** Most files ask for the same, so that they share one answer. */
  function demandOf(site: SiteName, names: readonly string[]): Demand {
    const { definitions, demands } = derivedOf(site);
    const key = names.join('\n');
    const same = demands.get(key);
    if (same) return same;
    const found = names.flatMap((name) => definitions.get(name) ?? []);
    const made: Demand = {
      requirements: found.flatMap((definition) => requirementsOf(site, definition)),
      isFrozen: found.some(({ doNotMove }) => doNotMove),
      isTrimmed: found.some(({ capacityOptimize }) => capacityOptimize),
    };
    demands.set(key, made);
    return made;
  }

  /** What follows from a site's setup alone, worked out again when that changes. */
  function derivedOf(site: SiteName): Derived {
    const known = derived.get(site);
    if (known?.setupEpoch === setup.changes) return known;
    const made: Derived = {
      definitions: new Map(setup.of(site).objectives.map((each) => [each.name, each])),
      demands: new Map(),
      setupEpoch: setup.changes,
    };
    derived.set(site, made);
    return made;
  }

  function requirementsOf(site: SiteName, from: ObjectiveRecord): Requirement[] {
    const found: Requirement[] = [];
    const add = (dimension: Dimension, asks: Requirement['asks']): void => {
      found.push({ dimension, objective: from.name, asks });
    };
    const isHere = (location: Location): boolean => covers(site, location, 0);
    for (const choices of from.placeOn)
      add('DIMENSION_LOC_PLACE_ON', choices.some(isHere) ? 'copy-here' : 'object-copy');
    if (from.confineTo.length > 0 && !from.confineTo.some(isHere))
      add('DIMENSION_LOC_CONFINE_TO', 'no-copy-here');
    if (from.excludeFrom.some(isHere)) add('DIMENSION_LOC_EXCLUDE_FROM', 'no-copy-here');
    if (from.allowedOnlineDelay === 0) add('DIMENSION_ONLINE_DELAY', 'copy-here');
    if (from.durability > 0) add('DIMENSION_DURABILITY', 'any-copy');
    if (from.availability > 0) add('DIMENSION_AVAILABILITY', 'any-copy');
    return found;
  }

  /** Whether a location is, or contains, the site's own volume. */
  function covers(site: SiteName, location: Location, depth: number): boolean {
    switch (location.kind) {
      case 'node':
        return location.name === nodeOf(site);
      case 'volume':
        return location.name === volumeOf(site);
      case 'group': {
        const group = setup.of(site).groups.find((each) => each.name === location.name);
        return (
          depth < MAX_DEPTH &&
          group !== undefined &&
          group.locations.some((inner) => covers(site, inner, depth + 1))
        );
      }
    }
  }

  function hasCurrent(site: SiteName, node: Node): boolean {
    const known = node.seen.get(site);
    return known !== undefined && known.version > 0 && node.instances.get(site) === known.version;
  }

  function isMet(site: SiteName, node: Node, requirement: Requirement): boolean {
    switch (requirement.asks) {
      case 'copy-here':
        return hasCurrent(site, node);
      case 'no-copy-here':
        return !node.instances.has(site);
      case 'any-copy':
        return world.options.sites.some((other) => hasCurrent(other.name, node));
      case 'object-copy':
        // The staging bucket keeps nothing, so no copy on an object volume ever counts.
        return false;
    }
  }

  function alignment(site: SiteName, node: Node): Alignment {
    const { requirements } = demand(site, node);
    const met = requirements.filter((requirement) => isMet(site, node, requirement)).length;
    if (met === requirements.length) return 'ALIGNED';
    return met === 0 ? 'MISALIGNED' : 'PARTIALLY_ALIGNED';
  }

  function isWanted(site: SiteName, node: Node): boolean {
    // A file that is open here is pulled here (on-demand mobility, OG p10).
    if (world.isOpen(site, node) && (node.seen.get(site)?.version ?? 0) > 0) return true;
    const { requirements, isFrozen } = demand(site, node);
    return (
      !isFrozen &&
      requirements.some(({ asks }) => asks === 'copy-here') &&
      // assumed: where one objective asks for a copy and another forbids it, none comes
      !requirements.some(({ asks }) => asks === 'no-copy-here')
    );
  }

  function isUnwanted(site: SiteName, node: Node): boolean {
    if (!hasCurrent(site, node) || world.isOpen(site, node)) return false;
    const { requirements, isFrozen, isTrimmed } = demand(site, node);
    if (isFrozen) return false;
    const isForbidden = requirements.some(({ asks }) => asks === 'no-copy-here');
    const isNeeded = requirements.some(({ asks }) => asks === 'copy-here' || asks === 'any-copy');
    if (!isForbidden && (!isTrimmed || isNeeded)) return false;
    const version = node.seen.get(site)?.version;
    return world.options.sites.some(
      (other) =>
        other.name !== site &&
        !world.isCut(site, other.name) &&
        hasCurrent(other.name, node) &&
        node.instances.get(other.name) === version &&
        // Two sites must not each let go because the other one has it.
        !demand(other.name, node).requirements.some(({ asks }) => asks === 'no-copy-here') &&
        demand(other.name, node).requirements.some(
          ({ asks }) => asks === 'copy-here' || asks === 'any-copy',
        ),
    );
  }

  function conditionScope(site: SiteName, node: Node, clock = { isRead: false }): Scope {
    const own = node.seen.get(site) ?? node.head;
    const now = (): number => {
      clock.isRead = true;
      return world.options.now();
    };
    const lists: Lists = {
      keywords: (from) => world.gathered(site, from, (snapshot) => snapshot.keywords),
      labels: (from) =>
        withImplied(
          site,
          world.gathered(site, from, (found) => found.labels),
        ),
      keepOnSites: (from) => world.gathered(site, from, (snapshot) => snapshot.keepOnSites),
      tag: (from, name) =>
        world.inherited(site, from, ({ tags }) =>
          Object.hasOwn(tags, name) ? tags[name] : undefined,
        ),
      attribute: (from, name) =>
        world.inherited(site, from, ({ attributes }) =>
          Object.hasOwn(attributes, name) ? attributes[name] : undefined,
        ),
    };
    const recentSeconds = (): number => {
      const set = lists.attribute(node, 'RECENTLY_USED_DURATION');
      const value = set === undefined ? null : valueOf(set, { property: none, call: none });
      return value?.kind === 'number' ? value.value : RECENT_SECONDS;
    };
    const attributes = (): Value => {
      const names = world.gathered(site, node, (snapshot) => Object.keys(snapshot.attributes));
      const cells = names.map((name) => [
        name.toUpperCase(),
        typed(lists.attribute(node, name) ?? ''),
      ]);
      return { kind: 'row', table: 'ATTRIBUTES_TABLE', cells: Object.fromEntries(cells) };
    };
    const facts: Facts = {
      site,
      node,
      own,
      now,
      recentSeconds,
      isCurrent: hasCurrent(site, node),
      isKept: () => lists.keepOnSites(node).includes(site),
      path: () => world.pathAt(site, node),
    };
    return {
      property(name) {
        const read = PROPERTIES[name];
        if (read) return read(facts);
        return name === 'ATTRIBUTES' ? attributes() : undefined;
      },
      call: (name, args) => call(name, args, { node, own, lists }),
    };
  }

  /** A label may imply others of the site's schema [C OG]. */
  function withImplied(site: SiteName, names: readonly string[]): string[] {
    const found = new Set(names);
    if (found.size === 0) return [];
    const schema = setup.of(site).labels;
    for (const name of found)
      for (const implied of schema.find((label) => label.name === name)?.implies ?? [])
        found.add(implied);
    return [...found];
  }

  return {
    setup,
    nodeOf,
    volumeOf,
    local,
    effective,
    active,
    demand,
    isMet,
    alignment,
    isWanted,
    isUnwanted,
  };
}

function hasMarks(known: Snapshot | undefined): boolean {
  return (
    known !== undefined &&
    [
      known.keywords,
      known.labels,
      known.keepOnSites,
      known.objectives,
      Object.keys(known.tags),
      Object.keys(known.attributes),
    ].some((list) => list.length > 0)
  );
}

/** Where objectives are kept that are applied to a folder or file of the studio's share. */
export function placeKey(node: Node): string {
  return `node:${node.id}`;
}

export function pairOf(applied: { readonly name: string; readonly condition: string }): string {
  return `${applied.name}\n${applied.condition}`;
}

export interface ConditionError {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** What is wrong with a condition or an expression; empty for one that will be evaluated. */
export function checkCondition(source: string): ConditionError[] {
  try {
    const names = namesIn(parseCondition(source));
    const unknown = names.filter(({ kind, name }) =>
      kind === 'call'
        ? !FUNCTIONS.has(name)
        : !Object.hasOwn(PROPERTIES, name) && !/^(?:ATTRIBUTES$|ROW$|#)/.test(name),
    );
    return unknown.map(({ name }) => {
      const at = Math.max(0, source.toUpperCase().indexOf(name));
      const before = source.slice(0, at).split('\n');
      return {
        line: before.length,
        column: (before.at(-1)?.length ?? 0) + 1,
        message: `unknown name ${name}`,
      };
    });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return [{ line: 1, column: 1, message: error.message }];
  }
}

/** Names that may be written next, for `validate`. */
export function completionsFor(source: string): string[] {
  const begun = /[A-Za-z_.]+$/.exec(source)?.[0].toUpperCase() ?? '';
  if (begun === '') return [];
  return [...Object.keys(PROPERTIES), ...FUNCTIONS]
    .filter((name) => name.startsWith(begun) && name !== begun)
    .toSorted();
}

type Parsed = ReturnType<typeof parseExpression> | null;

function tryParse(source: string): Parsed {
  try {
    return parseCondition(source);
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

/** Guide and CLI write amounts as `2*MBYTES` and as `7DAYS`; outside of strings the first is read as the second. */
function parseCondition(source: string): NonNullable<Parsed> {
  return parseExpression(
    source.replace(
      /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(\d)\s*\*\s*(?=[A-Za-z])/g,
      (whole, digit: string | undefined) => (digit === undefined ? whole : `${digit} `),
    ),
  );
}

function namesIn(at: unknown): { kind: 'name' | 'call'; name: string }[] {
  if (Array.isArray(at)) return at.flatMap(namesIn);
  if (typeof at !== 'object' || at === null) return [];
  const { kind, name, value, ...rest } = at as Record<string, unknown>;
  if (kind === 'value') return [];
  const inner = Object.values(rest).flatMap(namesIn);
  void value;
  return (kind === 'name' || kind === 'call') && typeof name === 'string'
    ? [{ kind, name }, ...inner]
    : inner;
}

function slosOf(value: Value): string[] {
  if (value.kind === 'tuple') return value.items.flatMap(slosOf);
  return value.kind === 'enum' && value.type === 'SLO' ? [value.name] : [];
}

interface Facts {
  readonly site: SiteName;
  readonly node: Node;
  readonly own: Snapshot;
  readonly isCurrent: boolean;
  now(): number;
  recentSeconds(): number;
  isKept(): boolean;
  path(): string;
}

const age = (facts: Facts, since: number): Value => number((facts.now() - since) / 1000);
const date = (ms: number): Value => ({ kind: 'date', ms });
/** The world knows no reads and no times of access: a file was last used when it was last written. */
const lastUse = ({ own }: Facts): number => Math.max(own.modified, own.created);

const PROPERTIES: Readonly<Record<string, (facts: Facts) => Value>> = {
  ALWAYS: () => bool(true),
  NEVER: () => bool(false),
  NOW: (facts) => date(facts.now()),
  IS_LIVE: () => bool(true),
  IS_SNAP: () => bool(false),
  IS_UNDELETE: () => bool(false),
  IS_DELETED: ({ own }) => bool(own.deleted),
  IS_OPEN: () => bool(false),
  IS_FILE: ({ node }) => bool(node.kind === 'file'),
  IS_DIRECTORY: ({ node }) => bool(node.kind === 'folder'),
  IS_BEING_CREATED: () => bool(false),
  IS_AVAILABLE: () => bool(true),
  IS_DURABLE: () => bool(false),
  IS_ONLINE: ({ isCurrent }) => bool(isCurrent),
  HAS_ONLINE_INSTANCE: ({ isCurrent }) => bool(isCurrent),
  IS_RECENTLY_USED: (facts) => bool((facts.now() - lastUse(facts)) / 1000 < facts.recentSeconds()),
  HAS_KEEP_ON_THIS_SITE: (facts) => bool(facts.isKept()),
  DATA_ORIGIN_LOCAL: ({ own, site }) => bool(own.origin === site),
  DATA_ORIGIN_REMOTE: ({ own, site }) => bool(own.origin !== site),
  DATA_ORIGIN_SITE: ({ own }) => siteValue(own.origin),
  ORIGIN_SITE: ({ node }) => siteValue(node.creator),
  VIRUS_SCANNER_AVAILABLE: () => bool(false),
  IS_THREAT: () => bool(false),
  IS_THREAT_UNKNOWN: () => bool(false),
  ERRORS: () => EMPTY,
  INSTANCES: ({ node, site, own }) => ({
    kind: 'table',
    name: 'INSTANCES_TABLE',
    rows: node.instances.has(site)
      ? [
          {
            IS_CURRENT: bool(node.instances.get(site) === own.version),
            SPACE_USED: bytes(own.size),
          },
        ]
      : [],
  }),
  NAME: (facts) => text(facts.path().split('/').at(-1) ?? ''),
  PATH: (facts) => text(`./${facts.path()}`),
  DPATH: (facts) => text(`./${facts.path()}`),
  OWNER: ({ own }) => ({ kind: 'enum', type: 'USER', name: own.owner }),
  INODE: ({ node }) => number(node.id),
  VERSION: ({ own }) => number(own.version),
  SIZE: ({ own }) => bytes(own.size),
  SPACE_USED: ({ own, isCurrent }) => bytes(isCurrent ? own.size : 0),
  MODIFY_TIME: ({ own }) => date(own.modified),
  CHANGE_TIME: ({ own }) => date(own.modified),
  ACCESS_TIME: (facts) => date(lastUse(facts)),
  CREATE_TIME: ({ own }) => date(own.created),
  MODIFY_AGE: (facts) => age(facts, facts.own.modified),
  CHANGE_AGE: (facts) => age(facts, facts.own.modified),
  ACCESS_AGE: (facts) => age(facts, lastUse(facts)),
  CREATE_AGE: (facts) => age(facts, facts.own.created),
  LAST_USE_AGE: (facts) => age(facts, lastUse(facts)),
};

interface Lists {
  keywords(from: Node): readonly string[];
  labels(from: Node): readonly string[];
  keepOnSites(from: Node): readonly string[];
  tag(from: Node, name: string): string | undefined;
  attribute(from: Node, name: string): string | undefined;
}

const FUNCTIONS: ReadonlySet<string> = new Set([
  'HAS_KEYWORD',
  'HAS_KEYWORD_LOCAL',
  'HAS_KEYWORD_INHERITED',
  'HAS_TAG',
  'HAS_TAG_LOCAL',
  'HAS_TAG_INHERITED',
  'GET_TAG',
  'GET_TAG_LOCAL',
  'GET_TAG_INHERITED',
  'HAS_LABEL',
  'HAS_LABEL_LOCAL',
  'HAS_LABEL_INHERITED',
  'HAS_KEEP_ON_SITE',
  'HAS_ATTRIBUTE',
  'GET_ATTRIBUTE',
  'FNMATCH',
  'ISNA',
  'ROWS',
  'LABEL',
  'SITE',
  'SLO',
  'USER',
]);

function call(
  name: string,
  args: readonly Value[],
  at: { readonly node: Node; readonly own: Snapshot; readonly lists: Lists },
): Value | undefined {
  const { node, own, lists } = at;
  const [first] = args;
  const word = first?.kind === 'text' ? first.value : first?.kind === 'enum' ? first.name : '';
  const above = <T>(read: (from: Node) => T, otherwise: T): T =>
    node.parent ? read(node.parent) : otherwise;
  const typedOrEmpty = (value: string | undefined): Value =>
    value === undefined ? EMPTY : typed(value);
  const ownTag = Object.hasOwn(own.tags, word) ? own.tags[word] : undefined;
  switch (name) {
    case 'HAS_KEYWORD':
      return bool(lists.keywords(node).includes(word));
    case 'HAS_KEYWORD_LOCAL':
      return bool(own.keywords.includes(word));
    case 'HAS_KEYWORD_INHERITED':
      return bool(above((from) => lists.keywords(from).includes(word), false));
    case 'HAS_TAG':
      return bool(lists.tag(node, word) !== undefined);
    case 'HAS_TAG_LOCAL':
      return bool(ownTag !== undefined);
    case 'HAS_TAG_INHERITED':
      return bool(above((from) => lists.tag(from, word) !== undefined, false));
    case 'GET_TAG':
      return typedOrEmpty(lists.tag(node, word));
    case 'GET_TAG_LOCAL':
      return typedOrEmpty(ownTag);
    case 'GET_TAG_INHERITED':
      return typedOrEmpty(above<string | undefined>((from) => lists.tag(from, word), undefined));
    case 'HAS_LABEL':
      return bool(lists.labels(node).includes(word));
    case 'HAS_LABEL_LOCAL':
      return bool(own.labels.includes(word));
    case 'HAS_LABEL_INHERITED':
      return bool(above((from) => lists.labels(from).includes(word), false));
    case 'HAS_KEEP_ON_SITE':
      return bool(lists.keepOnSites(node).includes(word));
    case 'HAS_ATTRIBUTE':
      return bool(lists.attribute(node, word) !== undefined);
    case 'GET_ATTRIBUTE':
      return typedOrEmpty(lists.attribute(node, word));
    case 'FNMATCH':
      return bool(args[1]?.kind === 'text' && fnmatch(word, args[1].value));
    case 'ISNA':
      return bool(first === undefined || first.kind === 'empty');
    case 'ROWS':
      return number(first?.kind === 'table' ? first.rows.length : 0);
    case 'LABEL':
    case 'SITE':
    case 'SLO':
    case 'USER':
      return { kind: 'enum', type: name, name: word };
    default:
      return undefined;
  }
}

/** Values are expressions: a number compares as one, and with a quoted number too. */
function typed(value: string): Value {
  const amount = Number(value);
  return value !== '' && String(amount) === value ? number(amount) : text(value);
}

function none(): undefined {
  return undefined;
}
