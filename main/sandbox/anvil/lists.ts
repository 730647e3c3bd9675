// Lists of an Anvil: bare arrays, filtered by `spec`, sorted and paged; and the entity of a list by name or uuid.

import { AnvilError, notFound } from './errors.ts';
import { one, wholeNumber, type Call, type Query, type Route, type View } from './routes.ts';

export interface Collection {
  readonly path: string;
  readonly objectType: string;
  list(query: Query): readonly View[];
  create?(call: Call): unknown;
  update?(view: View, call: Call): unknown;
  remove?(view: View, call: Call): unknown;
}

export function collectionRoutes(collection: Collection): Route[] {
  const { path, objectType, create, update, remove } = collection;
  const found = (call: Call): View => {
    const id = call.params['id'] ?? '';
    return findEntity(collection.list({}), id) ?? fail(notFound(objectType, id));
  };
  const routes: Route[] = [
    { method: 'GET', path, answer: ({ query }) => pageOf(collection.list(query), query) },
    {
      method: 'GET',
      path: `${path}/uuid-list`,
      answer: ({ query }) => pageOf(collection.list(query), query).map(uuidIn),
    },
    { method: 'GET', path: `${path}/:id`, answer: found },
  ];
  if (create) routes.push({ method: 'POST', path, answer: create });
  if (update)
    routes.push({
      method: 'PUT',
      path: `${path}/:id`,
      answer: (call) => update(found(call), call),
    });
  if (remove)
    routes.push({
      method: 'DELETE',
      path: `${path}/:id`,
      answer: (call) => remove(found(call), call),
    });
  return routes;
}

/** `{identifier}` of a path is a name or a uuid [C csi, ans, spec]. */
export function findEntity(all: readonly View[], id: string): View | undefined {
  return (
    all.find((view) => view['name'] === id) ??
    all.find((view) => uuidIn(view).toLowerCase() === id.toLowerCase())
  );
}

export function uuidIn(view: View): string {
  const { uoid } = view as { uoid?: { uuid?: string } };
  return uoid?.uuid ?? '';
}

export function pageOf(all: readonly View[], query: Query): readonly View[] {
  const specs = [query['spec'] ?? []].flat().map(specOf);
  let kept = specs.length === 0 ? all : all.filter((view) => specs.every((spec) => spec(view)));
  const sortBy = one(query, 'page.sort');
  if (sortBy !== undefined && sortBy !== '') {
    const direction = one(query, 'page.sort.dir') ?? 'asc';
    if (direction !== 'asc' && direction !== 'desc')
      throw new AnvilError('BAD_REQUEST', 'page.sort.dir must be asc or desc', [direction]);
    const sign = direction === 'asc' ? 1 : -1;
    kept = kept.toSorted((a, b) => sign * order(fieldOf(a, sortBy), fieldOf(b, sortBy), sortBy));
  }
  const page = wholeNumber(query, 'page', 0);
  const size = wholeNumber(query, 'page.size', 0);
  return size === 0 ? kept : kept.slice(page * size, (page + 1) * size);
}

/** `spec=<field>=<op>=<value>`, repeatable; all of them must hold [C spec]. */
function specOf(spec: string): (view: View) => boolean {
  const match = /^([\w.-]+)=(eq|neq|gt|lt|ge|le|like|nlike|sw|nsw|in|nin)=([\s\S]*)$/.exec(spec);
  if (!match) throw new AnvilError('BAD_REQUEST', `Malformed spec ${spec.slice(0, 200)}`, ['spec']);
  const [, field = '', op = '', wanted = ''] = match;
  const test = testOf(op, field, wanted);
  return (view) => test(fieldOf(view, field));
}

function testOf(op: string, field: string, wanted: string): (value: unknown) => boolean {
  const choices = wanted.split(',').map((choice) => choice.trim());
  // assumed: like is contains, with % standing for anything, and knows no case
  const parts = wanted.toLowerCase().split('%').filter(Boolean);
  const isLike = (value: unknown): boolean => {
    const shown = shownAs(value).toLowerCase();
    let from = 0;
    return parts.every((part) => {
      const at = shown.indexOf(part, from);
      from = at + part.length;
      return at >= 0;
    });
  };
  const tests: Readonly<Record<string, (value: unknown) => boolean>> = {
    eq: (value) => shownAs(value) === wanted,
    neq: (value) => shownAs(value) !== wanted,
    gt: (value) => order(value, wanted, field) > 0,
    lt: (value) => order(value, wanted, field) < 0,
    ge: (value) => order(value, wanted, field) >= 0,
    le: (value) => order(value, wanted, field) <= 0,
    like: isLike,
    nlike: (value) => !isLike(value),
    sw: (value) => shownAs(value).startsWith(wanted),
    nsw: (value) => !shownAs(value).startsWith(wanted),
    in: (value) => choices.includes(shownAs(value)),
    nin: (value) => !choices.includes(shownAs(value)),
  };
  return tests[op] ?? (() => false);
}

/** Severities of events, mildest first [C CLI]; they compare by this order, which is assumed. */
const SEVERITIES = [
  'DEBUG',
  'INFORMATIONAL',
  'NOTICE',
  'WARNING',
  'ERROR',
  'CRITICAL',
  'ALERT',
  'EMERGENCY',
];

function order(a: unknown, b: unknown, field: string): number {
  if (field === 'severity') return SEVERITIES.indexOf(shownAs(a)) - SEVERITIES.indexOf(shownAs(b));
  if (typeof a === 'number') return a - Number(b);
  const [left, right] = [shownAs(a), shownAs(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function fieldOf(view: View, field: string): unknown {
  return field
    .split('.')
    .reduce<unknown>(
      (at, name) =>
        typeof at === 'object' && at !== null && Object.hasOwn(at, name)
          ? (at as Record<string, unknown>)[name]
          : undefined,
      view,
    );
}

function shownAs(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

function fail(error: Error): never {
  throw error;
}
