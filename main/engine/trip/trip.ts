// One waybill on its way: what every step of it needs, and how a proven step is saved.

import { notify, tell, type EngineContext } from '../context.ts';
import { relativeInside } from '../core/paths.ts';
import type { NamespacePath } from '../core/names.ts';
import { isFrameOf } from '../core/outputs.ts';
import type { Region } from '../core/regions.ts';
import type { NamespaceItem } from '../ports/namespace.ts';
import type { SiteView, Tracker } from '../services/track.ts';
import type { Waybill } from '../services/waybill.ts';
import { WAYBILL_STEPS, type WaybillStep, type WaybillView } from '../state.ts';

/** One waybill on its way: what each step needs, and nothing of the others. */
export interface Trip {
  readonly context: EngineContext;
  readonly tracker: Tracker;
  readonly region: Region;
  readonly signal: AbortSignal;
  latest(): Waybill;
  save(waybill: Waybill): Waybill;
  /** Runs an action until it succeeds, showing why it does not; honours a pause. */
  attempt<T>(action: () => Promise<T>): Promise<T>;
  /** Why nothing moves although every call succeeds; 'never' where only a person can go on. */
  trouble(sentence: string | null, retry?: 'later' | 'never'): void;
}

type TimelineStep = WaybillView['timeline'][number]['step'];

/** Saves a proven step and adds it to the timeline once. */
export function advance(
  trip: Trip,
  change: Partial<Waybill> & { step?: WaybillStep },
  mark?: { step: TimelineStep; proof: string },
): Waybill {
  const waybill = trip.latest();
  const isNew = mark !== undefined && !waybill.timeline.some((entry) => entry.step === mark.step);
  const timeline = isNew
    ? [...waybill.timeline, { ...mark, at: trip.context.ports.clock.now() }]
    : waybill.timeline;
  const step =
    change.step && reached(waybill, change.step) ? waybill.step : (change.step ?? waybill.step);
  return trip.save({ ...waybill, ...change, step, timeline });
}

export function reached(waybill: Waybill, step: WaybillStep): boolean {
  return WAYBILL_STEPS.indexOf(waybill.step) >= WAYBILL_STEPS.indexOf(step);
}

export function tellNotified(trip: Trip, title: string, body: string): void {
  const waybill = trip.latest();
  notify(trip.context, { id: `${waybill.id}:${waybill.submit ? 'done' : 'ready'}`, title, body });
  advance(trip, {}, { step: 'notified', proof: title });
  tell(trip.context, {
    key: `${waybill.id}:notified`,
    kind: 'notified',
    subject: waybill.id,
    sentence: `${title}. ${body}`,
    proof: 'notice written to the ledger',
  });
}

export function projectDirOf(context: EngineContext, waybill: Waybill): NamespacePath {
  const project = context.store.get().projects[waybill.projectId];
  return (project?.namespacePath ??
    commonFolder(waybill.files.map((file) => file.path))) as NamespacePath;
}

export function commonFolder(paths: readonly NamespacePath[]): NamespacePath {
  const folders = paths.map((path) => path.split('/').slice(0, -1));
  const [first = []] = folders;
  let depth = 0;
  while (depth < first.length && folders.every((folder) => folder[depth] === first[depth]))
    depth += 1;
  return (first.slice(0, depth).join('/') || '/') as NamespacePath;
}

/** The frames of the waybill's job that a site lists. */
export function outputsIn(view: SiteView, output: Waybill['output']): NamespaceItem[] {
  return view.items.filter(
    (item) =>
      item.kind === 'file' &&
      relativeInside(output.dir, item.path) !== null &&
      isFrameOf(output.pattern, item.name),
  );
}
