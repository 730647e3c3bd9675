// Keeps every waybill and drives each to its end. A step may be cut off anywhere; the ledger holds enough to go on.

import type { SendScene } from './api.ts';
import { AgentError, invariant, isAbort, sentenceOf } from './base/errors.ts';
import { untilDone } from './base/retry.ts';
import { retryOf, tell, type EngineContext } from './context.ts';
import type { Closure } from './core/closure.ts';
import { writeSameFrames } from './core/outputs.ts';
import { findRegion } from './core/regions.ts';
import type { ProjectRow } from './services/ledger.ts';
import type { Tracker } from './services/track.ts';
import { isUnfinished, type Waybill } from './services/waybill.ts';
import type { WaybillView } from './state.ts';
import { sendHome, tag } from './trip/departure.ts';
import { becomeReady, release, submit } from './trip/hold.ts';
import { followHome } from './trip/homeward.ts';
import { reached, tellNotified, type Trip } from './trip/trip.ts';
import { undo } from './trip/undo.ts';
import { outputTaken, unknownRegion, unknownWaybill, writeWaybill } from './trip/writing.ts';

export interface Dispatch extends AsyncDisposable {
  send(arg: SendScene, project: ProjectRow, closure: Closure): Waybill;
  cancel(waybillId: string): Promise<WaybillView>;
  retry(waybillId: string): WaybillView;
  view(waybill: Waybill): WaybillView;
  /** Goes on with what a crash or a quit left unfinished. */
  resumeAll(): void;
  /** Projects with a waybill under way, whose sites are asked often. */
  isBusy(projectId: string): boolean;
  /** The waybill a request already made: by its own id, or still under way for the same scene and region. */
  already(request: {
    requestId?: string | undefined;
    scenePath: string;
    regionId: string;
  }): Waybill | null;
}

type Trouble = NonNullable<WaybillView['trouble']>;

/** A call that fails, and a state of things that does not move: each comes and goes by itself. */
interface Troubles {
  readonly call: Trouble | null;
  readonly standing: Trouble | null;
}

const NO_TROUBLES: Troubles = { call: null, standing: null };

