// What a client posts as JobInfo (reference §3.1), read into the Props of a job document (§2.4).

import { dateText, isTruth, NEVER, NO_WINDOW, textOf } from './document-text.ts';

const MAX_PRIORITY = 100;

export interface Reader {
  text(key: string, fallback?: string): string;
  number(key: string, fallback: number): number;
  flag(key: string, fallback: boolean): boolean;
  list(key: string): string[];
  indexed(prefix: string): string[];
  /** With the number each value came under, for what is said of the same number elsewhere. */
  numbered(prefix: string): (readonly [at: string, value: string])[];
}

/** Values may be JSON strings, numbers or booleans (§2.3). */
export function reader(info: Readonly<Record<string, unknown>>): Reader {
  const text = (key: string, fallback = ''): string =>
    Object.hasOwn(info, key) ? textOf(info[key]) : fallback;
  const numbered = (prefix: string): (readonly [string, string])[] =>
    Object.keys(info)
      .filter((key) => key.startsWith(prefix) && /^\d{1,9}$/.test(key.slice(prefix.length)))
      .map((key) => [key.slice(prefix.length), textOf(info[key])] as const)
      .toSorted(([a], [b]) => Number(a) - Number(b));
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
    indexed: (prefix) => numbered(prefix).map(([, value]) => value),
    numbered,
  };
}

/** Both spellings of each kind (§4.3); member names of Dep and ScrDep are partly inferred there. */
export function dependenciesOf(read: Reader): {
  readonly Dep: unknown[];
  readonly ReqAss: unknown[];
  readonly ScrDep: unknown[];
} {
  const named = (
    lists: string,
    indexed: string,
  ): (readonly [at: string | null, value: string])[] => [
    ...read.list(lists).map((value) => [null, value] as const),
    ...read.numbered(indexed).filter(([, value]) => value !== ''),
  ];
  const said = (kind: string, what: string, at: string | null): string =>
    at === null ? '' : read.text(`${kind}${what}${at}`);
  const offsets = (kind: string, at: string | null): Record<string, unknown> => {
    const [start, end] = said(kind, 'FrameOffsetOverride', at).split(',').map(Number);
    const isGiven = Number.isInteger(start) && Number.isInteger(end);
    return {
      IgnoreFrameOffsets: false,
      OverrideFrameOffsets: isGiven,
      StartOffset: isGiven ? start : 0,
      EndOffset: isGiven ? end : 0,
    };
  };
  const resumeOn = (at: string | null): Record<string, unknown> => {
    const text = said('JobDependency', 'ResumeOnOverride', at);
    const [complete, deleted, failed, percent] = text.split(',').map((part) => part.trim());
    const share = Number(percent);
    return {
      OverrideResumeOn: text !== '',
      ResumeOnComplete: text === '' || isTruth(complete),
      ResumeOnDeleted: isTruth(deleted),
      ResumeOnFailed: isTruth(failed),
      ResumeOnPercentageCompleted: percent !== undefined && share >= 0,
      ResumeOnPercentageValue: percent !== undefined && share >= 0 ? share : -1.0,
    };
  };
  return {
    Dep: named('JobDependencies', 'JobDependency').map(([at, JobID]) => ({
      JobID,
      Notes: said('JobDependency', 'Notes', at),
      ...offsets('JobDependency', at),
      ...resumeOn(at),
    })),
    ReqAss: named('RequiredAssets', 'AssetDependency').map(([at, FileName]) => ({
      FileName,
      Notes: said('AssetDependency', 'Notes', at),
      ...offsets('AssetDependency', at),
      IsFrameAware: FileName.includes('#'),
      FrameString: '',
    })),
    ScrDep: named('ScriptDependencies', 'ScriptDependency').map(([at, FileName]) => ({
      FileName,
      Notes: said('ScriptDependency', 'Notes', at),
      IgnoreFrameOffsets: false,
    })),
  };
}

