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
/** .NET's smallest TimeSpan: what an unset day window looks like. */
const NO_WINDOW = '-10675199.02:48:05.4775808';
const MAX_PRIORITY = 100;

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
  const waits = Object.values(dependencies).some((list) => list.length > 0);
  const now = nowText();
  const id = newId();
  const job: JobDocument = {
    Props: {
      ...propsOf(read),
      ...dependencies,
      User: read.text('UserName', from.service.user),
      Frames: frames,
      Chunk: chunk,
      Tasks: parts.length,
      SchdDate: now,
      PlugInfo: Object.fromEntries(
        Object.entries(from.plugin).map(([key, value]) => [key, textOf(value)]),
      ),
    },
    ComFra: 0,
    IsSub: true,
    Purged: false,
    Mach: read.text('MachineName', from.service.machine),
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

/** Captured documents carry an offset, not a Z. */
export function nowText(): string {
  return new Date().toISOString().replace('Z', '+00:00');
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  if (value === null || value === undefined) return '';
  return Array.isArray(value) ? value.map(textOf).join(',') : JSON.stringify(value);
}

interface Reader {
  text(key: string, fallback?: string): string;
  number(key: string, fallback: number): number;
  flag(key: string, fallback: boolean): boolean;
  list(key: string): string[];
  indexed(prefix: string): string[];
}

/** Values may be JSON strings, numbers or booleans (§2.3). */
function reader(info: Readonly<Record<string, unknown>>): Reader {
  const text = (key: string, fallback = ''): string =>
    Object.hasOwn(info, key) ? textOf(info[key]) : fallback;
  return {
    text,
    number(key, fallback) {
      const value = Number(text(key, ''));
      return text(key) === '' || Number.isNaN(value) ? fallback : value;
    },
    flag: (key, fallback) => (text(key) === '' ? fallback : /^(true|1)$/i.test(text(key))),
    list: (key) =>
      text(key)
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    indexed: (prefix) =>
      Object.keys(info)
        .filter((key) => key.startsWith(prefix) && /^\d+$/.test(key.slice(prefix.length)))
        .toSorted((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)))
        .map((key) => textOf(info[key])),
  };
}

/** Both spellings of each kind (§4.3); member names of Dep and ScrDep are partly inferred there. */
function dependenciesOf(read: Reader): {
  readonly Dep: unknown[];
  readonly ReqAss: unknown[];
  readonly ScrDep: unknown[];
} {
  const resumeOn = { OverrideResumeOn: false, ResumeOnPercentageValue: -1.0 };
  const offsets = { IgnoreFrameOffsets: false, OverrideFrameOffsets: false };
  const range = { StartOffset: 0, EndOffset: 0 };
  const named = (lists: string, indexed: string): string[] => [
    ...read.list(lists),
    ...read.indexed(indexed),
  ];
  return {
    Dep: named('JobDependencies', 'JobDependency').map((JobID) => ({
      JobID,
      Notes: '',
      ...offsets,
      ...range,
      ...resumeOn,
    })),
    ReqAss: named('RequiredAssets', 'AssetDependency').map((FileName) => ({
      FileName,
      Notes: '',
      ...offsets,
      IsFrameAware: false,
      FrameString: '',
      ...range,
    })),
    ScrDep: named('ScriptDependencies', 'ScriptDependency').map((FileName) => ({
      FileName,
      Notes: '',
      IgnoreFrameOffsets: false,
    })),
  };
}

