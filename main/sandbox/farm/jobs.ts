// Jobs and tasks of the farm as documents: the field map of reference §2.4, states and transitions of §4.

import { randomBytes } from 'node:crypto';
import { NEVER, nowText, textOf } from './document-text.ts';
import { framesOf, tasksOf } from './frames.ts';
import { dependenciesOf, propsOf, reader, scheduleOf } from './job-info.ts';

/** Job states and task states are two enums with different numbers (§4.1). */
export const JOB = { active: 1, suspended: 2, completed: 3, failed: 4, pending: 6 } as const;
export const TASK = {
  queued: 2,
  suspended: 3,
  rendering: 4,
  completed: 5,
  failed: 6,
  pending: 8,
} as const;

export interface JobDocument {
  _id: string;
  Props: Record<string, unknown>;
  Plug: string;
  Stat: number;
  Errs: number;
  Date: string;
  DateStart: string;
  DateComp: string;
  OutDir: string[];
  OutFile: string[];
  Aux: string[];
  [field: string]: unknown;
}

export interface TaskDocument {
  TaskID: number;
  JobID: string;
  Frames: string;
  Slave: string;
  Stat: number;
  Prog: string;
  Errs: number;
  Start: string;
  StartRen: string;
  Comp: string;
  [field: string]: unknown;
}

export interface NewJob {
  readonly info: Readonly<Record<string, unknown>>;
  readonly plugin: Readonly<Record<string, unknown>>;
  /** Account and host of the Web Service: owner and machine of a job that names none. */
  readonly service: { readonly user: string; readonly machine: string };
  /** What the schedule is read against; the clock's time when left out. */
  readonly now?: number;
}

export function newId(): string {
  return randomBytes(12).toString('hex');
}

/** A job document from what a client posted. Throws with the farm's text when the job cannot be made. */
export function makeJob(from: NewJob): { job: JobDocument; tasks: TaskDocument[] } {
  const read = reader(from.info);
  if (read.text('Plugin') === '')
    throw new Error('Job submission contained no plugin: the key "Plugin" is required.');
  const frames = read.text('Frames', '0');
  const chunk = Math.max(1, Math.floor(read.number('ChunkSize', 1)));
  const parts = tasksOf(framesOf(frames), chunk);
  if (parts.length === 0) throw new Error(`Error parsing frame list "${frames}"`);
  const suspended = read.text('InitialStatus', 'Active').toLowerCase() === 'suspended';
  const dependencies = dependenciesOf(read);
  const at = from.now ?? Date.now();
  const schedule = scheduleOf(read, at);
  const isLater = schedule['Schd'] !== 0 && Date.parse(textOf(schedule['SchdDate'])) > at;
  const waits = isLater || Object.values(dependencies).some((list) => list.length > 0);
  const now = nowText();
  const id = newId();
  const job: JobDocument = {
    Props: {
      ...propsOf(read),
      ...schedule,
      ...dependencies,
      User: read.text('UserName') || from.service.user,
      Frames: frames,
      Chunk: chunk,
      Tasks: parts.length,
      PlugInfo: Object.fromEntries(
        Object.entries(from.plugin).map(([key, value]) => [key, textOf(value)]),
      ),
    },
    ComFra: 0,
    IsSub: true,
    Purged: false,
    Mach: read.text('MachineName') || from.service.machine,
    Date: now,
    DateStart: NEVER,
    DateComp: NEVER,
    Plug: read.text('Plugin'),
    OutDir: read.indexed('OutputDirectory'),
    OutFile: read.indexed('OutputFilename'),
    TileFile: [],
    Main: false,
    MainStart: 0,
    MainEnd: 0,
    Tile: false,
    TileFrame: 0,
    TileCount: 0,
    TileX: 0,
    TileY: 0,
    Stat: suspended ? JOB.suspended : waits ? JOB.pending : JOB.active,
    Aux: [],
    Bad: [],
    CompletedChunks: 0,
    QueuedChunks: 0,
    SuspendedChunks: 0,
    RenderingChunks: 0,
    FailedChunks: 0,
    PendingChunks: 0,
    SnglTskPrg: '0 %',
    Errs: 0,
    DataSize: -1,
    ConcurrencyToken: null,
    _id: id,
    ExtraElements: null,
  };
  const state = suspended ? TASK.suspended : waits ? TASK.pending : TASK.queued;
  const tasks = makeTasks(id, parts, state);
  count(job, tasks);
  return { job, tasks };
}

