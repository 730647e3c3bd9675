// What objectives are made of: their definitions, the volume groups that bring their own, and the labels' schema.

import { randomUUID } from 'node:crypto';
import { GROUP_PREFIXES, placementOf, plainObjective } from '../objective-catalogue.ts';
import { checkCondition, completionsFor } from '../objectives.ts';
import type { Entity, GroupRecord, LabelRecord, Location, ObjectiveRecord } from '../setup.ts';
import { uuidOf } from '../stable-uuid.ts';
import { appliedView } from './applied.ts';
import { ENTITY_FIELDS, entityView, nextModified, type Desk } from './desk.ts';
import { AnvilError, notFound } from './errors.ts';
import { collectionRoutes } from './lists.ts';
import {
  assertUnmodified,
  bodyOf,
  listOf,
  mapOf,
  nameOf,
  textOf,
  type Route,
  type View,
} from './routes.ts';

const MAX_NAME = 255;
const OBJECTIVE_FIELDS = [
  ...ENTITY_FIELDS,
  'expression',
  'basic',
  'priority',
  'zombie',
  'hidden',
  'techPreview',
  'placementObjective',
  'protection',
  'readPerformance',
  'writePerformance',
  'appliedObjectives',
];
const GROUP_FIELDS = [...ENTITY_FIELDS, 'expressions', 'volumes', 'state'];
const LABEL_FIELDS = [...ENTITY_FIELDS, 'impliedLabels'];

