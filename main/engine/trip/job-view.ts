// What is shown of a waybill's farm job, and why it is where it is.

import { assertNever } from '../base/errors.ts';
import type { FarmJob } from '../ports/farm.ts';
import type { JobView } from '../state.ts';
import { reached, type Trip } from './trip.ts';

export function showJob(
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
