// Drives each waybill to its end: send, tag, submit held, prove ready, release once, bring the frames home.
// Every step may be cut off anywhere; what the ledger holds is enough to go on.

import { createHash } from 'node:crypto';
import { AgentError, assertNever, invariant, isAbort, sentenceOf } from './base/errors.ts';
import { untilDone } from './base/retry.ts';
import { homeGateway, notify, retryOf, setHealth, tell, type EngineContext } from './context.ts';
import type { SendScene } from './api.ts';
import { closureTotals, type Closure } from './core/closure.ts';
import { frameText, parseFrames } from './core/frames.ts';
import { planJob } from './core/job.ts';
import type { NamespacePath, ProjectId, SceneId, SubmitId, WaybillId } from './core/names.ts';
import {
  baseNameOf,
  farmPathOf,
  localPathOf,
  namespacePathOf,
  objectKeyOf,
  relativeInside,
} from './core/paths.ts';
import { readinessIn, sameVersion, type Readiness } from './core/readiness.ts';
import { findRegion, type Region } from './core/regions.ts';
import type { FarmJob } from './ports/farm.ts';
import type { NamespaceItem } from './ports/namespace.ts';
import type { LocalPath } from './core/names.ts';
import { bringHome } from './services/homecoming.ts';
import type { ProjectRow } from './services/ledger.ts';
import { releaseOnce, submitOnce } from './services/submit.ts';
import { markPaths, proveMark, sendPayload } from './services/tag.ts';
import type { SiteView, Tracker } from './services/track.ts';
import { isUnfinished, type Waybill, type WaybillFile } from './services/waybill.ts';
import { WAYBILL_STEPS, type JobView, type WaybillStep, type WaybillView } from './state.ts';

/** A hold that lasts longer than this says so. */
const HOLD_LIMIT_MS = 24 * 3_600_000;
const FARM_POLL_MS = 1_500;
/** A finished job's frames reach the region's listing a little later; past this, missing ones are reported. */
const FRAMES_GRACE_MS = 60_000;

export interface Dispatch extends AsyncDisposable {
  send(arg: SendScene, project: ProjectRow, closure: Closure): Waybill;
  cancel(waybillId: string): Promise<WaybillView>;
  retry(waybillId: string): WaybillView;
  view(waybill: Waybill): WaybillView;
  /** Goes on with what a crash or a quit left unfinished. */
  resumeAll(): void;
  /** Projects with a waybill under way, whose sites are asked often. */
  isBusy(projectId: string): boolean;
  unfinishedFor(scenePath: string, regionId: string): Waybill | null;
}

interface Trouble {
  readonly sentence: string;
  readonly since: number;
  readonly retry: 'now' | 'later' | 'never' | 'sign-in';
}

export function createDispatch(context: EngineContext, tracker: Tracker): Dispatch {
  const { clock, log } = context.ports;
  const waybills = new Map<string, Waybill>();
  const troubles = new Map<string, Trouble>();
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
      step: waybill.step,
      trouble: troubles.get(waybill.id) ?? null,
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

  function setTrouble(waybillId: string, trouble: Omit<Trouble, 'since'> | null): void {
    const before = troubles.get(waybillId);
    if (trouble === null && !before) return;
    if (trouble === null) troubles.delete(waybillId);
    else if (before?.sentence !== trouble.sentence)
      troubles.set(waybillId, { ...trouble, since: clock.now() });
    const waybill = waybills.get(waybillId);
    if (waybill) show(waybill);
  }

  function start(waybill: Waybill): void {
    const stop = new AbortController();
    const done = drive(waybill.id, stop.signal)
      .catch((error: unknown) => {
        if (isAbort(error)) return;
        log.error('A waybill stopped', { waybill: waybill.id, why: sentenceOf(error), error });
        setTrouble(waybill.id, { sentence: sentenceOf(error), retry: retryOf(error) });
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
            setTrouble(id, null);
            return result;
          },
          {
            clock,
            signal,
            onTrouble: (error) =>
              setTrouble(id, { sentence: sentenceOf(error), retry: retryOf(error) }),
          },
        ),
      trouble: (sentence) =>
        setTrouble(id, sentence === null ? null : { sentence, retry: 'later' }),
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
      const waybill = save(writeWaybill(context, { arg, project, closure, region }));
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
      setTrouble(waybillId, null);
      await undo(context, cancelled, [...waybills.values()]);
      return view(cancelled);
    },
    retry(waybillId) {
      const waybill = waybills.get(waybillId);
      if (!waybill) throw unknownWaybill(waybillId);
      setTrouble(waybillId, null);
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
    unfinishedFor: (scenePath, regionId) =>
      [...waybills.values()].find(
        (waybill) =>
          waybill.scenePath === scenePath && waybill.regionId === regionId && isUnfinished(waybill),
      ) ?? null,
    async [Symbol.asyncDispose]() {
      for (const running of drives.values()) running.stop.abort();
      await Promise.all([...drives.values()].map((running) => running.done));
    },
  };
}

