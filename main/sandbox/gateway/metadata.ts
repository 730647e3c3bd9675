// Tags, keywords, labels, attributes, objectives and keep-on-site marks: how they are set, inherited, asked for and listed.

import {
  EMPTY,
  ExpressionError,
  bool,
  compare,
  evaluate,
  evaluated,
  fromJson,
  number,
  parseExpression,
  site as siteValue,
  table,
  text,
  truthOf,
  typed,
  type Cells,
  type Scope,
  type Value,
} from '../hammerscript.ts';
import type { Node, Snapshot } from '../world.ts';
import { snapshotAt, type Place } from './place.ts';
import { fromStored, nameIn, toStored } from './stored.ts';

type Kind =
  | 'TAG'
  | 'REKOGNITION_TAG'
  | 'KEYWORD'
  | 'LABEL'
  | 'ATTRIBUTE'
  | 'OBJECTIVE'
  | 'KEEP_ON_SITE';

/** One thing that is set on an item. */
interface Entry {
  readonly name: string;
  readonly value: Value;
}

interface Question {
  readonly verb: 'GET' | 'HAS' | 'LIST';
  readonly kind: Kind;
  readonly from: '' | 'LOCAL' | 'INHERITED' | 'OBJECT' | 'ACTIVE' | 'EFFECTIVE' | 'SHARE';
  readonly isUnbound: boolean;
}

/** Objectives every share starts with [OG p11]: those of them that this studio's movers act on. */
const SHARE_OBJECTIVES: readonly Entry[] = [
  ['keep-online', 'IS_BEING_CREATED OR (HAS_ONLINE_INSTANCE AND IS_RECENTLY_USED)?ALWAYS'],
  ['keep-online', 'IS_BEING_CREATED OR HAS_KEEP_ON_THIS_SITE'],
  ['durability-1-nine', 'DATA_ORIGIN_LOCAL?ALWAYS'],
  ['availability-1-nine', 'DATA_ORIGIN_LOCAL?ALWAYS'],
  ['optimize-for-capacity', 'TRUE'],
  ['layout-get-on-open', 'TRUE'],
  ['delegate-on-open', 'TRUE'],
].map(([name = '', source = '']) => ({ name, value: { kind: 'expression', source } }));

const QUESTION =
  /^(GET|HAS|LIST)_(TAG|REKOGNITION_TAG|KEYWORD|LABEL|ATTRIBUTE|OBJECTIVE|KEEP_ON_SITE)(S?)(?:_(LOCAL|INHERITED|OBJECT|ACTIVE|EFFECTIVE|SHARE))?(_UNBOUND)?$/;

/** The answer to `get_tag("k")`, `has_keyword_local("k")`, `list_labels` and their like; undefined for other names. */
export function ask(
  place: Place,
  scope: Scope,
  name: string,
  args: readonly Value[],
): Value | undefined {
  const question = questionFrom(name);
  if (!question) return undefined;
  const entries = entriesOf(place, scope, question);
  if (question.verb === 'LIST')
    return listed(
      question.kind,
      entries.map((entry) => ({ ...entry, value: read(entry.value, scope, question) })),
    );
  const wanted = nameIn(args[0]);
  const found = entries.find((entry) => isNamed(question.kind, entry, wanted));
  if (question.verb === 'GET') return found ? read(found.value, scope, question) : EMPTY;
  if (question.kind !== 'OBJECTIVE') return bool(found !== undefined);
  const condition = conditionIn(args[1]);
  return bool(
    entries.some((entry) => entry.name === wanted && compare(entry.value, condition) === 0),
  );
}

function questionFrom(name: string): Question | null {
  const [, verb, kind, plural, from = '', unbound] = QUESTION.exec(name) ?? [];
  if (verb === undefined || (verb === 'LIST') !== (plural === 'S')) return null;
  return {
    verb: verb as Question['verb'],
    kind: kind as Kind,
    from: from as Question['from'],
    isUnbound: unbound !== undefined,
  };
}

/** A value set as `EXPRESSION(…)` is evaluated on each reading, about the item that is asked [C hstk `--unbound`]. */
function read(value: Value, scope: Scope, question: Question): Value {
  return question.isUnbound || question.kind === 'OBJECTIVE' ? value : evaluated(value, scope);
}