export function definitionRoutes(desk: Desk): Route[] {
  const { setup } = desk.objectives;
  const { local } = desk;

  function fresh(body: Readonly<Record<string, unknown>>): Entity {
    const now = desk.now();
    return {
      uuid: randomUUID(),
      internalId: setup.newInternalId(local),
      name: nameOf(body, MAX_NAME),
      comment: textOf(body, 'comment'),
      extendedInfo: mapOf(body, 'extendedInfo'),
      created: now,
      modified: now,
    };
  }

  function changed(entity: Entity, body: Readonly<Record<string, unknown>>): Entity {
    assertUnmodified(body, entity);
    if ((body['name'] ?? entity.name) !== entity.name)
      throw new AnvilError('VALIDATION_VIOLATION', 'The name stays as it is', ['name']);
    return {
      ...entity,
      comment: body['comment'] === undefined ? entity.comment : textOf(body, 'comment'),
      extendedInfo:
        body['extendedInfo'] === undefined ? entity.extendedInfo : mapOf(body, 'extendedInfo'),
      modified: nextModified(desk, entity.modified),
    };
  }

  function assertNew(kind: string, all: readonly Entity[], name: string): void {
    if (all.some((entity) => entity.name === name))
      throw new AnvilError('ENTITY_ALREADY_EXISTS', `${name} already exists`, [kind, name]);
  }

  const objectives = (): readonly ObjectiveRecord[] => setup.of(local).objectives;
  const objectiveOf = (view: View): ObjectiveRecord =>
    objectives().find(({ name }) => name === view['name']) ??
    fail(notFound('OBJECTIVE', String(view['name'])));

  function assertUnused(name: string): void {
    const isUsed = Object.values(setup.of(local).applied).some((list) =>
      list.some((applied) => applied.name === name),
    );
    if (isUsed)
      throw new AnvilError('DELETE_FORBIDDEN_ENTITY_USED_BY', `Objective ${name} is applied`, [
        'OBJECTIVE',
        name,
      ]);
  }

  const objectiveRoutes = collectionRoutes({
    path: '/objectives',
    objectType: 'OBJECTIVE',
    list: () => objectives().map((objective) => objectiveView(desk, objective)),
    create(call) {
      const body = bodyOf(call, OBJECTIVE_FIELDS);
      const parts = objectiveParts(desk, body);
      assertNew('OBJECTIVE', objectives(), nameOf(body, MAX_NAME));
      const made: ObjectiveRecord = { ...plainObjective(fresh(body)), ...parts };
      setup.change(local, { objectives: [...objectives(), made] });
      return objectiveView(desk, made);
    },
    update(view, call) {
      const before = objectiveOf(view);
      const body = bodyOf(call, OBJECTIVE_FIELDS);
      if (before.isBuiltIn)
        throw new AnvilError('FORBIDDEN', `${before.name} is built in`, ['OBJECTIVE', before.name]);
      const after: ObjectiveRecord = {
        ...before,
        ...changed(before, body),
        ...objectiveParts(desk, body),
      };
      setup.change(local, {
        objectives: objectives().map((each) => (each.uuid === before.uuid ? after : each)),
      });
      return objectiveView(desk, after);
    },
    remove(view) {
      const gone = objectiveOf(view);
      if (gone.isBuiltIn)
        throw new AnvilError('FORBIDDEN', `${gone.name} is built in`, ['OBJECTIVE', gone.name]);
      assertUnused(gone.name);
      setup.change(local, { objectives: objectives().filter(({ uuid }) => uuid !== gone.uuid) });
      return undefined;
    },
  });

  const groups = (): readonly GroupRecord[] => setup.of(local).groups;
  const groupOf = (view: View): GroupRecord =>
    groups().find(({ name }) => name === view['name']) ??
    fail(notFound('VOLUME_GROUP', String(view['name'])));
  const objectivesOf = (group: string): string[] =>
    GROUP_PREFIXES.map((prefix) => `${prefix}${group}`);

  const groupRoutes = collectionRoutes({
    path: '/volume-groups',
    objectType: 'VOLUME_GROUP',
    list: () => groups().map((group) => groupView(desk, group)),
    create(call) {
      const body = bodyOf(call, GROUP_FIELDS);
      const name = nameOf(body, MAX_NAME);
      assertNew('VOLUME_GROUP', groups(), name);
      for (const each of objectivesOf(name)) assertNew('OBJECTIVE', objectives(), each);
      const locations = groupLocations(desk, body);
      const made: GroupRecord = { ...fresh(body), isBuiltIn: false, locations };
      // A group brings its three objectives [C OG p10, p20].
      const own = objectivesOf(name).map((each): ObjectiveRecord => ({
        ...plainObjective({ ...fresh({ name: each }), comment: `Made with ${name}` }),
        ...placementOf(each),
      }));
      setup.change(local, { groups: [...groups(), made], objectives: [...objectives(), ...own] });
      return groupView(desk, made);
    },
    update(view, call) {
      const before = groupOf(view);
      const body = bodyOf(call, GROUP_FIELDS);
      if (before.isBuiltIn)
        throw new AnvilError('FORBIDDEN', `${before.name} is built in`, ['VOLUME_GROUP']);
      const after: GroupRecord = {
        ...before,
        ...changed(before, body),
        locations:
          body['expressions'] === undefined ? before.locations : groupLocations(desk, body),
      };
      setup.change(local, {
        groups: groups().map((each) => (each.uuid === before.uuid ? after : each)),
      });
      return groupView(desk, after);
    },
    remove(view) {
      const gone = groupOf(view);
      if (gone.isBuiltIn)
        throw new AnvilError('FORBIDDEN', `${gone.name} is built in`, ['VOLUME_GROUP']);
      const own = objectivesOf(gone.name);
      for (const name of own) assertUnused(name);
      setup.change(local, {
        groups: groups().filter(({ uuid }) => uuid !== gone.uuid),
        objectives: objectives().filter(({ name }) => !own.includes(name)),
      });
      return undefined;
    },
  });

  const labels = (): readonly LabelRecord[] => setup.of(local).labels;
  const labelOf = (view: View): LabelRecord =>
    labels().find(({ name }) => name === view['name']) ??
    fail(notFound('LABEL', String(view['name'])));

  const labelRoutes = collectionRoutes({
    path: '/labels',
    objectType: 'LABEL',
    list: () => labels().map((label) => labelView(desk, label)),
    create(call) {
      const body = bodyOf(call, LABEL_FIELDS);
      assertNew('LABEL', labels(), nameOf(body, MAX_NAME));
      const made: LabelRecord = { ...fresh(body), implies: impliedIn(desk, body) };
      setup.change(local, { labels: [...labels(), made] });
      return labelView(desk, made);
    },
    update(view, call) {
      const before = labelOf(view);
      const body = bodyOf(call, LABEL_FIELDS);
      const after: LabelRecord = {
        ...changed(before, body),
        implies: body['impliedLabels'] === undefined ? before.implies : impliedIn(desk, body),
      };
      setup.change(local, {
        labels: labels().map((each) => (each.uuid === before.uuid ? after : each)),
      });
      return labelView(desk, after);
    },
    remove(view) {
      const gone = labelOf(view);
      const user = labels().find(({ implies }) => implies.includes(gone.name));
      if (user)
        throw new AnvilError(
          'DELETE_FORBIDDEN_ENTITY_USED_BY',
          `Label ${user.name} implies ${gone.name}`,
          ['LABEL', gone.name],
        );
      setup.change(local, { labels: labels().filter(({ uuid }) => uuid !== gone.uuid) });
      return undefined;
    },
  });

  return [
    {
      method: 'GET',
      path: '/objectives/validate/*',
      answer: ({ params }) => {
        const source = params['*'] ?? '';
        const errors = checkCondition(source);
        return {
          ok: errors.length === 0,
          result: errors.length === 0 ? source : '',
          errors: errors.map((error) => ({ ...error, preferred: true })),
          completions: completionsFor(source),
          alternatives: [],
          output: '',
        };
      },
    },
    ...objectiveRoutes,
    ...groupRoutes,
    ...labelRoutes,
  ];
}

