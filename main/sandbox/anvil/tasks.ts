// Tasks: mutations that take time answer at once, and are done a moment later.

import { randomUUID } from 'node:crypto';
import { AnvilError, notFound } from './errors.ts';
import { pageOf } from './lists.ts';
import { Reply, type Route, type View } from './routes.ts';

const KEPT = 1_000;
/** Share of a task's time that it waits in the queue. */
const QUEUED_SHARE = 0.1;

interface Task {
  readonly uuid: string;
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
  /** `Uoid [uuid=…, objectType=…]`, as the context of a real task names its entity [C spec]. */
  readonly entity: string | null;
  readonly created: number;
  readonly run: () => void;
  outcome: 'COMPLETED' | 'FAILED' | 'CANCELLED' | null;
  message: string;
  ended: number | null;
}

export interface TaskOrder {
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
  readonly entity?: { readonly uuid: string; readonly objectType: string };
  /** What is so when the task is completed. */
  run(): void;
}

export interface Tasks {
  /** The 202 that points to the new task. */
  start(order: TaskOrder): Reply;
  isRunning(name: string, params: Readonly<Record<string, string>>): boolean;
  /** Ends what is due; called before each request. */
  settle(): void;
  readonly routes: readonly Route[];
}

export function createTasks(options: {
  readonly now: () => number;
  readonly durationMs: number;
  /** Newer releases tell 0.0 to 1.0, older ones 0 to 100 [C csi]. */
  readonly progress: () => 'fraction' | 'percent';
}): Tasks {
  const { now, durationMs } = options;
  const tasks = new Map<string, Task>();
  const open = new Set<Task>();

  function settle(): void {
    for (const task of open) if (now() >= task.created + durationMs) end(task);
  }

  function end(task: Task): void {
    open.delete(task);
    task.ended = task.created + durationMs;
    try {
      task.run();
      task.outcome = 'COMPLETED';
    } catch (error) {
      if (!(error instanceof AnvilError)) throw error;
      task.outcome = 'FAILED';
      task.message = error.message;
    }
  }

  function viewOf(task: Task): View {
    const startsAt = task.created + durationMs * QUEUED_SHARE;
    const isStarted = now() >= startsAt || task.outcome === 'COMPLETED';
    const share =
      task.outcome === 'COMPLETED' ? 1 : Math.min(0.99, (now() - task.created) / durationMs);
    return {
      uuid: task.uuid,
      name: task.name,
      status: task.outcome ?? (isStarted ? 'EXECUTING' : 'QUEUED'),
      statusMessage: task.message,
      created: task.created,
      started: isStarted ? Math.round(startsAt) : null,
      ended: task.ended,
      duration: (task.ended ?? now()) - task.created,
      progress:
        options.progress() === 'fraction' ? Math.round(share * 100) / 100 : Math.floor(share * 100),
      paramsMap: task.params,
      ctxMap: task.entity === null ? {} : { 'entity-uoid': task.entity },
      hidden: false,
      resumedFromId: null,
      subTasks: [],
    };
  }

  function find(id: string): Task {
    const task = tasks.get(id);
    if (!task) throw notFound('TASK', id);
    return task;
  }

  return {
    start(order) {
      const uuid = randomUUID();
      const { entity } = order;
      const task: Task = {
        uuid,
        name: order.name,
        params: order.params,
        entity: entity ? `Uoid [uuid=${entity.uuid}, objectType=${entity.objectType}]` : null,
        created: now(),
        run: order.run,
        outcome: null,
        message: '',
        ended: null,
      };
      tasks.set(uuid, task);
      open.add(task);
      for (const old of tasks.values()) {
        if (tasks.size <= KEPT) break;
        if (!open.has(old)) tasks.delete(old.uuid);
      }
      return new Reply({ status: 202, task: uuid });
    },
    isRunning: (name, params) =>
      [...open].some(
        (task) =>
          task.name === name &&
          Object.entries(params).every(([key, value]) => task.params[key] === value),
      ),
    settle,
    routes: [
      {
        method: 'GET',
        path: '/tasks',
        answer: ({ query }) => pageOf([...tasks.values()].map(viewOf), query),
      },
      {
        method: 'GET',
        path: '/tasks/:id',
        answer: ({ params }) => viewOf(find(params['id'] ?? '')),
      },
      {
        method: 'POST',
        path: '/tasks/:id/cancel',
        answer: ({ params }) => {
          const task = find(params['id'] ?? '');
          if (task.outcome !== null)
            throw new AnvilError('INVALID_STATE_ERROR', `The task is ${task.outcome}`, [task.uuid]);
          open.delete(task);
          task.outcome = 'CANCELLED';
          task.ended = now();
          return viewOf(task);
        },
      },
    ],
  };
}
