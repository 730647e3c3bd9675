// Submits the job held, proves that its data is in the region, and releases it once.

import { AgentError, assertNever, invariant } from '../base/errors.ts';
import { tell } from '../context.ts';
import { planJob } from '../core/job.ts';
import { baseNameOf, farmPathOf } from '../core/paths.ts';
import { readinessIn, sameVersion, type Readiness } from '../core/readiness.ts';
import { releaseOnce, submitOnce } from '../services/submit.ts';
import type { SiteView } from '../services/track.ts';
import type { Waybill } from '../services/waybill.ts';
import type { NamespaceItem } from '../ports/namespace.ts';
import { showJob } from './job-view.ts';
import { advance, outputsIn, projectDirOf, type Trip } from './trip.ts';

/** A hold that lasts longer than this says so. */
const HOLD_LIMIT_MS = 24 * 3_600_000;

export async function submit(trip: Trip): Promise<void> {
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

export async function becomeReady(trip: Trip): Promise<void> {
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
        // Proven with it, where payload came before we had looked.
        advance(trip, {}, { step: 'metadata-in-region', proof: `listed by ${region.siteName}` });
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

export async function release(trip: Trip): Promise<void> {
  const { context, region, signal } = trip;
  const waybill = trip.latest();
  const { jobId } = waybill;
  invariant(jobId !== null, 'a submitted waybill has a job');
  const outcome = await trip.attempt(async () => {
    // Proven for this very attempt: what was ready a minute ago may have changed or gone since.
    const view = await provenView(trip);
    if (trip.latest().outputsBefore === null) {
      const outputs = outputsIn(view, waybill.output);
      advance(trip, {
        outputsBefore: Object.fromEntries(outputs.map((item) => [item.path, item.modified])),
      });
    }
    return releaseOnce(
      { ...context.ports, ledger: context.ledger },
      {
        submitId: waybill.submitId,
        jobId,
        note: `Waybill: ${waybill.files.length} files are ready in ${region.name}; released.`,
      },
      signal,
    );
  });
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

/** The region's own listing, asked for now, in which every file is ready. */
async function provenView(trip: Trip): Promise<SiteView> {
  const { context, region, tracker, signal } = trip;
  const waybill = trip.latest();
  const view = await tracker.freshView(region.siteName, projectDirOf(context, waybill), signal);
  const readiness = readinessIn(waybill.files, seenIn(view));
  if (readiness.kind === 'ready') return view;
  const lost = waybill.files.length - readiness.filesReady;
  throw new AgentError('file-changed', {
    message:
      staleSentence(trip, readiness) ??
      `${lost} of ${waybill.files.length} files are not in ${region.name} any more. Waiting for them again.`,
    retry: 'later',
  });
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

function seenIn(view: SiteView): Map<string, NamespaceItem> {
  return new Map(view.items.map((item) => [item.path as string, item]));
}