/** What a request says an objective asks for, as far as this studio evaluates it. */
function objectiveParts(
  desk: Desk,
  body: Readonly<Record<string, unknown>>,
): Partial<ObjectiveRecord> {
  const parts: { -readonly [key in keyof ObjectiveRecord]?: ObjectiveRecord[key] } = {};
  const expression = body['expression'];
  if (typeof expression === 'string' && expression.trim() !== '') {
    const [error] = checkCondition(expression);
    if (error)
      throw new AnvilError('VALIDATION_VIOLATION', `Invalid expression: ${error.message}`, [
        'expression',
      ]);
    parts.expression = expression;
  }
  const placement = objectIn(body, 'placementObjective');
  if (placement) {
    parts.placeOn = listOf(placement, 'placeOnLocations').map((entry) =>
      locationsIn(desk, entry, 'placeOn'),
    );
    parts.confineTo = locationsIn(desk, placement, 'confineTo');
    parts.excludeFrom = locationsIn(desk, placement, 'excludeFrom');
    const delay = placement['allowedOnlineDelay'];
    parts.allowedOnlineDelay = typeof delay === 'number' && delay >= 0 ? delay : null;
    parts.doNotMove = placement['doNotMove'] === true;
    parts.capacityOptimize = placement['capacityOptimize'] === true;
  }
  const protection = objectIn(body, 'protection');
  if (protection) {
    parts.durability = ninesIn(protection, 'durability');
    parts.availability = ninesIn(protection, 'availability');
  }
  if (body['priority'] !== undefined) parts.priority = textOf(body, 'priority');
  return parts;
}

