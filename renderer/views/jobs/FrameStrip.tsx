// The tasks of a job as one strip, told apart by height and hatching as well as colour; counts stand below.

import type { ReactNode } from 'react';
import type { JobView } from '../../../preload/contract.ts';
import { taskCounts, taskState, type TaskState } from '../../present/jobs.ts';
import { words } from '../../words/en.ts';

/** Drawing units of one task; the strip stretches to its place. */
const TASK = 10;
const GAP = 1;
const HEIGHT = 20;

/** Share of the height that a task fills: a finished one stands full, a waiting one lies low. */
const FILL: Readonly<Record<TaskState, number>> = {
  completed: 1,
  rendering: 0.6,
  failed: 1,
  queued: 0.2,
  suspended: 0.2,
  pending: 0.2,
  unknown: 0.1,
};

export function FrameStrip({ tasks }: { readonly tasks: JobView['tasks'] }): ReactNode {
  if (tasks.length === 0) return <div className="strip strip-empty" />;
  return (
    <svg
      className="strip"
      viewBox={`0 0 ${tasks.length * TASK} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${words.jobs.strip}: ${taskCounts(tasks)}`}
    >
      {tasks.map((task, index) => {
        const state = taskState(task.state);
        const height = HEIGHT * FILL[state];
        const gap = tasks.length > MANY ? 0 : GAP;
        return (
          <g key={`${index}:${task.frames}`} className="task" data-state={state}>
            <title>{words.jobs.task(task.frames, words.jobs.states[state], task.worker)}</title>
            <rect
              x={index * TASK}
              y="0"
              width={TASK - gap}
              height={HEIGHT}
              className="task-track"
            />
            <rect
              x={index * TASK}
              y={HEIGHT - height}
              width={TASK - gap}
              height={height}
              className="task-fill"
            />
          </g>
        );
      })}
    </svg>
  );
}

/** Beyond this, gaps would be wider than the tasks on a small screen. */
const MANY = 150;
