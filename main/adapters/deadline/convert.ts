// From Deadline's documents and codes to the engine's words. Job and task codes are two different tables.

import type { z } from 'zod';
import type { FarmJobId, SubmitId } from '../../engine/core/names.ts';
import type { FarmJob, FarmJobState, FarmTask, FarmWorker } from '../../engine/ports/farm.ts';
import type { JobDocument, TaskList, Workers } from './wire.ts';

/** Key of our id among a job's ExtraInfoKeyValue pairs. */
export const SUBMIT_ID_KEY = 'WAYBILL_SUBMIT_ID';

export function farmJob(job: z.infer<typeof JobDocument>): FarmJob {
  const submitId = job.Props.ExDic?.[SUBMIT_ID_KEY];
  return {
    id: job._id as FarmJobId,
    name: job.Props.Name ?? '',
    user: job.Props.User ?? '',
    state: jobState(job.Stat, job.RenderingChunks ?? 0),
    submitId: typeof submitId === 'string' && submitId !== '' ? (submitId as SubmitId) : null,
    tasksTotal: job.Props.Tasks ?? 0,
    tasksCompleted: job.CompletedChunks ?? 0,
    tasksFailed: job.FailedChunks ?? 0,
    errors: job.Errs ?? 0,
    outputDirs: job.OutDir ?? [],
    group: job.Props.Grp ?? '',
  };
}

/** 0 Unknown, 1 Active, 2 Suspended, 3 Completed, 4 Failed, 6 Pending; there is no 5. */
function jobState(code: number, renderingTasks: number): FarmJobState {
  switch (code) {
    case 1:
      return renderingTasks > 0 ? 'rendering' : 'queued';
    case 2:
      return 'suspended';
    case 3:
      return 'completed';
    case 4:
      return 'failed';
    case 6:
      return 'pending';
    default:
      return 'unknown';
  }
}

export function farmTask(task: z.infer<typeof TaskList>['Tasks'][number]): FarmTask {
  return {
    id: task.TaskID,
    frames: task.Frames ?? '',
    state: taskState(task.Stat),
    worker: task.Slave ?? '',
  };
}

/** 1 Unknown, 2 Queued, 3 Suspended, 4 Rendering, 5 Completed, 6 Failed, 8 Pending; there is no 0 or 7. */
function taskState(code: number): FarmTask['state'] {
  switch (code) {
    case 2:
      return 'queued';
    case 3:
      return 'suspended';
    case 4:
      return 'rendering';
    case 5:
      return 'completed';
    case 6:
      return 'failed';
    case 8:
      return 'pending';
    default:
      return 'unknown';
  }
}

export function farmWorker(worker: z.infer<typeof Workers>[number]): FarmWorker {
  const groups = typeof worker.Grps === 'string' ? worker.Grps.split(',') : (worker.Grps ?? []);
  return {
    name: worker.Name,
    state: workerState(worker.Stat ?? 0),
    groups: groups.map((group) => group.trim()).filter((group) => group !== '' && group !== 'none'),
    awsRegion: worker.AWSInfo?.AWSRegion || null,
  };
}

/** 0 Unknown, 1 Rendering, 2 Idle, 3 Offline, 4 Stalled, 8 StartingJob. */
function workerState(code: number): FarmWorker['state'] {
  switch (code) {
    case 1:
      return 'rendering';
    case 2:
      return 'idle';
    case 3:
      return 'offline';
    case 4:
      return 'stalled';
    case 8:
      return 'starting';
    default:
      return 'unknown';
  }
}