/** When the job may start (§3.1). The day windows of Custom are kept and not acted on. */
export function scheduleOf(read: Reader, now: number): Record<string, unknown> {
  const type = ['none', 'once', 'daily', 'custom'].indexOf(
    read.text('ScheduledType', 'None').toLowerCase(),
  );
  const at = read.text('ScheduledStartDateTime');
  const delay = read.text('JobDelay');
  if (at !== '' && startOf(at) === null)
    throw new Error(`ScheduledStartDateTime "${at}" is not of the form dd/MM/yyyy HH:mm`);
  if (delay !== '' && spanMs(delay) === null)
    throw new Error(`JobDelay "${delay}" is not of the form dd:hh:mm:ss`);
  const start = startOf(at) ?? now;
  return {
    // assumed: a delay alone makes a job that starts once
    Schd: type > 0 ? type : delay === '' ? 0 : 1,
    SchdDays: Math.max(1, Math.floor(read.number('ScheduledDays', 1))),
    SchdDate: dateText(start + (spanMs(delay) ?? 0)),
    SchdStop: NEVER,
    ...dayWindows(read),
  };
}

/** In the time zone of the host, as the Monitor shows it (assumed). */
function startOf(text: string): number | null {
  const match = /^(\d\d?)\/(\d\d?)\/(\d{4}) (\d\d?):(\d\d)$/.exec(text);
  if (!match) return null;
  const [day = 0, month = 0, year = 0, hour = 0, minute = 0] = match.slice(1).map(Number);
  const date = new Date(year, month - 1, day, hour, minute);
  return date.getDate() === day && date.getMonth() === month - 1 ? date.getTime() : null;
}

function spanMs(text: string): number | null {
  const match = /^(\d{1,4}):(\d\d?):(\d\d?):(\d\d?)$/.exec(text);
  if (!match) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map(Number);
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

export function propsOf(read: Reader): Record<string, unknown> {
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
    read.text('OnJobComplete', onCompleteFlag(read)).toLowerCase(),
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
    Timeout: onTimeoutOf(read),
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
    MachLmtProg: read.number('MachineLimitProgress', -1.0),
    JobFailOvr: read.flag('OverrideJobFailureDetection', false),
    JobFailErr: read.number('FailureDetectionJobErrors', 0),
    TskFailOvr: read.flag('OverrideTaskFailureDetection', false),
    TskFailErr: read.number('FailureDetectionTaskErrors', 0),
    NoBad: read.flag('IgnoreBadJobDetection', false),
    SndWarn: read.flag('SendJobErrorWarning', false),
    OverAutoClean: read.flag('OverrideAutoJobCleanup', false),
    OverClean: read.flag('OverrideJobCleanup', false),
    OverCleanDays: read.number('JobCleanupDays', 0),
    // assumed: archiving is the usual kind
    OverCleanType: /delete/i.test(read.text('OverrideJobCleanupType')) ? 0 : 1,
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

function onCompleteFlag(read: Reader): string {
  if (read.flag('DeleteOnComplete', false)) return 'Delete';
  return read.flag('ArchiveOnComplete', false) ? 'Archive' : 'Nothing';
}

/** The enum of §2.4, in its order. */
const ON_TIMEOUT = [
  'errorandnotify',
  'error',
  'notify',
  'complete',
  'requeueandnotify',
  'requeue',
  'failandnotify',
  'fail',
];

function onTimeoutOf(read: Reader): number {
  const at = ON_TIMEOUT.indexOf(read.text('OnTaskTimeout', 'Error').toLowerCase());
  return at < 0 ? 1 : at;
}

const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

function dayWindows(read: Reader): Record<string, string> {
  return Object.fromEntries(
    DAYS.flatMap((day) => [
      [`${day.slice(0, 3)}Start`, read.text(`Scheduled${day}StartTime`, NO_WINDOW)],
      [`${day.slice(0, 3)}Stop`, read.text(`Scheduled${day}StopTime`, NO_WINDOW)],
    ]),
  );
}