/** Attributes are looked up without regard to case: expressions spell their names in capitals. */
function isNamed(kind: Kind, entry: Entry, wanted: string): boolean {
  return kind === 'ATTRIBUTE'
    ? entry.name.toUpperCase() === wanted.toUpperCase()
    : entry.name === wanted;
}

function entriesOf(place: Place, scope: Scope, question: Question): Entry[] {
  const { kind, from } = question;
  const { parent } = place.node;
  const above = (): Entry[] => (parent ? gathered(place, parent, kind) : []);
  switch (from) {
    case 'LOCAL':
      return localOf(place.world, snapshotAt(place), kind);
    case 'INHERITED':
      return above();
    case 'OBJECT':
      // assumed: a data object brings metadata of its own only where a tool outside the studio wrote some
      return [];
    case 'SHARE':
      return [...SHARE_OBJECTIVES, ...gathered(place, place.world.root, kind)];
    case 'EFFECTIVE':
      return [...SHARE_OBJECTIVES, ...gathered(place, place.node, kind)];
    case 'ACTIVE':
      return [...SHARE_OBJECTIVES, ...gathered(place, place.node, kind)].filter((entry) =>
        holds(entry.value, scope),
      );
    case '':
      return gathered(place, place.node, kind);
  }
}

function holds(value: Value, scope: Scope): boolean {
  try {
    return truthOf(evaluated(value, scope));
  } catch (error) {
    // A condition this reader does not know is not active; whoever wrote it is told by `validate`.
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

/** All that applies to an item, nearest first: what is set on a folder is inherited by what lies in it. */
function gathered(place: Place, from: Node, kind: Kind): Entry[] {
  const entries = new Map<string, Entry>();
  for (let at: Node | null = from; at; at = at.parent) {
    const snapshot = at.seen.get(place.site);
    if (!snapshot) continue;
    for (const entry of localOf(place.world, snapshot, kind)) {
      const key = kind === 'OBJECTIVE' ? JSON.stringify(entry) : entry.name;
      if (!entries.has(key)) entries.set(key, entry);
    }
  }
  return [...entries.values()];
}

function localOf(world: Place['world'], snapshot: Snapshot, kind: Kind): Entry[] {
  const plain = (names: readonly string[]): Entry[] =>
    names.map((name) => ({ name, value: EMPTY }));
  const stored = (values: Readonly<Record<string, string>>): Entry[] =>
    Object.entries(values).map(([name, value]) => ({ name, value: fromStored(value) }));
  switch (kind) {
    case 'TAG':
      return stored(snapshot.tags);
    case 'REKOGNITION_TAG':
      return stored(snapshot.rekognitionTags ?? {});
    case 'ATTRIBUTE':
      return stored(snapshot.attributes);
    case 'KEYWORD':
      return plain(snapshot.keywords);
    case 'LABEL':
      return plain([
        ...new Set(snapshot.labels.flatMap((name) => [name, ...impliedBy(world, name)])),
      ]);
    case 'KEEP_ON_SITE':
      return plain(snapshot.keepOnSites);
    case 'OBJECTIVE':
      return snapshot.objectives.map(({ name, condition }) => ({
        name,
        value: { kind: 'expression', source: condition },
      }));
  }
}

/** A label may imply others, its parents in the schema [hstk label help]. */
function impliedBy(world: Place['world'], name: string, seen = new Set<string>()): string[] {
  if (seen.has(name)) return [];
  seen.add(name);
  const direct = world.labels.get(name) ?? [];
  return direct.flatMap((parent) => [parent, ...impliedBy(world, parent, seen)]);
}

function listed(kind: Kind, entries: readonly Entry[]): Value {
  const rows = (cells: (entry: Entry) => Cells): Cells[] => entries.map(cells);
  switch (kind) {
    case 'TAG':
      return table(
        'TAGS_TABLE',
        rows(({ name, value }) => ({ NAME: text(name), VALUE: value })),
      );
    case 'REKOGNITION_TAG':
      // assumed: named by analogy
      return table(
        'REKOGNITION_TAGS_TABLE',
        rows(({ name, value }) => ({ NAME: text(name), VALUE: value })),
      );
    case 'ATTRIBUTE':
      // The table's name is seen, its columns are assumed.
      return table(
        'ITEM_ATTRIBUTES_TYPED_TABLE',
        rows(({ name, value }) => ({ NAME: text(name), VALUE: value })),
      );
    case 'KEYWORD':
      return table(
        'KEYWORDS_TABLE',
        rows(({ name }) => ({ KEYWORD: text(name) })),
      );
    case 'LABEL':
      return table(
        'LABELS_TABLE',
        rows(({ name }) => ({ LABEL_: typed('LABEL', name), COUNT: number(1) })),
      );
    case 'KEEP_ON_SITE':
      // assumed: named by analogy
      return table(
        'KEEP_ON_SITES_TABLE',
        rows(({ name }) => ({ SITE: siteValue(name) })),
      );
    case 'OBJECTIVE':
      return table(
        'SLOS_TABLE',
        rows(({ name, value }) => ({ OBJECTIVE: typed('SLO', name), COUNT: value })),
      );
  }
}

/** `ATTRIBUTES.COLOR`: every attribute that applies, by its name in capitals. */
export function attributesOf(place: Place, scope: Scope): Value {
  return {
    kind: 'row',
    table: 'ATTRIBUTES_TABLE',
    cells: Object.fromEntries(
      gathered(place, place.node, 'ATTRIBUTE').map((entry) => [
        entry.name.toUpperCase(),
        evaluated(entry.value, scope),
      ]),
    ),
  };
}

// --- setting ------------------------------------------------------------------------------------------

/** What a `set` command asks for, read once and then done to each item. Null: the item has nothing of the kind. */
export interface Change {
  readonly missing: string;
  of(place: Place, scope: Scope): Partial<Snapshot> | null;
}

const TABLES: Readonly<Record<string, Kind>> = {
  TAGS: 'TAG',
  REKOGNITION_TAGS: 'REKOGNITION_TAG',
  KEYWORDS: 'KEYWORD',
  ASSIGNED_LABELS: 'LABEL',
  OBJECTIVES: 'OBJECTIVE',
  KEEP_ON_SITES: 'KEEP_ON_SITE',
};

export function changeFrom(body: string, options: { json: boolean }): Change {
  const [, listName = '', rest = ''] = /^#([a-z_]+)\s*=\s*([\s\S]+)$/i.exec(body) ?? [];
  const kind = TABLES[listName.toUpperCase()];
  if (kind) return listChange(kind, rest);
  const [, name = '', value] = /^([A-Za-z_][A-Za-z0-9_]*)\s*=\s*([\s\S]+)$/.exec(body) ?? [];
  if (value === undefined) throw new ExpressionError('syntax error in set');
  return attributeChange(name, value, options);
}

function listChange(kind: Kind, source: string): Change {
  const call = parseExpression(source);
  const action =
    call.kind === 'call' ? /^(SET|ADD|DELETE_FORCE|DELETE)_(.+)$/.exec(call.name) : null;
  if (call.kind !== 'call' || action?.[2] !== kind)
    throw new ExpressionError(`expected a change of ${kind.toLowerCase()}s`);
  const [, verb = ''] = action;
  const args = call.args.map((arg) => evaluate(arg, NOTHING));
  const name = nameIn(args[0]);
  const missing = `${kind.toLowerCase().replaceAll('_', ' ')} "${name}" not found`;
  if (verb === 'SET' || verb === 'ADD')
    return { missing, of: (place, scope) => added(kind, place, { name, scope, value: args[1] }) };
  const isForced = verb === 'DELETE_FORCE';
  return {
    missing,
    of: (place) =>
      removed(kind, snapshotAt(place), { name, value: args[1] }) ?? (isForced ? {} : null),
  };
}

const NOTHING: Scope = { property: () => undefined, call: () => undefined };

function added(
  kind: Kind,
  place: Place,
  entry: { name: string; scope: Scope; value: Value | undefined },
): Partial<Snapshot> {
  const before = snapshotAt(place);
  const { name, scope, value } = entry;
  const withName = (names: readonly string[]): string[] => [...new Set([...names, name])];
  switch (kind) {
    case 'KEYWORD':
      return { keywords: withName(before.keywords) };
    case 'LABEL':
      if (!place.world.labels.has(name)) throw new ExpressionError(`unknown label "${name}"`);
      return { labels: withName(before.labels) };
    case 'KEEP_ON_SITE':
      if (!place.world.site(name)) throw new ExpressionError(`unknown site "${name}"`);
      return { keepOnSites: withName(before.keepOnSites) };
    case 'OBJECTIVE': {
      const condition = conditionIn(value);
      const source = condition.kind === 'expression' ? condition.source : 'TRUE';
      const others = before.objectives.filter(
        (objective) => objective.name !== name || objective.condition !== source,
      );
      return { objectives: [...others, { name, condition: source }] };
    }
    case 'TAG':
      return { tags: withValue(before.tags, name, newValue(value, before.tags[name], scope)) };
    case 'REKOGNITION_TAG': {
      const tags = before.rekognitionTags ?? {};
      return { rekognitionTags: withValue(tags, name, newValue(value, tags[name], scope)) };
    }
    case 'ATTRIBUTE':
      return {};
  }
}

/** `EXPRESSION_FROM_TEXT("…")` is evaluated once, now; `EXPRESSION(…)` inside it stays as it is. */
function newValue(given: Value | undefined, old: string | undefined, scope: Scope): Value {
  if (given === undefined) throw new ExpressionError('expected EXPRESSION_FROM_TEXT("…")');
  // A tag set without a value reads back as this string [OG p40].
  if (given.kind === 'expression' && given.source === 'true') return text('TRUE');
  return evaluated(given, withOld(scope, old));
}

function withOld(scope: Scope, old: string | undefined): Scope {
  return {
    property: (name) =>
      name === 'OLD_VALUE'
        ? evaluated(old === undefined ? EMPTY : fromStored(old), scope)
        : scope.property(name),
    call: (name, args) => scope.call(name, args),
  };
}

/** Setting to nothing takes away [hss: an attribute is deleted by `=#EMPTY`]. */
function withValue(
  values: Readonly<Record<string, string>>,
  name: string,
  value: Value,
): Record<string, string> {
  const others = Object.entries(values).filter(([key]) => key !== name);
  return Object.fromEntries(value.kind === 'empty' ? others : [...others, [name, toStored(value)]]);
}

function removed(
  kind: Kind,
  before: Snapshot,
  entry: { name: string; value: Value | undefined },
): Partial<Snapshot> | null {
  const { name } = entry;
  const without = (names: readonly string[]): string[] => names.filter((each) => each !== name);
  switch (kind) {
    case 'KEYWORD':
      return before.keywords.includes(name) ? { keywords: without(before.keywords) } : null;
    case 'LABEL':
      return before.labels.includes(name) ? { labels: without(before.labels) } : null;
    case 'KEEP_ON_SITE':
      return before.keepOnSites.includes(name)
        ? { keepOnSites: without(before.keepOnSites) }
        : null;
    case 'OBJECTIVE': {
      const condition = conditionIn(entry.value);
      const left = before.objectives.filter(
        (objective) =>
          objective.name !== name ||
          condition.kind !== 'expression' ||
          objective.condition !== condition.source,
      );
      return left.length < before.objectives.length ? { objectives: left } : null;
    }
    case 'TAG':
      return Object.hasOwn(before.tags, name)
        ? { tags: withValue(before.tags, name, EMPTY) }
        : null;
    case 'REKOGNITION_TAG': {
      const tags = before.rekognitionTags ?? {};
      return Object.hasOwn(tags, name) ? { rekognitionTags: withValue(tags, name, EMPTY) } : null;
    }
    case 'ATTRIBUTE':
      return null;
  }
}

/** An objective's condition stands in `EXPRESSION(…)` inside the text; without any it always holds. */
function conditionIn(given: Value | undefined): Value {
  if (given === undefined) return { kind: 'expression', source: 'TRUE' };
  const value = evaluated(given, NOTHING);
  if (value.kind !== 'expression') throw new ExpressionError('expected EXPRESSION(…)');
  return value;
}

function attributeChange(name: string, source: string, options: { json: boolean }): Change {
  const valueIn = options.json ? constant(fromJson(parsed(source))) : readerOf(source);
  return {
    missing: '',
    of(place, scope) {
      const { attributes } = snapshotAt(place);
      const key =
        Object.keys(attributes).find((each) => each.toUpperCase() === name.toUpperCase()) ?? name;
      return {
        attributes: withValue(attributes, key, valueIn(withOld(scope, attributes[key]))),
      };
    },
  };
}

function constant(value: Value): (scope: Scope) => Value {
  return () => value;
}

function readerOf(source: string): (scope: Scope) => Value {
  const expression = parseExpression(source);
  return (scope) => evaluate(expression, scope);
}

function parsed(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new ExpressionError('syntax error in JSON', { cause: error });
  }
}
