// Submits a job once, held, and releases it once: the id is looked up before any second try.

import { AgentError, sentenceOf } from '../base/errors.ts';
import type { JobText } from '../core/job.ts';
import type { FarmJobId, RegionId, SubmitId } from '../core/names.ts';
import type { Clock } from '../ports/clock.ts';
import type { Farm, FarmJob } from '../ports/farm.ts';
import type { Ledger } from './ledger.ts';

/** A farm may list a job a little after it took it; absence counts only when seen twice, this far apart. */
const LOOKUP_GAP_MS = 2_000;

export interface SubmitPorts {
  readonly ledger: Ledger;
  readonly farm: Farm;
  readonly clock: Clock;
}

export interface Submission {
  readonly submitId: SubmitId;
  readonly region: RegionId;
  readonly job: JobText;
}

/** The one job that carries the id: found, or posted now. Safe to call again after any crash or time-out. */
export async function submitOnce(
  ports: SubmitPorts,
  submission: Submission,
  signal: AbortSignal,
): Promise<FarmJob> {
  const intentId = `submit:${submission.submitId}`;
  const intent = ports.ledger.intend(
    { id: intentId, kind: 'submit', subject: submission.submitId, payload: submission.job },
    ports.clock.now(),
  );
  if (intent.state !== 'intended') {
    const found = await lookUp(ports, submission.submitId, signal);
    if (found) return proven(ports, intentId, found);
  }
  ports.ledger.setIntent(intentId, 'sent', { at: ports.clock.now() });
  const id = await ports.farm.submit(
    { submitId: submission.submitId, region: submission.region, ...submission.job },
    { signal },
  );
  return proven(ports, intentId, await readBack(ports, id, submission.submitId, signal));
}

async function lookUp(
  ports: SubmitPorts,
  submitId: SubmitId,
  signal: AbortSignal,
): Promise<FarmJob | null> {
  const first = await ports.farm.findBySubmitId(submitId, { signal });
  if (first) return first;
  await ports.clock.sleep(LOOKUP_GAP_MS, { signal });
  return ports.farm.findBySubmitId(submitId, { signal });
}

async function readBack(
  ports: SubmitPorts,
  id: FarmJobId,
  submitId: SubmitId,
  signal: AbortSignal,
): Promise<FarmJob> {
  const [job] = await ports.farm.jobs([id], { signal });
  if (job?.submitId === submitId) return job;
  throw new AgentError('unexpected-answer', {
    message: `The farm took job ${id} but does not show it with our id. It is looked up again before any second try.`,
    retry: 'later',
    facts: { job: id },
  });
}

function proven(ports: SubmitPorts, intentId: string, job: FarmJob): FarmJob {
  ports.ledger.setIntent(intentId, 'done', { at: ports.clock.now(), proof: job.id });
  return job;
}

export type Release =
  | { readonly kind: 'released'; readonly job: FarmJob }
  /** The job is not held any more, by a person's hand or an earlier release of ours. */
  | { readonly kind: 'already-running'; readonly job: FarmJob }
  | { readonly kind: 'gone' };

/** Resumes a held job and reads it back. A job someone else moved on is left as it is. */
export async function releaseOnce(
  ports: SubmitPorts,
  release: { submitId: SubmitId; jobId: FarmJobId; note: string },
  signal: AbortSignal,
): Promise<Release> {
  const intentId = `release:${release.submitId}`;
  const at = (): number => ports.clock.now();
  ports.ledger.intend(
    { id: intentId, kind: 'release', subject: release.submitId, payload: { jobId: release.jobId } },
    at(),
  );
  const [job] = await ports.farm.jobs([release.jobId], { signal });
  if (!job) {
    ports.ledger.setIntent(intentId, 'refused', {
      at: at(),
      proof: 'the job is gone from the farm',
    });
    return { kind: 'gone' };
  }
  if (job.state !== 'suspended') {
    ports.ledger.setIntent(intentId, 'done', { at: at(), proof: `job is ${job.state}` });
    return { kind: 'already-running', job };
  }
  ports.ledger.setIntent(intentId, 'sent', { at: at() });
  await ports.farm.resume(release.jobId, { signal });
  const [after] = await ports.farm.jobs([release.jobId], { signal });
  if (!after || after.state === 'suspended') {
    throw new AgentError('unexpected-answer', {
      message: `Job ${release.jobId} is still suspended after its release. Trying again.`,
      retry: 'later',
      facts: { job: release.jobId },
    });
  }
  ports.ledger.setIntent(intentId, 'done', { at: at(), proof: `job is ${after.state}` });
  await addNote(ports, release, signal);
  return { kind: 'released', job: after };
}

/** An audit line on the job is a courtesy; a farm that refuses it does not undo the release. */
async function addNote(
  ports: SubmitPorts,
  release: { jobId: FarmJobId; note: string; submitId: SubmitId },
  signal: AbortSignal,
): Promise<void> {
  try {
    await ports.farm.addHistory(release.jobId, release.note, { signal });
  } catch (error) {
    ports.ledger.setIntent(`release:${release.submitId}`, 'done', {
      at: ports.clock.now(),
      proof: `released; history entry refused: ${sentenceOf(error)}`,
    });
  }
}
