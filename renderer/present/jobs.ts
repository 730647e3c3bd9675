// A job's state, its tasks in counts, and the order jobs are listed in.

import type { JobView } from '../../preload/contract.ts';
import { words } from '../words/en.ts';
import { countText } from './format.ts';
import type { Mark } from './marks.ts';

export type TaskState = keyof typeof words.jobs.states;

const STATE_RANK: Readonly<Record<JobView['state'], number>> = {
  failed: 0,
  rendering: 1,
  queued: 2,
  suspended: 3,
  pending: 4,
  unknown: 5,
  completed: 6,
};

const TASK_STATES: readonly TaskState[] = [
  'completed',
  'rendering',
  'failed',
  'queued',
  'suspended',
  'pending',
  'unknown',
];

/** What needs a person first, what is over last. */
export function listJobs(jobs: Readonly<Record<string, JobView>>): readonly JobView[] {
  return Object.values(jobs).toSorted(
    (a, b) => STATE_RANK[a.state] - STATE_RANK[b.state] || a.name.localeCompare(b.name, 'en'),
  );
}

export function isJobOver(job: JobView): boolean {
  return job.state === 'completed' || job.state === 'failed';
}

export function jobMark(state: JobView['state']): Mark {
  switch (state) {
    case 'suspended':
      return 'paused';
    case 'pending':
    case 'queued':
      return 'waiting';
    case 'rendering':
      return 'moving';
    case 'completed':
      return 'done';
    case 'failed':
      return 'error';
    case 'unknown':
      return 'unknown';
  }
}

/** The farm's word for a task, or 'unknown' for one this version does not know. */
export function taskState(state: string): TaskState {
  return TASK_STATES.find((known) => known === state) ?? 'unknown';
}

/** '12 done · 2 rendering', in the order of TASK_STATES, without what is zero. */
export function taskCounts(tasks: JobView['tasks']): string {
  if (tasks.length === 0) return words.jobs.tasksUnknown;
  const states = tasks.map((task) => taskState(task.state));
  return TASK_STATES.flatMap((state) => {
    const count = states.filter((other) => other === state).length;
    return count === 0 ? [] : [`${countText(count)} ${words.jobs.states[state]}`];
  }).join(' · ');
}
