// Objectives applied to a share or a path inside it: how they are shown, set, masked, changed and reset.

import { DEFAULT_APPLIED } from '../objective-catalogue.ts';
import { checkCondition, pairOf, placeKey } from '../objectives.ts';
import type { AppliedObjective, ObjectiveRecord } from '../setup.ts';
import { AnvilError, notFound } from './errors.ts';
import type { Desk } from './desk.ts';
import type { Place } from './places.ts';
import type { View } from './routes.ts';

/** A condition that says nothing is always true [C OG p14]. */
const DEFAULT_CONDITION = 'TRUE';

export function keyOf(place: Place): string {
  return place.node ? placeKey(place.node) : `share:${place.share.uuid}`;
}

export function appliedView(desk: Desk, applied: AppliedObjective): View {
  const uuid = desk.objectives.setup
    .of(desk.local)
    .objectives.find(({ name }) => name === applied.name)?.uuid;
  return {
    objective: { uoid: { uuid, objectType: 'OBJECTIVE' }, name: applied.name },
    applicability: applied.condition,
    removable: applied.removable,
    ...(applied.negated ? { negated: true } : {}),
  };
}

export function objectiveLists(desk: Desk, place: Place): View {
  const { objectives, local } = desk;
  const show = (list: readonly AppliedObjective[]): View[] =>
    list.map((applied) => appliedView(desk, applied));
  const own = ownAt(desk, place);
  if (!place.node)
    return {
      appliedObjectives: show(own.filter(({ negated }) => !negated)),
      appliedLocalObjectives: show(own),
      activeObjectives: [],
    };
  return {
    appliedObjectives: show(objectives.effective(local, place.node)),
    appliedLocalObjectives: show(own),
    activeObjectives: show(objectives.active(local, place.node)),
  };
}

function ownAt(desk: Desk, place: Place): readonly AppliedObjective[] {
  return place.node
    ? desk.objectives.local(desk.local, place.node)
    : desk.objectives.setup.applied(desk.local, keyOf(place));
}

export function objectiveNamed(desk: Desk, identifier: string): ObjectiveRecord {
  const found = desk.objectives.setup
    .of(desk.local)
    .objectives.find(({ name, uuid }) => name === identifier || uuid === identifier.toLowerCase());
  if (!found) throw notFound('OBJECTIVE', identifier);
  return found;
}

export function conditionOf(given: string | undefined): string {
  const condition = given?.trim() || DEFAULT_CONDITION;
  const [first] = checkCondition(condition);
  if (first)
    throw new AnvilError('VALIDATION_VIOLATION', `Invalid applicability: ${first.message}`, [
      'applicability',
      condition,
    ]);
  return condition;
}

interface Order {
  readonly objective: string;
  readonly condition: string;
}

export function setObjective(
  desk: Desk,
  place: Place,
  order: Order & { readonly clearExisting: boolean },
): void {
  const added: AppliedObjective = {
    name: order.objective,
    condition: order.condition,
    removable: !/\?\s*ALWAYS$/.test(order.condition),
    negated: false,
  };
  // `clear-existing` is what CSI sends; the 5.3 spec has it no more. What cannot be removed stays.
  const kept = stored(desk, place).filter(
    (applied) => pairOf(applied) !== pairOf(added) && !(order.clearExisting && applied.removable),
  );
  store(desk, place, [...kept, added]);
}

/** An inherited objective is masked by a negated copy; a local one goes [C CLI]. */
export function unsetObjective(desk: Desk, place: Place, order: Order): void {
  const pair = pairOf({ name: order.objective, condition: order.condition });
  const own = stored(desk, place);
  const mine = own.find((applied) => !applied.negated && pairOf(applied) === pair);
  if (mine) {
    assertRemovable(mine);
    store(
      desk,
      place,
      own.filter((applied) => applied !== mine),
    );
    return;
  }
  const inherited = place.node
    ? desk.objectives.effective(desk.local, place.node).find((each) => pairOf(each) === pair)
    : undefined;
  if (!inherited)
    throw new AnvilError(
      'ENTITY_NOT_FOUND',
      `Objective ${order.objective} with applicability ${order.condition} is not applied to ${place.path}`,
      ['OBJECTIVE', order.objective],
    );
  assertRemovable(inherited);
  store(desk, place, [...own, { ...inherited, negated: true }]);
}

export function updateObjective(
  desk: Desk,
  place: Place,
  order: Order & { readonly newCondition: string },
): void {
  const pair = pairOf({ name: order.objective, condition: order.condition });
  const own = stored(desk, place);
  const mine = own.find((applied) => !applied.negated && pairOf(applied) === pair);
  if (!mine)
    throw new AnvilError(
      'ENTITY_NOT_FOUND',
      `Objective ${order.objective} with applicability ${order.condition} is not applied to ${place.path}`,
      ['OBJECTIVE', order.objective],
    );
  assertRemovable(mine);
  store(
    desk,
    place,
    own.map((applied) => (applied === mine ? { ...mine, condition: order.newCondition } : applied)),
  );
}

/** A path goes back to what it inherits, a share to the default objectives. */
export function resetObjectives(desk: Desk, place: Place): void {
  store(desk, place, place.path === place.share.path ? DEFAULT_APPLIED : []);
}

function assertRemovable(applied: AppliedObjective): void {
  if (!applied.removable)
    throw new AnvilError('FORBIDDEN', `Objective ${applied.name} cannot be removed`, [
      'OBJECTIVE',
      applied.name,
    ]);
}

function stored(desk: Desk, place: Place): readonly AppliedObjective[] {
  return desk.objectives.setup.applied(desk.local, keyOf(place));
}

function store(desk: Desk, place: Place, list: readonly AppliedObjective[]): void {
  desk.objectives.setup.setApplied(desk.local, keyOf(place), list);
}