function propsOf(read: Reader): Record<string, unknown> {
  const pairs = (prefix: string): Record<string, string> =>
    Object.fromEntries(
      read
        .indexed(prefix)
        .filter((pair) => pair.includes('='))
        .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
  const seconds = (name: string): number =>
    read.number(`${name}Seconds`, 0) + 60 * read.number(`${name}Minutes`, 0);
  const allowed = [...read.list('Whitelist'), ...read.list('Allowlist')];
  const denied = [...read.list('Blacklist'), ...read.list('Denylist')];
  const onComplete = ['archive', 'delete', 'nothing'].indexOf(
    read.text('OnJobComplete', 'Nothing').toLowerCase(),
  );
  return {
    Name: read.text('Name', 'Untitled'),
    Batch: read.text('BatchName'),
    Region: read.text('Region', 'none'),
    Cmmt: read.text('Comment'),
    Dept: read.text('Department'),
    Grp: read.text('Group', 'none') || 'none',
    Pool: read.text('Pool', 'none') || 'none',
    SecPool: read.text('SecondaryPool'),
    Pri: Math.min(MAX_PRIORITY, Math.max(0, Math.floor(read.number('Priority', 50)))),
    DepFrame: read.flag('IsFrameDependent', false),
    DepFrameStart: read.number('FrameDependencyOffsetStart', 0),
    DepFrameEnd: read.number('FrameDependencyOffsetEnd', 0),
    DepComp: read.flag('ResumeOnCompleteDependencies', true),
    DepDel: read.flag('ResumeOnDeletedDependencies', false),
    DepFail: read.flag('ResumeOnFailedDependencies', false),
    DepPer: read.number('JobDependencyPercentage', -1),
    Conc: Math.min(16, Math.max(1, read.number('ConcurrentTasks', 1))),
    ConcLimt: read.flag('LimitConcurrentTasksToNumberOfCpus', true),
    Seq: read.flag('Sequential', false),
    Reload: read.flag('ForceReloadPlugin', false),
    AuxSync: read.flag('SynchronizeAllAuxiliaryFiles', false),
    OnComp: onComplete < 0 ? 2 : onComplete,
    Protect: read.flag('Protected', false),
    Timeout: 1,
    AutoTime: read.flag('EnableAutoTimeout', false),
    TimeScrpt: read.flag('EnableTimeoutsForScriptTasks', false),
    FrameTimeout: read.flag('EnableFrameTimeouts', false),
    MinTime: seconds('MinRenderTime'),
    MaxTime: seconds('TaskTimeout'),
    StartTime: seconds('StartJobTimeout'),
    InitializePluginTime: read.number('InitializePluginTimeoutSeconds', 0),
    Int: read.flag('Interruptible', false),
    IntPer: read.number('InterruptiblePercentage', 100),
    RemTmT: read.number('RemTimeThreshold', 0),
    Limits: read.list('LimitGroups'),
    ListedSlaves: allowed.length > 0 ? allowed : denied,
    White: allowed.length > 0,
    MachLmt: read.number('MachineLimit', 0),
    MachLmtProg: -1.0,
    JobFailOvr: read.flag('OverrideJobFailureDetection', false),
    JobFailErr: read.number('FailureDetectionJobErrors', 0),
    TskFailOvr: read.flag('OverrideTaskFailureDetection', false),
    TskFailErr: read.number('FailureDetectionTaskErrors', 0),
    NoBad: read.flag('IgnoreBadJobDetection', false),
    SndWarn: read.flag('SendJobErrorWarning', false),
    OverAutoClean: read.flag('OverrideAutoJobCleanup', false),
    OverClean: read.flag('OverrideJobCleanup', false),
    OverCleanDays: read.number('JobCleanupDays', 0),
    OverCleanType: 0,
    NotOvr: read.flag('OverrideNotificationMethod', false),
    SndEmail: read.flag('EmailNotification', false),
    SndPopup: read.flag('PopupNotification', false),
    NotEmail: read.list('NotificationEmails'),
    NotUser: read.list('NotificationTargets'),
    NotNote: read.text('NotificationNote'),
    PrJobScrp: read.text('PreJobScript'),
    PoJobScrp: read.text('PostJobScript'),
    PrTskScrp: read.text('PreTaskScript'),
    PoTskScrp: read.text('PostTaskScript'),
    Schd: 0,
    SchdDays: 1,
    SchdStop: NEVER,
    ...dayWindows(),
    PathMap: [],
    Env: pairs('EnvironmentKeyValue'),
    EnvOnly: read.flag('UseJobEnvironmentOnly', false),
    PlugDir: read.text('CustomPluginDirectory'),
    EventDir: '',
    OptIns: {},
    EventOI: read.list('EventOptIns'),
    NoEvnt: read.flag('SuppressEvents', false),
    ...Object.fromEntries(
      Array.from({ length: 10 }, (_, at) => [`Ex${at}`, read.text(`ExtraInfo${at}`)]),
    ),
    ExDic: pairs('ExtraInfoKeyValue'),
    OvrTaskEINames: read.flag('OverrideTaskExtraInfoNames', false),
    ...Object.fromEntries(
      Array.from({ length: 10 }, (_, at) => [`TaskEx${at}`, read.text(`TaskExtraInfoName${at}`)]),
    ),
    AWSPortalAssets: [],
    AWSPortalAssetFileWhitelist: [],
  };
}

function dayWindows(): Record<string, string> {
  return Object.fromEntries(
    ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].flatMap((day) => [
      [`${day}Start`, NO_WINDOW],
      [`${day}Stop`, NO_WINDOW],
    ]),
  );
}
