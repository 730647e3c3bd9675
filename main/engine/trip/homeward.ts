// Follows the released job and brings each frame home as soon as home holds it.

import { AgentError, invariant } from '../base/errors.ts';
import { setHealth, tell } from '../context.ts';
import { baseNameOf, localPathOf, relativeInside } from '../core/paths.ts';
import type { LocalPath } from '../core/names.ts';
import type { FarmJob } from '../ports/farm.ts';
import type { NamespaceItem } from '../ports/namespace.ts';
import { bringHome } from '../services/homecoming.ts';
import type { Waybill } from '../services/waybill.ts';
import { showJob } from './job-view.ts';
import { advance, outputsIn, projectDirOf, tellNotified, type Trip } from './trip.ts';

const FARM_POLL_MS = 1_500;

/** A finished job's frames reach the region's listing a little later; past this, missing ones are reported. */
const FRAMES_GRACE_MS = 60_000;

/** Follows the job and brings each frame home as soon as home holds it; returns when all are here. */
export async function followHome(trip: Trip): Promise<void> {
  const { context, signal } = trip;
  const { clock } = context.ports;
  let completedSince: number | null = null;
  for (;;) {
    const job = await trip.attempt(() => readJob(trip));
    if (job.state === 'rendering' || job.tasksCompleted > 0) tellRendering(trip, job);
    const regionFrames = await bringFrames(trip);
    completedSince = job.state === 'completed' ? (completedSince ?? clock.monotonic()) : null;
    if (completedSince !== null && regionFrames > 0 && isAllHome(trip, regionFrames)) break;
    const waitedMs = completedSince === null ? 0 : clock.monotonic() - completedSince;
    showRenderTrouble(trip, job, waitedMs);
    await clock.sleep(FARM_POLL_MS, { signal });
  }
  finish(trip);
}

function isAllHome(trip: Trip, regionFrames: number): boolean {
  const { framesHome, framesTotal } = trip.latest();
  return framesHome.length >= Math.max(regionFrames, framesTotal);
}

function showRenderTrouble(trip: Trip, job: FarmJob, waitedMs: number): void {
  const { framesHome, framesTotal } = trip.latest();
  const report = firstLine(trip.context.store.get().jobs[job.id]?.report);
  if (job.state === 'failed') {
    trip.trouble(`The render failed: ${report} Fix it, then requeue the job.`, 'never');
  } else if (waitedMs > FRAMES_GRACE_MS) {
    trip.trouble(
      `The job is done, but ${framesHome.length} of ${framesTotal} frames are home. Check its log.`,
    );
  } else if (job.errors > 0 && job.state !== 'completed') {
    trip.trouble(`A task failed and is tried again by the farm: ${report}`);
  } else {
    trip.trouble(null);
  }
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
  const frames = outputsIn(there, waybill.output).filter(
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

function firstLine(text: string | null | undefined): string {
  return (text ?? 'no report yet.').split('\n')[0] ?? '';
}