/** One waybill on its way: what each step needs, and nothing of the others. */
interface Trip {
  readonly context: EngineContext;
  readonly tracker: Tracker;
  readonly region: Region;
  readonly signal: AbortSignal;
  latest(): Waybill;
  save(waybill: Waybill): Waybill;
  /** Runs an action until it succeeds, showing why it does not; honours a pause. */
  attempt<T>(action: () => Promise<T>): Promise<T>;
  trouble(sentence: string | null): void;
}

type TimelineStep = WaybillView['timeline'][number]['step'];

/** Saves a proven step and adds it to the timeline once. */
function advance(
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

function reached(waybill: Waybill, step: WaybillStep): boolean {
  return WAYBILL_STEPS.indexOf(waybill.step) >= WAYBILL_STEPS.indexOf(step);
}

function tagPorts(context: EngineContext): Parameters<typeof sendPayload>[0] {
  return { ...context.ports, ledger: context.ledger, sharePath: context.studio.share.path };
}

async function sendHome(trip: Trip): Promise<void> {
  const { context, signal } = trip;
  advance(trip, { step: 'sending' }, { step: 'sending', proof: `to ${context.studio.homeSite}` });
  let bytesSent = 0;
  const files = await trip.attempt(() => {
    bytesSent = 0;
    return sendPayload(tagPorts(context), trip.latest().files, {
      signal,
      onSent: (file) => {
        bytesSent += file.size;
        const before = context.store.get().transfers[trip.latest().id];
        context.store.put('transfers', trip.latest().id, {
          bytesArrived: 0,
          filesReady: 0,
          ...before,
          bytesSent,
        });
      },
    });
  });
  const accepted = await trip.attempt(() => provenAtHome(context, files, signal));
  const bytes = accepted.reduce((sum, file) => sum + file.size, 0);
  advance(
    trip,
    { step: 'accepted', files: accepted, bytes },
    {
      step: 'accepted',
      proof: `${accepted.length} files listed at ${context.studio.homeSite} with the sizes sent`,
    },
  );
}

/** What the home site lists after the upload is the version everything later is compared with. */
async function provenAtHome(
  context: EngineContext,
  files: readonly WaybillFile[],
  signal: AbortSignal,
): Promise<WaybillFile[]> {
  const [first] = files;
  if (!first) return [];
  const items = await homeGateway(context).tree(commonFolder(files.map((file) => file.path)), {
    signal,
  });
  const byPath = new Map(items.map((item) => [item.path as string, item]));
  return files.map((file) => {
    const item = byPath.get(file.path);
    if (item && item.size === file.size && item.modified !== null)
      return { ...file, homeModified: item.modified };
    throw new AgentError('unexpected-answer', {
      message: `${context.studio.homeSite} does not list ${file.path} as it was sent yet. Asking again.`,
      retry: 'later',
      facts: { path: file.path },
    });
  });
}

async function tag(trip: Trip): Promise<void> {
  const { context, region, signal } = trip;
  const waybill = trip.latest();
  if (waybill.timeline.some((entry) => entry.step === 'tagged')) return;
  const home = homeGateway(context);
  const dir = commonFolder(waybill.files.map((file) => file.path));
  const share = context.studio.share;
  const added = await trip.attempt(async () => {
    await proveMark(
      {
        gateway: home,
        anvil: context.ports.anvils.get(region.siteName) ?? null,
        log: context.ports.log,
      },
      { dir, share: share.name, site: region.siteName },
      signal,
    );
    await makeOutputFolder(trip, waybill);
    await markPaths(
      home,
      {
        paths: [waybill.output.dir],
        mark: { kind: 'keep-on-site', site: context.studio.homeSite },
      },
      signal,
    );
    return markPaths(
      home,
      {
        paths: waybill.files.map((file) => file.path),
        mark: { kind: 'keep-on-site', site: region.siteName },
      },
      signal,
    );
  });
  advance(
    trip,
    { marked: [...new Set([...waybill.marked, ...added])] },
    {
      step: 'tagged',
      proof: `keep-on-site ${region.siteName} read back on ${waybill.files.length} paths`,
    },
  );
  tell(context, {
    key: `${waybill.id}:tagged`,
    kind: 'tagged',
    subject: waybill.id,
    sentence: `${waybill.sceneName} and all it needs is tagged for ${region.name}.`,
    files: waybill.files.length,
    bytes: trip.latest().bytes,
    proof: `keep-on-site ${region.siteName} read back on ${waybill.files.length} paths`,
  });
}

/** The output folder is made once, at home, before any region can make a twin of it. */
async function makeOutputFolder(trip: Trip, waybill: Waybill): Promise<void> {
  const { context, signal } = trip;
  const key = objectKeyOf(context.studio.share.path, waybill.output.dir);
  invariant(key !== null, 'outputs lie in the share');
  const note = `${JSON.stringify({ waybill: 1, output: waybill.output.pattern })}\n`;
  await context.ports.objects.putText(
    { key: `${key}/.waybill.json`, text: note, condition: { kind: 'absent' } },
    { signal },
  );
}

async function submit(trip: Trip): Promise<void> {
  const { context, region, signal } = trip;
  const waybill = trip.latest();
  if (waybill.jobId === null) {
    const { job, renderer } = await trip.attempt(() => planFor(trip, waybill));
    const found = await trip.attempt(() =>
      submitOnce(
        { ...context.ports, ledger: context.ledger },
        { submitId: waybill.submitId, region: region.id, job },
        signal,
      ),
    );
    advance(
      trip,
      { jobId: found.id, renderer, holdUntil: context.ports.clock.now() + HOLD_LIMIT_MS },
      { step: 'submitted', proof: `job ${found.id} carries our id` },
    );
    showJob(trip, found);
  }
  const { jobId } = trip.latest();
  tell(context, {
    key: `${waybill.id}:submitted`,
    kind: 'submitted',
    subject: waybill.id,
    sentence: `One job was submitted for ${waybill.sceneName}.`,
    proof: `job ${jobId} carries ${waybill.submitId}`,
  });
  advance(trip, {}, { step: 'held', proof: `job ${jobId} is suspended` });
  tell(context, {
    key: `${waybill.id}:held`,
    kind: 'held',
    subject: waybill.id,
    sentence: `The job is held until its data is in ${region.name}.`,
    proof: `job ${jobId} read back as suspended`,
  });
}

async function planFor(
  trip: Trip,
  waybill: Waybill,
): Promise<{ job: Parameters<typeof submitOnce>[1]['job']; renderer: string }> {
  const { context, region, signal } = trip;
  const { farmRoot, fallbackRenderer } = context.studio;
  const [scene, ...inputs] = waybill.files.map((file) => farmPathOf(farmRoot, file.path));
  invariant(scene !== undefined, 'a closure holds its scene');
  const outcome = planJob(
    {
      name: waybill.sceneName.replace(/\.[^.]*$/, ''),
      frames: waybill.frames,
      user: context.identity.user,
      machine: context.identity.workstation,
      submitId: waybill.submitId,
      region,
      scene,
      inputs,
      outputDir: farmPathOf(farmRoot, waybill.output.dir),
      outputPattern: waybill.output.pattern,
      dcc: waybill.dcc,
    },
    { plugins: await context.ports.farm.plugins({ signal }), fallback: fallbackRenderer },
  );
  if (outcome.kind === 'no-renderer')
    throw new AgentError('farm-rejected', { message: outcome.why, retry: 'never' });
  return outcome;
}

async function becomeReady(trip: Trip): Promise<void> {
  const { context, region, tracker, signal } = trip;
  const waybill = trip.latest();
  const projectDir = projectDirOf(context, waybill);
  let shown = -1;
  for (;;) {
    const view = await tracker.freshView(region.siteName, projectDir, signal);
    const readiness = readinessIn(trip.latest().files, seenIn(view));
    context.store.put('transfers', waybill.id, {
      bytesSent: waybill.bytes,
      bytesArrived: readiness.bytesReady,
      filesReady: readiness.filesReady,
    });
    if (readiness.filesReady > 0 && readiness.filesReady !== shown) {
      shown = readiness.filesReady;
      tellArriving(trip, readiness);
    }
    trip.trouble(staleSentence(trip, readiness) ?? overdueSentence(trip));
    switch (readiness.kind) {
      case 'metadata-missing':
        continue;
      case 'metadata-in-region':
      case 'payload-arriving':
        advance(
          trip,
          { step: readiness.kind },
          { step: readiness.kind, proof: `listed by ${region.siteName}` },
        );
        continue;
      case 'ready':
        advance(trip, { step: 'ready' }, { step: 'ready', proof: readyProof(trip, readiness) });
        tell(context, {
          key: `${waybill.id}:ready`,
          kind: 'ready',
          subject: waybill.id,
          sentence: `${waybill.sceneName} is ready in ${region.name}.`,
          files: readiness.filesReady,
          bytes: readiness.bytesReady,
          proof: readyProof(trip, readiness),
        });
        return;
      default:
        assertNever(readiness.kind);
    }
  }
}

function readyProof(trip: Trip, readiness: Readiness): string {
  return `${trip.region.siteName} holds a current copy of ${readiness.filesReady} of ${trip.latest().files.length} files`;
}

function tellArriving(trip: Trip, readiness: Readiness): void {
  const waybill = trip.latest();
  tell(trip.context, {
    key: `${waybill.id}:arriving:${readiness.filesReady}`,
    kind: 'arriving',
    subject: waybill.id,
    sentence: `${readiness.filesReady} of ${waybill.files.length} files are in ${trip.region.name}.`,
    files: readiness.filesReady,
    bytes: readiness.bytesReady,
    proof: `current copies listed by ${trip.region.siteName}`,
  });
}

function staleSentence(trip: Trip, readiness: Readiness): string | null {
  const [path] = readiness.stale;
  if (path === undefined) return null;
  // Seconds after an upload the region may still list the version before; only a change at home is news.
  const home = trip.tracker.view(
    trip.context.studio.homeSite,
    projectDirOf(trip.context, trip.latest()),
  );
  const item = home?.items.find((candidate) => candidate.path === path);
  const file = trip.latest().files.find((candidate) => candidate.path === path);
  if (!item || !file || sameVersion(file, item)) return null;
  return `${baseNameOf(path)} changed after it was tagged. Cancel and send again.`;
}

function overdueSentence(trip: Trip): string | null {
  const { holdUntil } = trip.latest();
  if (holdUntil === null || trip.context.ports.clock.now() < holdUntil) return null;
  return `The hold has lasted a day. Release the job in Deadline or cancel here.`;
}

async function release(trip: Trip): Promise<void> {
  const { context, region, tracker, signal } = trip;
  const waybill = trip.latest();
  const { jobId } = waybill;
  invariant(jobId !== null, 'a submitted waybill has a job');
  if (waybill.outputsBefore === null) {
    const view = await tracker.freshView(region.siteName, projectDirOf(context, waybill), signal);
    const outputs = outputsIn(view, waybill.output.dir).map(
      (item) => [item.path, item.modified] as const,
    );
    advance(trip, { outputsBefore: Object.fromEntries(outputs) });
  }
  const outcome = await trip.attempt(() =>
    releaseOnce(
      { ...context.ports, ledger: context.ledger },
      {
        submitId: waybill.submitId,
        jobId,
        note: `Waybill: ${waybill.files.length} files are ready in ${region.name}; released.`,
      },
      signal,
    ),
  );
  if (outcome.kind === 'gone') {
    throw new AgentError('farm-rejected', {
      message: `Job ${jobId} was deleted on the farm. Cancel and send again.`,
      retry: 'never',
    });
  }
  const proof = `job ${jobId} read back as ${outcome.job.state}`;
  advance(trip, { step: 'released' }, { step: 'released', proof });
  tell(context, {
    key: `${waybill.id}:released`,
    kind: 'released',
    subject: waybill.id,
    sentence: `The job was released once, in ${region.name}.`,
    proof,
  });
  showJob(trip, outcome.job);
}

/** Follows the job and brings each frame home as soon as home holds it; returns when all are here. */
async function followHome(trip: Trip): Promise<void> {
  const { context, signal } = trip;
  const { clock } = context.ports;
  let completedSince: number | null = null;
  for (;;) {
    const job = await trip.attempt(() => readJob(trip));
    if (job.state === 'rendering' || job.tasksCompleted > 0) tellRendering(trip, job);
    const regionFrames = await bringFrames(trip);
    const waybill = trip.latest();
    if (job.state === 'failed') {
      trip.trouble(
        `The render failed: ${firstLine(context.store.get().jobs[job.id]?.report)} Fix it, then requeue the job.`,
      );
    } else if (job.state === 'completed') {
      completedSince ??= clock.monotonic();
      const allHome =
        regionFrames > 0 &&
        waybill.framesHome.length >= Math.max(regionFrames, waybill.framesTotal);
      if (allHome) break;
      if (clock.monotonic() - completedSince > FRAMES_GRACE_MS) {
        trip.trouble(
          `The job is done, but ${waybill.framesHome.length} of ${waybill.framesTotal} frames are home. Check its log.`,
        );
      }
    } else {
      completedSince = null;
      trip.trouble(null);
    }
    await clock.sleep(FARM_POLL_MS, { signal });
  }
  finish(trip);
}

async function readJob(trip: Trip): Promise<FarmJob> {
  const { context, signal } = trip;
  const { jobId } = trip.latest();
  invariant(jobId !== null, 'a submitted waybill has a job');
  const [job] = await context.ports.farm.jobs([jobId], { signal });
  if (!job) {
    throw new AgentError('farm-rejected', {
      message: `Job ${jobId} was deleted on the farm. Cancel and send again.`,
      retry: 'never',
    });
  }
  const tasks = await context.ports.farm.tasks(jobId, { signal });
  const report = job.errors > 0 ? await context.ports.farm.lastReport(jobId, { signal }) : null;
  showJob(trip, job, { tasks, report });
  return job;
}

function tellRendering(trip: Trip, job: FarmJob): void {
  const waybill = trip.latest();
  const proof = `${job.tasksCompleted} of ${job.tasksTotal} tasks done, job ${job.state}`;
  advance(trip, { step: 'rendering' }, { step: 'rendering', proof });
  tell(trip.context, {
    key: `${waybill.id}:rendering`,
    kind: 'rendering',
    subject: waybill.id,
    sentence: `${waybill.sceneName} renders in ${trip.region.name} with ${waybill.renderer ?? 'the farm'}.`,
    proof,
  });
}

/** Downloads what is current at home and was rendered since the release; returns how many frames the region has. */
async function bringFrames(trip: Trip): Promise<number> {
  const { context, region, tracker, signal } = trip;
  const waybill = trip.latest();
  const projectDir = projectDirOf(context, waybill);
  const there = tracker.view(region.siteName, projectDir);
  const here = tracker.view(context.studio.homeSite, projectDir);
  if (!there || !here) return 0;
  const homeItems = new Map(here.items.map((item) => [item.path as string, item]));
  const frames = outputsIn(there, waybill.output.dir).filter(
    (item) => waybill.outputsBefore?.[item.path] !== item.modified,
  );
  for (const frame of frames) {
    if (trip.latest().framesHome.includes(frame.path)) continue;
    const item = homeItems.get(frame.path);
    if (!item?.online || item.size !== frame.size || item.modified !== frame.modified) continue;
    const home = await trip.attempt(() =>
      bringHome(
        { ...context.ports, ledger: context.ledger, sharePath: context.studio.share.path },
        {
          path: frame.path,
          localDir: localFrameDir(waybill, frame),
          label: `${region.id} ${waybill.id.slice(0, 8)}`,
        },
        signal,
      ),
    );
    if (home.keptApart) {
      setHealth(context, {
        code: 'frames-kept-apart',
        subject: waybill.id,
        severity: 'warning',
        sentence: `Your own ${baseNameOf(frame.path)} was kept; the new frame is beside it as ${baseNameOf(home.path)}.`,
      });
    }
    advance(trip, { framesHome: [...trip.latest().framesHome, frame.path] });
  }
  return frames.length;
}

function localFrameDir(waybill: Waybill, frame: NamespaceItem): string {
  const below = relativeInside(waybill.output.dir, frame.path) ?? frame.name;
  const folder = below.includes('/') ? below.slice(0, below.lastIndexOf('/')) : '';
  return localPathOf(waybill.output.localDir as LocalPath, folder);
}

function finish(trip: Trip): void {
  const { context, region } = trip;
  const waybill = trip.latest();
  const frames = waybill.framesHome.length;
  const proof = `${frames} frames downloaded to ${waybill.output.localDir}, checksums verified`;
  advance(trip, {}, { step: 'frames-home', proof });
  const home = trip.tracker.view(context.studio.homeSite, projectDirOf(context, waybill));
  const bytes = (home?.items ?? [])
    .filter((item) => waybill.framesHome.includes(item.path))
    .reduce((sum, item) => sum + item.size, 0);
  tell(context, {
    key: `${waybill.id}:frames-home`,
    kind: 'frames-home',
    subject: waybill.id,
    sentence: `${frames} frames of ${waybill.sceneName} are home.`,
    files: frames,
    bytes,
    proof,
  });
  tellNotified(
    trip,
    `${waybill.sceneName} is rendered`,
    `${frames} frames from ${region.name} are home.`,
  );
  advance(trip, { step: 'done' }, { step: 'done', proof });
}

function tellNotified(trip: Trip, title: string, body: string): void {
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

function showJob(
  trip: Trip,
  job: FarmJob,
  more?: { tasks: JobView['tasks']; report: string | null },
): void {
  const waybill = trip.latest();
  const before = trip.context.store.get().jobs[job.id];
  trip.context.store.put('jobs', job.id, {
    id: job.id,
    waybillId: waybill.id,
    name: job.name,
    state: job.state,
    group: job.group,
    tasks: more?.tasks ?? before?.tasks ?? [],
    errors: job.errors,
    report: more?.report ?? before?.report ?? null,
    outputDir: waybill.output.localDir,
    why: whyOf(trip, job),
  });
}

function whyOf(trip: Trip, job: FarmJob): string {
  const { region } = trip;
  switch (job.state) {
    case 'suspended':
      return reached(trip.latest(), 'released')
        ? 'Suspended on the farm by a person.'
        : `Held until its data is in ${region.name}.`;
    case 'pending':
      return 'Waits for another job, or for its schedule.';
    case 'queued':
      return `Waits for a worker of ${job.group}.`;
    case 'rendering':
      return `${job.tasksCompleted} of ${job.tasksTotal} tasks done.`;
    case 'completed':
      return 'All tasks done.';
    case 'failed':
      return `${job.tasksFailed} tasks failed; see the report.`;
    case 'unknown':
      return 'The farm gives no state for it.';
    default:
      return assertNever(job.state);
  }
}

/** Takes back what a cancelled waybill asked for: only marks we added, and only those nobody else needs. */
async function undo(
  context: EngineContext,
  cancelled: Waybill,
  all: readonly Waybill[],
): Promise<void> {
  const region = findRegion(context.studio.regions, cancelled.regionId);
  const needed = new Set(
    all
      .filter(
        (other) =>
          other.id !== cancelled.id && !other.cancelled && other.regionId === cancelled.regionId,
      )
      .flatMap((other) => other.files.map((file) => file.path)),
  );
  const signal = AbortSignal.timeout(30_000);
  try {
    for (const path of region ? cancelled.marked.filter((marked) => !needed.has(marked)) : []) {
      await homeGateway(context).removeMark(
        path,
        { kind: 'keep-on-site', site: region?.siteName ?? '' },
        { signal },
      );
    }
    if (cancelled.jobId !== null) {
      const [job] = await context.ports.farm.jobs([cancelled.jobId], { signal });
      if (job && job.state !== 'completed' && job.state !== 'suspended')
        await context.ports.farm.suspend(job.id, { signal });
    }
  } catch (error) {
    throw new AgentError('connection-refused', {
      message: `The waybill is cancelled, but not all of it could be taken back (${sentenceOf(error)}). Cancel again to finish.`,
      retry: 'later',
      cause: error,
    });
  }
}

/** Everything that is refused is refused here, before anything is written. */
function writeWaybill(
  context: EngineContext,
  request: { arg: SendScene; project: ProjectRow; closure: Closure; region: Region },
): Waybill {
  const { arg, project, closure, region } = request;
  const [firstMissing] = closure.missing;
  if (firstMissing && !arg.allowMissing) {
    const more = closure.missing.length > 1 ? ` and ${closure.missing.length - 1} more` : '';
    throw new AgentError('closure-incomplete', {
      message: `${baseNameOf(closure.scene)} needs ${firstMissing.raw}${more}, which is not on disk. Add it, or send although files are missing.`,
      retry: 'never',
      facts: { missing: closure.missing.length, path: firstMissing.path },
    });
  }
  const files = closure.files.filter((file) => file.exists).map((file) => fileIn(project, file));
  const frames = arg.frames ?? (closure.frames ? frameText(closure.frames) : '1');
  const parsed = parseFrames(frames);
  if (parsed.kind === 'unreadable')
    throw new AgentError('bad-argument', { message: parsed.why, retry: 'never' });
  const relativeScene = relativeInside(project.dir, closure.scene) ?? '';
  return {
    id: crypto.randomUUID() as WaybillId,
    projectId: project.id as ProjectId,
    sceneId: createHash('sha256')
      .update(`${project.id}\n${relativeScene}`)
      .digest('hex')
      .slice(0, 24) as SceneId,
    sceneName: baseNameOf(closure.scene),
    scenePath: closure.scene,
    regionId: region.id,
    submit: arg.submit,
    who: context.identity.user,
    createdAt: context.ports.clock.now(),
    cancelled: false,
    step: 'queued',
    files,
    bytes: closureTotals(closure).bytes,
    dcc: closure.dcc,
    frames,
    framesTotal: arg.submit ? parsed.frames.length : 0,
    output: outputOf(project, closure),
    submitId: crypto.randomUUID() as SubmitId,
    jobId: null,
    renderer: null,
    holdUntil: null,
    outputsBefore: null,
    framesHome: [],
    marked: [],
    timeline: [{ step: 'queued', at: context.ports.clock.now(), proof: 'written to the ledger' }],
  };
}

function fileIn(project: ProjectRow, file: Closure['files'][number]): WaybillFile {
  const relative = relativeInside(project.dir, file.path);
  if (relative !== null) {
    const path = namespacePathOf(project.namespacePath as NamespacePath, relative);
    return { localPath: file.path, path, size: file.size, sha256: null, homeModified: null };
  }
  throw new AgentError('outside-project', {
    message: `${file.path} lies outside the project ${project.name}, where no worker can see it. Move it into ${project.dir}.`,
    retry: 'never',
    facts: { path: file.path },
  });
}

/** The scene's own output folder when workers may see it; else `renders/<scene>` of the project. */
function outputOf(project: ProjectRow, closure: Closure): Waybill['output'] {
  const stem = baseNameOf(closure.scene).replace(/\.[^.]*$/, '');
  const [output] = closure.outputs;
  const relative = output ? relativeInside(project.dir, output.dir) : null;
  const folder = relative === null || relative === '' ? `renders/${stem}` : relative;
  return {
    dir: namespacePathOf(project.namespacePath as NamespacePath, folder),
    localDir: localPathOf(project.dir as LocalPath, folder),
    pattern:
      output && relative !== null && relative !== '' && output.pattern !== ''
        ? output.pattern
        : `${stem}.####`,
  };
}

function projectDirOf(context: EngineContext, waybill: Waybill): NamespacePath {
  const project = context.store.get().projects[waybill.projectId];
  return (project?.namespacePath ??
    commonFolder(waybill.files.map((file) => file.path))) as NamespacePath;
}

function commonFolder(paths: readonly NamespacePath[]): NamespacePath {
  const folders = paths.map((path) => path.split('/').slice(0, -1));
  const [first = []] = folders;
  let depth = 0;
  while (depth < first.length && folders.every((folder) => folder[depth] === first[depth]))
    depth += 1;
  return (first.slice(0, depth).join('/') || '/') as NamespacePath;
}

function seenIn(view: SiteView): Map<string, NamespaceItem> {
  return new Map(view.items.map((item) => [item.path as string, item]));
}

function outputsIn(view: SiteView, dir: NamespacePath): NamespaceItem[] {
  return view.items.filter(
    (item) =>
      item.kind === 'file' && !item.name.startsWith('.') && relativeInside(dir, item.path) !== null,
  );
}

function firstLine(text: string | null | undefined): string {
  return (text ?? 'no report yet.').split('\n')[0] ?? '';
}

function unknownRegion(wanted: string, regions: readonly Region[]): AgentError {
  return new AgentError('unknown-region', {
    message: `The studio has no region "${wanted}". It has ${regions.map((region) => region.id).join(', ')}.`,
    retry: 'never',
  });
}

function unknownWaybill(id: string): AgentError {
  return new AgentError('unknown-waybill', {
    message: `There is no waybill ${id}.`,
    retry: 'never',
  });
}