export function makeTasks(
  jobId: string,
  parts: readonly string[],
  state: number,
  firstId = 0,
): TaskDocument[] {
  return parts.map((Frames, at): TaskDocument => {
    const TaskID = firstId + at;
    return {
      JobID: jobId,
      TaskID,
      Frames,
      Slave: '',
      Stat: state,
      Prog: '0 %',
      RndStat: '',
      Errs: 0,
      Start: NEVER,
      StartRen: NEVER,
      Comp: NEVER,
      WtgStrt: false,
      NormMult: 1,
      Size: 0,
      RamPeak: 0,
      RamPeakPer: 0,
      Cpu: 0,
      CpuPer: 0,
      RamAvg: 0,
      RamAvgPer: 0,
      SwapAvg: 0,
      SwapPeak: 0,
      UsedClock: 0,
      TotalClock: 0,
      Props: { ExDic: {} },
      _id: `${jobId}_${TaskID}`,
      ExtraElements: null,
    };
  });
}

/** Writes the chunk counters, and the state that follows from the tasks. */
export function count(job: JobDocument, tasks: readonly TaskDocument[]): void {
  const of = (state: number): number => tasks.filter((task) => task.Stat === state).length;
  const counts = {
    CompletedChunks: of(TASK.completed),
    QueuedChunks: of(TASK.queued),
    SuspendedChunks: of(TASK.suspended),
    RenderingChunks: of(TASK.rendering),
    FailedChunks: of(TASK.failed),
    PendingChunks: of(TASK.pending),
  };
  const done = tasks.filter((task) => task.Stat === TASK.completed);
  Object.assign(job, counts, {
    ComFra: done.reduce((sum, task) => sum + framesOf(task.Frames).length, 0),
    SnglTskPrg: tasks.length === 1 ? (tasks[0]?.Prog ?? '0 %') : '0 %',
  });
  const before = job.Stat;
  job.Stat = stateOf(counts, tasks.length, before);
  if (job.Stat === JOB.completed && before !== JOB.completed) job.DateComp = nowText();
  if (job.Stat !== JOB.completed) job.DateComp = NEVER;
}

function stateOf(
  counts: {
    readonly CompletedChunks: number;
    readonly QueuedChunks: number;
    readonly SuspendedChunks: number;
    readonly RenderingChunks: number;
    readonly FailedChunks: number;
    readonly PendingChunks: number;
  },
  total: number,
  before: number,
): number {
  if (total === 0) return before;
  if (counts.CompletedChunks === total) return JOB.completed;
  if (counts.CompletedChunks + counts.FailedChunks === total) return JOB.failed;
  // A suspended job stays so while its rendering tasks run out (suspendnonrendering).
  if (counts.SuspendedChunks > 0 && counts.QueuedChunks === 0) return JOB.suspended;
  if (counts.QueuedChunks + counts.RenderingChunks > 0) return JOB.active;
  return JOB.pending;
}

/** Moves the chosen tasks as a command says; false when the word is unknown. */
export function moveTasks(tasks: readonly TaskDocument[], word: string): boolean {
  const move = (from: readonly number[], to: number): true => {
    for (const task of tasks) {
      if (!from.includes(task.Stat)) continue;
      if (task.Stat === TASK.rendering || to === TASK.queued)
        Object.assign(task, { Slave: '', Prog: '0 %', Start: NEVER, StartRen: NEVER });
      if (to === TASK.queued) Object.assign(task, { Comp: NEVER });
      if (to === TASK.completed) Object.assign(task, { Prog: '100 %', Comp: nowText() });
      task.Stat = to;
    }
    return true;
  };
  const { queued, suspended, rendering, completed, failed, pending } = TASK;
  switch (word) {
    case 'suspend':
      return move([queued, rendering, pending], suspended);
    case 'suspendnonrendering':
      return move([queued, pending], suspended);
    case 'resume':
      return move([suspended], queued);
    case 'resumefailed':
      for (const task of tasks) if (task.Stat === failed) task.Errs = 0;
      return move([failed], queued);
    case 'requeue':
      return move([rendering, completed], queued);
    case 'complete':
      return move([queued, suspended, rendering, failed, pending], completed);
    case 'fail':
      return move([queued, suspended, rendering, pending], failed);
    case 'pend':
      return move([queued, suspended], pending);
    case 'releasepending':
      return move([pending], queued);
    default:
      return false;
  }
}
