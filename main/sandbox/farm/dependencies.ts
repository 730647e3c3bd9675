// Which pending tasks of a job may go: its jobs, assets, scripts and schedule, judged as the pending-job scan does (§4.3).

import { isTruth, textOf } from './document-text.ts';
import { endsOf, framesOf } from './frames.ts';
import { JOB, TASK, type JobDocument, type TaskDocument } from './jobs.ts';

/** True releases all, false none, a list those tasks: what a script dependency returns. */
export type ScriptAnswer = boolean | readonly number[];

export interface ScanView {
  readonly now: number;
  /** Null for a job that is not there or is deleted. */
  job(id: string): { readonly job: JobDocument; readonly tasks: readonly TaskDocument[] } | null;
  /** Whether the scanning machine sees a file; in a global namespace metadata is enough. */
  exists(path: string): boolean;
  /** What a script said at this scan; false where it has not been asked. */
  script(path: string): ScriptAnswer;
}

export interface Waiting {
  readonly job: JobDocument;
  readonly tasks: readonly TaskDocument[];
}

type Rule = (task: TaskDocument) => boolean;
type Fields = Readonly<Record<string, unknown>>;

/** Tasks, pending or not, that nothing holds back any more. */
export function releasable({ job, tasks }: Waiting, view: ScanView): readonly TaskDocument[] {
  const { Dep, ReqAss, ScrDep, Schd, SchdDate } = job.Props;
  const isDue = !(Number(Schd) > 0) || !(Date.parse(textOf(SchdDate)) > view.now);
  if (!isDue) return [];
  const rules: Rule[] = [
    ...itemsOf(Dep, 'JobID').map((item) => jobRule(job, item, view)),
    ...itemsOf(ReqAss, 'FileName').map((item) => assetRule(job, item, view)),
    ...itemsOf(ScrDep, 'FileName').map((item) => scriptRule(textOf(item['FileName']), view)),
  ];
  return tasks.filter((task) => rules.every((rule) => rule(task)));
}

/** The scripts a job waits for. */
export function scriptsOf(job: JobDocument): string[] {
  return itemsOf(job.Props['ScrDep'], 'FileName').map((item) => textOf(item['FileName']));
}

/** Clients write objects; bare strings are tolerated, as is anything else a save may have left. */
function itemsOf(list: unknown, key: string): Fields[] {
  return (Array.isArray(list) ? (list as readonly unknown[]) : [])
    .map((item) =>
      typeof item === 'object' && item !== null ? (item as Fields) : { [key]: textOf(item) },
    )
    .filter((item) => textOf(item[key]) !== '');
}

function jobRule({ Props: props }: JobDocument, item: Fields, view: ScanView): Rule {
  const other = view.job(textOf(item['JobID']));
  const own = isTruth(item['OverrideResumeOn']);
  const resumes = (dependency: string, whole: string): boolean =>
    own ? isTruth(item[dependency]) : isTruth(props[whole]);
  if (!other) return always(resumes('ResumeOnDeleted', 'DepDel'));
  if (other.job.Stat === JOB.completed && resumes('ResumeOnComplete', 'DepComp'))
    return always(true);
  if (other.job.Stat === JOB.failed && resumes('ResumeOnFailed', 'DepFail')) return always(true);
  const percent = Number(own ? item['ResumeOnPercentageValue'] : props['DepPer']);
  if (percent >= 0 && percentDone(other.tasks) >= percent) return always(true);
  const isByFrame = isTruth(props['DepFrame']) && !isTruth(item['IgnoreFrameOffsets']);
  if (!isByFrame) return always(false);
  const all = new Set(other.tasks.flatMap((task) => framesOf(task.Frames)));
  const done = new Set(
    other.tasks
      .filter((task) => task.Stat === TASK.completed)
      .flatMap((task) => framesOf(task.Frames)),
  );
  return (task) => {
    const wanted = framesAround(props, item, task);
    // Where the ranges do not line up, the whole of the other job is waited for (§4.3).
    return wanted.every((frame) => all.has(frame)) && wanted.every((frame) => done.has(frame));
  };
}

function assetRule({ Props: props }: JobDocument, item: Fields, view: ScanView): Rule {
  const path = textOf(item['FileName']);
  const isByFrame =
    isTruth(props['DepFrame']) && path.includes('#') && !isTruth(item['IgnoreFrameOffsets']);
  if (!isByFrame) return always(view.exists(path));
  return (task) =>
    framesAround(props, item, task).every((frame) => view.exists(framePath(path, frame)));
}

function scriptRule(path: string, view: ScanView): Rule {
  const said = view.script(path);
  return typeof said === 'boolean' ? always(said) : (task) => said.includes(task.TaskID);
}

function always(met: boolean): Rule {
  return () => met;
}

/** Frames of the task, widened by the offsets of the job or of the dependency itself. */
function framesAround(props: Fields, item: Fields, task: TaskDocument): number[] {
  const own = isTruth(item['OverrideFrameOffsets']);
  const start = Number(own ? item['StartOffset'] : props['DepFrameStart']) || 0;
  const end = Number(own ? item['EndOffset'] : props['DepFrameEnd']) || 0;
  const { first, last } = endsOf(task.Frames);
  const length = Math.min(100_000, Math.max(0, last + end - (first + start) + 1));
  return Array.from({ length }, (_, at) => first + start + at);
}

function percentDone(tasks: readonly TaskDocument[]): number {
  const done = tasks.filter((task) => task.Stat === TASK.completed).length;
  return tasks.length === 0 ? 0 : (100 * done) / tasks.length;
}

function framePath(path: string, frame: number): string {
  return path.replace(/#+/, (hashes) => String(frame).padStart(hashes.length, '0'));
}