export function createDispatch(context: EngineContext, tracker: Tracker): Dispatch {
  const { clock, log } = context.ports;
  const waybills = new Map<string, Waybill>();
  const troubles = new Map<string, Troubles>();
  const drives = new Map<string, { stop: AbortController; done: Promise<void> }>();

  function save(waybill: Waybill): Waybill {
    waybills.set(waybill.id, waybill);
    context.ledger.saveDocument('waybill', waybill.id, waybill, clock.now());
    show(waybill);
    return waybill;
  }

  function show(waybill: Waybill): void {
    context.store.put('waybills', waybill.id, view(waybill));
    const scene = context.store.get().scenes[waybill.sceneId];
    if (!scene) return;
    const regions = [...waybills.values()]
      .filter(
        (other) => other.sceneId === waybill.sceneId && !other.cancelled && reached(other, 'ready'),
      )
      .map((other) => other.regionId);
    context.store.put('scenes', scene.id, { ...scene, regions: [...new Set(regions)] });
  }

  function view(waybill: Waybill): WaybillView {
    return {
      id: waybill.id,
      sceneId: waybill.sceneId,
      sceneName: waybill.sceneName,
      projectId: waybill.projectId,
      regionId: waybill.regionId,
      submit: waybill.submit,
      step: waybill.step,
      trouble: troubleOf(waybill.id),
      cancelled: waybill.cancelled,
      files: waybill.files.length,
      bytes: waybill.bytes,
      who: waybill.who,
      createdAt: waybill.createdAt,
      holdUntil: waybill.holdUntil,
      jobId: waybill.jobId,
      framesTotal: waybill.framesTotal,
      framesHome: waybill.framesHome.length,
      timeline: waybill.timeline,
    };
  }

  function troubleOf(waybillId: string): Trouble | null {
    const { call, standing } = troubles.get(waybillId) ?? NO_TROUBLES;
    return call ?? standing;
  }

  function setTrouble(
    waybillId: string,
    kind: keyof Troubles,
    trouble: Omit<Trouble, 'since'> | null,
  ): void {
    const before = troubles.get(waybillId) ?? NO_TROUBLES;
    if (before[kind]?.sentence === trouble?.sentence) return;
    const next = trouble === null ? null : { ...trouble, since: clock.now() };
    troubles.set(waybillId, { ...before, [kind]: next });
    const waybill = waybills.get(waybillId);
    if (waybill) show(waybill);
  }

  function clearTroubles(waybillId: string): void {
    setTrouble(waybillId, 'call', null);
    setTrouble(waybillId, 'standing', null);
  }

  function start(waybill: Waybill): void {
    const stop = new AbortController();
    const done = drive(waybill.id, stop.signal)
      .catch((error: unknown) => {
        if (isAbort(error)) return;
        log.error('A waybill stopped', { waybill: waybill.id, why: sentenceOf(error), error });
        setTrouble(waybill.id, 'call', { sentence: sentenceOf(error), retry: retryOf(error) });
        tell(context, {
          key: `${waybill.id}:trouble:${sentenceOf(error)}`,
          kind: 'trouble',
          subject: waybill.id,
          sentence: sentenceOf(error),
          proof: error instanceof AgentError ? error.code : 'internal',
        });
      })
      .finally(() => drives.delete(waybill.id));
    drives.set(waybill.id, { stop, done });
  }

  async function drive(id: string, signal: AbortSignal): Promise<void> {
    const latest = (): Waybill => {
      const waybill = waybills.get(id);
      invariant(waybill, `waybill ${id} is known`);
      return waybill;
    };
    const region = findRegion(context.studio.regions, latest().regionId);
    if (!region) throw unknownRegion(latest().regionId, context.studio.regions);
    const trip: Trip = {
      context,
      tracker,
      region,
      signal,
      latest,
      save,
      attempt: (action) =>
        untilDone(
          async () => {
            await context.whenNotPaused(signal);
            const result = await action();
            setTrouble(id, 'call', null);
            return result;
          },
          {
            clock,
            signal,
            onTrouble: (error) =>
              setTrouble(id, 'call', { sentence: sentenceOf(error), retry: retryOf(error) }),
          },
        ),
      trouble: (sentence, retry = 'later') =>
        setTrouble(id, 'standing', sentence === null ? null : { sentence, retry }),
    };
    if (!reached(latest(), 'accepted')) await sendHome(trip);
    await tag(trip);
    if (latest().submit) await submit(trip);
    if (!reached(latest(), 'ready')) await becomeReady(trip);
    if (!latest().submit) {
      tellNotified(
        trip,
        `${latest().sceneName} is ready in ${region.name}`,
        `${latest().files.length} files are there.`,
      );
      return;
    }
    if (!reached(latest(), 'released')) await release(trip);
    await followHome(trip);
  }

  return {
    send(arg, project, closure) {
      const region = findRegion(context.studio.regions, arg.region);
      if (!region) throw unknownRegion(arg.region, context.studio.regions);
      const waybill = writeWaybill(context, { arg, project, closure, region });
      const rival = [...waybills.values()].find(
        (other) =>
          waybill.submit &&
          other.submit &&
          isUnfinished(other) &&
          writeSameFrames(other.output, waybill.output),
      );
      if (rival) throw outputTaken(waybill, rival);
      save(waybill);
      const totals = { bytes: waybill.bytes, files: waybill.files.length };
      tell(context, {
        key: `${waybill.id}:closure`,
        kind: 'closure',
        subject: waybill.id,
        sentence: `${waybill.sceneName} needs ${totals.files} files.`,
        ...totals,
        proof: `read from the ${closure.format} file, ${closure.missing.length} missing`,
      });
      start(waybill);
      tracker.wake();
      return waybill;
    },
    async cancel(waybillId) {
      const waybill = waybills.get(waybillId);
      if (!waybill) throw unknownWaybill(waybillId);
      const running = drives.get(waybillId);
      running?.stop.abort();
      await running?.done;
      const cancelled = save({ ...(waybills.get(waybillId) ?? waybill), cancelled: true });
      clearTroubles(waybillId);
      await undo(context, cancelled, [...waybills.values()]);
      return view(cancelled);
    },
    retry(waybillId) {
      const waybill = waybills.get(waybillId);
      if (!waybill) throw unknownWaybill(waybillId);
      clearTroubles(waybillId);
      if (isUnfinished(waybill) && !drives.has(waybillId)) start(waybill);
      tracker.wake();
      return view(waybill);
    },
    view,
    resumeAll() {
      for (const document of context.ledger.documents('waybill')) {
        const waybill = document as Waybill;
        waybills.set(waybill.id, waybill);
        show(waybill);
        if (isUnfinished(waybill)) start(waybill);
      }
    },
    isBusy: (projectId) =>
      [...waybills.values()].some(
        (waybill) => waybill.projectId === projectId && isUnfinished(waybill),
      ),
    already: ({ requestId, scenePath, regionId }) =>
      waybills.get(requestId ?? '') ??
      [...waybills.values()].find(
        (waybill) =>
          waybill.scenePath === scenePath && waybill.regionId === regionId && isUnfinished(waybill),
      ) ??
      null,
    async [Symbol.asyncDispose]() {
      for (const running of drives.values()) running.stop.abort();
      await Promise.all([...drives.values()].map((running) => running.done));
    },
  };
}
