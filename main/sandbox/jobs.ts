// Jobs and tasks of the farm as documents: the field map of reference §2.4, states and transitions of §4.

import { randomBytes } from 'node:crypto';
import { framesOf, tasksOf } from './frames.ts';

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
export const NEVER = '0001-01-01T00:00:00Z';

export interface JobDocument {
  _id: string;
  Props: Record<string, unknown>;
  Plug: string;
  Stat: number;
  Errs: number;
  OutDir: string[];
  OutFile: string[];
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
  [field: string]: unknown;
}

export interface Report {
  readonly _id: string;
  readonly Job: string;
  readonly JobName: string;
  readonly Type: 0 | 1 | 2;
  readonly Date: string;
  readonly Slave: string;
  readonly Task: number;
  readonly Title: string;
  readonly contents: string;
}

export interface FarmJobs {
  jobs: JobDocument[];
  tasks: Record<string, TaskDocument[]>;
  reports: Report[];
  history: { job: string; at: string; entry: string }[];
}

export function newId(): string {
  return randomBytes(12).toString('hex');
}

/** A job document from what a client posted. Throws with the farm's text when the job cannot be made. */
export function makeJob(
  info: Readonly<Record<string, unknown>>,
  plugin: Readonly<Record<string, unknown>>,
): { job: JobDocument; tasks: TaskDocument[] } {
  const text = (key: string, fallback = ''): string =>
    info[key] === undefined ? fallback : String(info[key]);
  const flag = (key: string, fallback: boolean): boolean =>
    info[key] === undefined ? fallback : /^(true|1)$/i.test(String(info[key]));
  if (text('Plugin') === '')
    throw new Error('Job submission contained no plugin: the key "Plugin" is required.');
  const chunk = Math.max(1, Number(text('ChunkSize', '1')) || 1);
  const parts = tasksOf(framesOf(text('Frames', '0')), chunk);
  const suspended = text('InitialStatus', 'Active').toLowerCase() === 'suspended';
  const dependencies = text('JobDependencies')
    .split(',')
    .filter((id) => id !== '');
  const state = suspended ? JOB.suspended : dependencies.length > 0 ? JOB.pending : JOB.active;
  const now = new Date().toISOString();
  const id = newId();
  const indexed = (prefix: string): string[] =>
    Object.keys(info)
      .filter((key) => new RegExp(`^${prefix}\\d+$`).test(key))
      .toSorted((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)))
      .map((key) => String(info[key]));
  const pairs = Object.fromEntries(
    indexed('ExtraInfoKeyValue').map((pair) => [
      pair.slice(0, pair.indexOf('=')),
      pair.slice(pair.indexOf('=') + 1),
    ]),
  );
  const extra = Object.fromEntries(
    Array.from({ length: 10 }, (_, at) => [`Ex${at}`, text(`ExtraInfo${at}`)]),
  );
  const job: JobDocument = {
    Props: {
      Name: text('Name', 'Untitled'),
      Batch: text('BatchName'),
      User: text('UserName', 'deadline'),
      Region: 'none',
      Cmmt: text('Comment'),
      Dept: text('Department'),
      Frames: text('Frames', '0'),
      Chunk: chunk,
      Tasks: parts.length,
      Grp: text('Group', 'none'),
      Pool: text('Pool', 'none'),
      SecPool: text('SecondaryPool'),
      Pri: Number(text('Priority', '50')),
      ReqAss: [],
      ScrDep: [],
      Dep: dependencies.map((JobID) => ({ JobID, Notes: '', IgnoreFrameOffsets: false })),
      DepFrame: flag('IsFrameDependent', false),
      DepComp: true,
      DepDel: false,
      DepFail: false,
      DepPer: -1.0,
      Conc: Number(text('ConcurrentTasks', '1')),
      ConcLimt: true,
      OnComp: 2,
      Timeout: 1,
      Limits: text('LimitGroups')
        .split(',')
        .filter((name) => name !== ''),
      ListedSlaves: [],
      White: false,
      MachLmt: Number(text('MachineLimit', '0')),
      MachLmtProg: -1.0,
      MinTime: 0,
      MaxTime: 60 * Number(text('TaskTimeoutMinutes', '0')),
      StartTime: 0,
      Schd: 0,
      SchdDays: 1,
      SchdDate: now,
      SchdStop: NEVER,
      MonStart: '-10675199.02:48:05.4775808',
      MonStop: '-10675199.02:48:05.4775808',
      PlugInfo: Object.fromEntries(
        Object.entries(plugin).map(([key, value]) => [key, String(value)]),
      ),
      Env: {},
      EnvOnly: false,
      OptIns: {},
      EventOI: text('EventOptIns')
        .split(',')
        .filter((name) => name !== ''),
      NoEvnt: flag('SuppressEvents', false),
      ...extra,
      ExDic: pairs,
    },
    ComFra: 0,
    IsSub: true,
    Purged: false,
    Mach: text('MachineName'),
    Date: now,
    DateStart: NEVER,
    DateComp: NEVER,
    Plug: text('Plugin'),
    OutDir: indexed('OutputDirectory'),
    OutFile: indexed('OutputFilename'),
    TileFile: [],
    Main: false,
    MainStart: 0,
    MainEnd: 0,
    Tile: false,
    TileFrame: 0,
    TileCount: 0,
    TileX: 0,
    TileY: 0,
    Stat: state,
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
  const taskState = suspended ? TASK.suspended : state === JOB.pending ? TASK.pending : TASK.queued;
  const tasks = parts.map((Frames, TaskID): TaskDocument => ({
    JobID: id,
    TaskID,
    Frames,
    Slave: '',
    Stat: taskState,
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
    _id: `${id}_${TaskID}`,
    ExtraElements: null,
  }));
  count(job, tasks);
  return { job, tasks };
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
  Object.assign(job, counts, { ComFra: counts.CompletedChunks });
  if (tasks.length === 0) return;
  if (counts.CompletedChunks === tasks.length) {
    if (job.Stat !== JOB.completed) job['DateComp'] = new Date().toISOString();
    job.Stat = JOB.completed;
  } else if (
    counts.FailedChunks > 0 &&
    counts.QueuedChunks + counts.RenderingChunks + counts.SuspendedChunks + counts.PendingChunks ===
      0
  )
    job.Stat = JOB.failed;
  else if (counts.QueuedChunks + counts.RenderingChunks > 0) job.Stat = JOB.active;
  else if (counts.SuspendedChunks > 0) job.Stat = JOB.suspended;
  else if (counts.PendingChunks > 0) job.Stat = JOB.pending;
}

/** Applies a command of §2.3 to the chosen tasks; false when the word is unknown. */
export function command(job: JobDocument, tasks: readonly TaskDocument[], word: string): boolean {
  const move = (from: readonly number[], to: number): true => {
    for (const task of tasks)
      if (from.includes(task.Stat))
        Object.assign(task, {
          Stat: to,
          ...(to === TASK.queued ? { Slave: '', Prog: '0 %' } : {}),
        });
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
    case 'archive':
    case 'updatesubmissiondate':
      job['Date'] = new Date().toISOString();
      return true;
    default:
      return false;
  }
}