function objectIn(
  body: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> | null {
  const value = body[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new AnvilError('VALIDATION_VIOLATION', `${name} must be an object`, [name]);
  return value as Readonly<Record<string, unknown>>;
}

function ninesIn(body: Readonly<Record<string, unknown>>, name: string): number {
  const nines = body[name] ?? 0;
  if (typeof nines !== 'number' || !Number.isInteger(nines) || nines < 0 || nines > 20)
    throw new AnvilError('VALIDATION_VIOLATION', `${name} must be a number of nines`, [name]);
  return nines;
}

/** Locations are told apart by the entity they carry, whatever `_type` says [C ans, rep]. */
function locationsIn(
  desk: Desk,
  body: Readonly<Record<string, unknown>>,
  field: string,
): Location[] {
  const { nodeOf, volumeOf, setup } = desk.objectives;
  const { groups, objectVolumes } = setup.of(desk.local);
  return listOf(body, field).map((entry): Location => {
    const node = objectIn(entry, 'node');
    const volume = objectIn(entry, 'storageVolume');
    const kind = node ? 'node' : volume ? 'volume' : 'group';
    const name = textOf(node ?? volume ?? entry, 'name');
    const known: Readonly<Record<Location['kind'], readonly string[]>> = {
      node: [nodeOf(desk.local)],
      volume: [volumeOf(desk.local), ...objectVolumes.map((each) => each.name)],
      group: groups.map((each) => each.name),
    };
    if (!known[kind].includes(name)) throw notFound(LOCATION_TYPES[kind], name);
    return { kind, name };
  });
}

const LOCATION_TYPES: Readonly<Record<Location['kind'], string>> = {
  node: 'NODE',
  volume: 'STORAGE_VOLUME',
  group: 'VOLUME_GROUP',
};

function groupLocations(desk: Desk, body: Readonly<Record<string, unknown>>): Location[] {
  return listOf(body, 'expressions').flatMap((expression) => {
    // Public clients only ever send IN [C ans, sdk].
    if ((expression['operator'] ?? 'IN') !== 'IN')
      throw new AnvilError('VALIDATION_VIOLATION', 'Only the operator IN is known', ['operator']);
    return locationsIn(desk, expression, 'locations');
  });
}

function locationView(location: Location): View {
  switch (location.kind) {
    case 'node':
      return { _type: 'NODE_LOCATION', node: { _type: 'NODE', name: location.name } };
    case 'volume':
      return {
        _type: 'VOLUME_LOCATION',
        storageVolume: { _type: 'STORAGE_VOLUME', name: location.name },
      };
    case 'group':
      return { _type: 'VOLUME_GROUP', name: location.name };
  }
}

function objectiveView(desk: Desk, objective: ObjectiveRecord): View {
  const applied = desk.objectives.local(desk.local, desk.world.root);
  return {
    ...entityView(objective, 'OBJECTIVE'),
    expression: objective.expression,
    basic: objective.expression === null,
    priority: objective.priority,
    zombie: false,
    hidden: false,
    techPreview: false,
    placementObjective: {
      placeOnLocations: objective.placeOn.map((choices) => ({
        placeOn: choices.map(locationView),
      })),
      confineTo: objective.confineTo.map(locationView),
      excludeFrom: objective.excludeFrom.map(locationView),
      allowedOnlineDelay: objective.allowedOnlineDelay,
      doNotMove: objective.doNotMove,
      capacityOptimize: objective.capacityOptimize,
    },
    protection: { durability: objective.durability, availability: objective.availability },
    readPerformance: null,
    writePerformance: null,
    appliedObjectives: applied
      .filter(({ name }) => name === objective.name)
      .map((each) => appliedView(desk, each)),
  };
}

function groupView(desk: Desk, group: GroupRecord): View {
  const { nodeOf, volumeOf } = desk.objectives;
  const names = new Set<string>();
  const add = (location: Location, depth: number): void => {
    if (location.kind === 'volume') names.add(location.name);
    if (location.kind === 'node' && location.name === nodeOf(desk.local))
      names.add(volumeOf(desk.local));
    if (location.kind !== 'group' || depth > 8) return;
    const inner = desk.objectives.setup
      .of(desk.local)
      .groups.find(({ name }) => name === location.name);
    for (const each of inner?.locations ?? []) add(each, depth + 1);
  };
  for (const location of group.locations) add(location, 0);
  return {
    ...entityView(group, 'VOLUME_GROUP'),
    _type: 'VOLUME_GROUP',
    state: 'OK',
    expressions: [{ operator: 'IN', locations: group.locations.map(locationView) }],
    volumes: [...names].map((name) => ({
      _type: name === volumeOf(desk.local) ? 'STORAGE_VOLUME' : 'OBJECT_STORAGE_VOLUME',
      name,
    })),
  };
}

function impliedIn(desk: Desk, body: Readonly<Record<string, unknown>>): string[] {
  const known = desk.objectives.setup.of(desk.local).labels;
  return listOf(body, 'impliedLabels').map((entry) => {
    const name = textOf(entry, 'name');
    if (!known.some((label) => label.name === name)) throw notFound('LABEL', name);
    return name;
  });
}

function labelView(desk: Desk, label: LabelRecord): View {
  const { labels } = desk.objectives.setup.of(desk.local);
  return {
    ...entityView(label, 'LABEL'),
    impliedLabels: label.implies.map((name) => ({
      uoid: {
        uuid: labels.find((each) => each.name === name)?.uuid ?? uuidOf(`label:${name}`),
        objectType: 'LABEL',
      },
      name,
    })),
  };
}

function fail(error: Error): never {
  throw error;
}
