// The farm's repository: jobs, tasks, reports and history, each job one file on disk, so that a restart goes on.

import { EventEmitter } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { framesOf, tasksOf } from './frames.ts';
import {
  JOB,
  TASK,
  count,
  makeJob,
  makeTasks,
  moveTasks,
  newId,
  nowText,
  NEVER,
  textOf,
  type JobDocument,
  type TaskDocument,
} from './jobs.ts';

/** Repository defaults are a studio's choice; these end a hopeless job within a demo. */
const TASK_ERRORS_TO_FAIL = 3;
const JOB_ERRORS_TO_FAIL = 100;
export const TASK_LIMIT = 5_000;
const SAVE_MS = 500;

/** Type 0 log, 1 error, 2 requeue (§2.6). The text lies in a file of its own. */
export interface Report {
  readonly _id: string;
  readonly Job: string;
  readonly Type: 0 | 1 | 2;
  readonly Date: string;
  readonly Slave: string;
  readonly Task: number;
  readonly Title: string;
  readonly [field: string]: unknown;
}

export interface JobRecord {
  readonly job: JobDocument;
  tasks: TaskDocument[];
  readonly reports: Report[];
  readonly history: { readonly at: string; readonly entry: string }[];
  place: 'live' | 'deleted' | 'archived';
}

/** A task in the hands of one worker; an old claim on a task that was moved since says nothing any more. */
export interface Claim {
  readonly record: JobRecord;
  readonly task: TaskDocument;
  readonly worker: string;
}

export interface WorkerTraits {
  readonly name: string;
  readonly groups: readonly string[];
  readonly pools: readonly string[];
}

export interface Submission {
  readonly info: Readonly<Record<string, unknown>>;
  readonly plugin: Readonly<Record<string, unknown>>;
  readonly aux: readonly string[];
}

export interface RepositoryOptions {
  readonly dir: string;
  readonly service: { readonly user: string; readonly machine: string };
  /** Whether the scanning machine sees a file; with a global namespace its metadata is enough. */
  exists(path: string): boolean;
}

/** Thrown for what Deadline answers as an exception of its own: status 500 and this text. */
export class FarmError extends Error {}

export class Repository extends EventEmitter<{ changed: [] }> {
  readonly #options: RepositoryOptions;
  readonly #jobsDir: string;
  readonly #reportsDir: string;
  readonly #records = new Map<string, JobRecord>();
  readonly #claims = new Map<string, Claim>();
  readonly #unsaved = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: RepositoryOptions) {
    super();
    this.#options = options;
    this.#jobsDir = join(options.dir, 'jobs');
    this.#reportsDir = join(options.dir, 'reports');
    mkdirSync(this.#jobsDir, { recursive: true });
    mkdirSync(this.#reportsDir, { recursive: true });
    this.#load();
    this.#timer = setInterval(() => this.flush(), SAVE_MS);
  }

  /** Jobs in the order they came. */
  jobs(place: JobRecord['place'] = 'live'): JobRecord[] {
    return [...this.#records.values()].filter((record) => record.place === place);
  }

  find(id: string, place: JobRecord['place'] = 'live'): JobRecord | undefined {
    const record = this.#records.get(id);
    return record?.place === place ? record : undefined;
  }

  job(id: string): JobRecord {
    const record = this.find(id);
    if (!record) throw new FarmError(`Job with ID "${id}" does not exist.`);
    return record;
  }

  submit(submission: Submission): JobRecord {
    const { job, tasks } = asFarmError(() =>
      makeJob({
        info: submission.info,
        plugin: submission.plugin,
        service: this.#options.service,
      }),
    );
    if (tasks.length > TASK_LIMIT)
      throw new FarmError(`The job has ${tasks.length} tasks; the limit is ${TASK_LIMIT}.`);
    for (const path of submission.aux) this.#keepAux(job, path);
    const record: JobRecord = { job, tasks, reports: [], history: [], place: 'live' };
    this.#records.set(job._id, record);
    this.note(record, `Job submitted by ${textOf(job.Props['User'])}`);
    if (job.Stat === JOB.pending) this.#releaseIfMet(record);
    this.#touch(record);
    return record;
  }

  /** Aux paths are resolved on the host of the Web Service; each is copied to the job's folder. */
  #keepAux(job: JobDocument, path: string): void {
    if (!existsSync(path)) throw new FarmError(`The auxiliary file "${path}" could not be found.`);
    const dir = this.auxDir(job._id);
    mkdirSync(dir, { recursive: true });
    copyFileSync(path, join(dir, basename(path)));
    job.Aux.push(basename(path));
  }

  auxDir(id: string): string {
    return join(this.#jobsDir, `${id}.aux`);
  }

  /** Moves tasks of a live job by a command of §2.3 or §2.5; false when the word is unknown. */
  move(record: JobRecord, word: string, tasks: readonly TaskDocument[] = record.tasks): boolean {
    if (word === 'requeue') {
      const text = 'Task was requeued by a user.';
      for (const task of tasks.filter((one) => one.Stat === TASK.rendering))
        this.report(record, task, { type: 2, worker: task.Slave, title: text, text });
    }
    if (!moveTasks(tasks, word)) return false;
    // A job that is resumed with unmet dependencies waits for them again (§4.2, inferred there).
    if (word === 'resume' && !this.#isMet(record)) moveTasks(tasks, 'pend');
    this.note(record, `Command "${word}" on ${tasks.length} of ${record.tasks.length} tasks`);
    this.#touch(record);
    return true;
  }

  /** Replaces what a client may edit (§2.3 `save`); counters and ids stay the repository's own. */
  save(document: Readonly<Record<string, unknown>>): void {
    const record = this.job(textOf(document['_id']));
    const { Props: props, Stat: _stat, _id: _own, ...fields } = document;
    if (typeof props !== 'object' || props === null)
      throw new FarmError('The job document holds no Props.');
    const { Frames: _frames, Tasks: _tasks, Chunk: _chunk, ...editable } = props as JobDocument;
    Object.assign(record.job, fields);
    record.job.Props = { ...record.job.Props, ...editable };
    this.#touch(record);
  }

  setFrames(record: JobRecord, frames: string, chunk: number): void {
    const parts = asFarmError(() => tasksOf(framesOf(frames), Math.max(1, chunk)));
    const state = record.job.Stat === JOB.suspended ? TASK.suspended : TASK.queued;
    record.tasks = makeTasks(record.job._id, parts, state);
    Object.assign(record.job.Props, { Frames: frames, Chunk: chunk, Tasks: parts.length });
    this.#touch(record);
  }

  appendFrames(record: JobRecord, frames: string): void {
    const known = new Set(record.tasks.flatMap((task) => framesOf(task.Frames)));
    const added = asFarmError(() => framesOf(frames)).filter((frame) => !known.has(frame));
    const parts = tasksOf(added, Number(record.job.Props['Chunk']));
    const state = record.job.Stat === JOB.suspended ? TASK.suspended : TASK.queued;
    record.tasks.push(...makeTasks(record.job._id, parts, state, record.tasks.length));
    Object.assign(record.job.Props, {
      Frames: `${textOf(record.job.Props['Frames'])},${frames}`,
      Tasks: record.tasks.length,
    });
    this.#touch(record);
  }

  /** Changes fields of Props directly, for the machine-limit commands. */
  setProps(record: JobRecord, change: Readonly<Record<string, unknown>>): void {
    Object.assign(record.job.Props, change);
    this.#touch(record);
  }

  setDate(record: JobRecord): void {
    record.job.Date = nowText();
    this.#touch(record);
  }

  place(record: JobRecord, place: JobRecord['place']): void {
    if (place === 'archived') {
      const busy = record.tasks.some(
        (task) => task.Stat === TASK.queued || task.Stat === TASK.rendering,
      );
      if (busy) throw new FarmError('A job that is queued or rendering cannot be archived.');
    }
    moveTasks(
      record.tasks.filter((task) => task.Stat === TASK.rendering),
      'requeue',
    );
    record.place = place;
    this.note(record, `Job ${place === 'live' ? 'restored' : place}`);
    this.#touch(record);
  }

  purge(id: string): void {
    const record = this.find(id, 'deleted');
    if (!record) return;
    this.#records.delete(id);
    this.#unsaved.delete(id);
    rmSync(this.#pathOf(id), { force: true });
    rmSync(this.auxDir(id), { recursive: true, force: true });
    for (const report of record.reports) rmSync(this.#reportPath(report._id), { force: true });
  }

  note(record: JobRecord, entry: string): void {
    record.history.push({ at: nowText(), entry });
    this.#unsaved.add(record.job._id);
  }

  report(
    record: JobRecord,
    task: TaskDocument,
    from: { type: 0 | 1 | 2; worker: string; title: string; text: string },
  ): void {
    const { job } = record;
    const id = newId();
    const startedAt = Date.parse(task.StartRen);
    writeFileSync(this.#reportPath(id), from.text);
    record.reports.push({
      _id: id,
      Job: job._id,
      JobName: textOf(job.Props['Name']),
      JobUser: textOf(job.Props['User']),
      Type: from.type,
      Date: nowText(),
      Slave: from.worker,
      Task: task.TaskID,
      Title: from.title,
      Plugin: job.Plug,
      Frames: task.Frames,
      TaskStartTime: task.Start,
      TaskTime: task.StartRen === NEVER ? 0 : (Date.now() - startedAt) / 1000,
      LogErr: 0,
      AverageCpu: 0,
      PeakCpu: 0,
      AverageRam: 0,
      PeakRam: 0,
      RamAvgPer: 0,
      RamPeakPer: 0,
      UsedClock: 0,
      TotalClock: 0,
    });
  }

  reportText(id: string): string {
    const path = this.#reportPath(id);
    return /^[0-9a-f]{24}$/.test(id) && existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** The next task for a worker: highest priority first, then the oldest job; groups are a hard filter (§1). */
  claim(worker: WorkerTraits): Claim | null {
    const [record] = this.jobs()
      .filter((candidate) => mayRun(candidate, worker))
      .toSorted((a, b) => Number(b.job.Props['Pri']) - Number(a.job.Props['Pri']));
    const task = record?.tasks.find((candidate) => candidate.Stat === TASK.queued);
    if (!record || !task) return null;
    const now = nowText();
    Object.assign(task, { Stat: TASK.rendering, Slave: worker.name, Start: now, StartRen: now });
    if (record.job.DateStart === NEVER) record.job.DateStart = now;
    const claim: Claim = { record, task, worker: worker.name };
    this.#claims.set(task['_id'] as string, claim);
    this.#touch(record);
    return claim;
  }

  holds(claim: Claim): boolean {
    return this.#claims.get(claim.task['_id'] as string) === claim;
  }

  /** Takes the outcome of a claimed task; errors requeue it until it has failed too often. */
  finish(claim: Claim, outcome: { error: string | null; log: string }): void {
    if (!this.holds(claim)) return;
    const { record, task, worker } = claim;
    this.#claims.delete(task['_id'] as string);
    this.report(record, task, {
      type: outcome.error === null ? 0 : 1,
      worker,
      title: outcome.error ?? '',
      text: outcome.error === null ? outcome.log : `${outcome.error}\n\n${outcome.log}`,
    });
    if (outcome.error === null) {
      Object.assign(task, { Stat: TASK.completed, Prog: '100 %', Comp: nowText() });
    } else {
      task.Errs += 1;
      record.job.Errs += 1;
      const limit = (override: string, own: string, usual: number): number =>
        record.job.Props[override] === true ? Number(record.job.Props[own]) : usual;
      const taskFails = task.Errs >= limit('TskFailOvr', 'TskFailErr', TASK_ERRORS_TO_FAIL);
      const jobFails = record.job.Errs >= limit('JobFailOvr', 'JobFailErr', JOB_ERRORS_TO_FAIL);
      Object.assign(task, { Stat: TASK.queued, Slave: '', Prog: '0 %' });
      if (taskFails) moveTasks([task], 'fail');
      if (jobFails) moveTasks(record.tasks, 'fail');
    }
    this.#touch(record);
    if (record.job.Stat === JOB.completed) this.#onComplete(record);
  }

  #onComplete(record: JobRecord): void {
    const what = record.job.Props['OnComp'];
    if (what === 0) this.place(record, 'archived');
    if (what === 1) this.place(record, 'deleted');
  }

  /** The pending-job scan (§4.3): releases jobs whose dependencies are all met. */
  scanPending(): void {
    for (const record of this.jobs()) {
      if (!record.tasks.some((task) => task.Stat === TASK.pending)) continue;
      if (this.#releaseIfMet(record)) this.#touch(record);
    }
  }

  #releaseIfMet(record: JobRecord): boolean {
    if (!this.#isMet(record)) return false;
    moveTasks(record.tasks, 'releasepending');
    this.note(record, 'Dependencies are met; the job was released from pending');
    return true;
  }

  #isMet(record: JobRecord): boolean {
    const { Dep, ReqAss, ScrDep, DepComp, DepDel, DepFail } = record.job.Props;
    const names = (list: unknown, field: string): string[] =>
      (Array.isArray(list) ? list : []).map((item: unknown) =>
        typeof item === 'object' && item !== null
          ? textOf((item as Record<string, unknown>)[field])
          : textOf(item),
      );
    const isOver = (id: string): boolean => {
      const other = this.#records.get(id);
      if (!other || other.place === 'deleted') return DepDel === true;
      if (other.job.Stat === JOB.completed) return DepComp !== false;
      return other.job.Stat === JOB.failed && DepFail === true;
    };
    return (
      names(Dep, 'JobID').every(isOver) &&
      names(ReqAss, 'FileName').every((path) => this.#options.exists(path)) &&
      // Script dependencies are Python run by Deadline; here only `releasepending` ends them.
      names(ScrDep, 'FileName').length === 0
    );
  }

  #touch(record: JobRecord): void {
    // Whoever worked on a task that is not rendering any more has lost it.
    for (const task of record.tasks)
      if (task.Stat !== TASK.rendering) this.#claims.delete(task['_id'] as string);
    count(record.job, record.tasks);
    this.#unsaved.add(record.job._id);
    this.emit('changed');
  }

  /** Writes what changed; called before a client hears that its change was taken. */
  flush(): void {
    for (const id of this.#unsaved) {
      const record = this.#records.get(id);
      if (record) writeWhole(this.#pathOf(id), JSON.stringify({ version: 1, ...record }));
    }
    this.#unsaved.clear();
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }

  #load(): void {
    const found: JobRecord[] = [];
    for (const name of readdirSync(this.#jobsDir)) {
      if (!/^[0-9a-f]{24}\.json$/.test(name)) continue;
      try {
        found.push(JSON.parse(readFileSync(join(this.#jobsDir, name), 'utf8')) as JobRecord);
      } catch (error) {
        process.stderr.write(`sandbox farm: ${name} is left out: ${String(error)}\n`);
      }
    }
    for (const record of found.toSorted((a, b) => (a.job.Date < b.job.Date ? -1 : 1))) {
      this.#records.set(record.job._id, record);
      for (const task of record.tasks.filter((one) => one.Stat === TASK.rendering)) {
        const text = `The worker ${task.Slave} was lost when the farm stopped; its task is queued again.`;
        this.report(record, task, { type: 2, worker: task.Slave, title: text, text });
        moveTasks([task], 'requeue');
        this.#unsaved.add(record.job._id);
      }
      count(record.job, record.tasks);
    }
  }

  #pathOf(id: string): string {
    return join(this.#jobsDir, `${id}.json`);
  }

  #reportPath(id: string): string {
    return join(this.#reportsDir, `${id}.txt`);
  }
}

function mayRun({ job, tasks }: JobRecord, worker: WorkerTraits): boolean {
  const { Grp, Pool, SecPool, ListedSlaves, White, MachLmt } = job.Props;
  if (job.Stat !== JOB.active || !tasks.some((task) => task.Stat === TASK.queued)) return false;
  if (Grp !== 'none' && !worker.groups.includes(textOf(Grp))) return false;
  const pools = [textOf(Pool), textOf(SecPool)].filter((pool) => pool !== '');
  if (!pools.includes('none') && !pools.some((pool) => worker.pools.includes(pool))) return false;
  const listed = (ListedSlaves as readonly string[]).includes(worker.name);
  if (White === true ? !listed : listed) return false;
  const machines = new Set(
    tasks.filter((task) => task.Stat === TASK.rendering).map((task) => task.Slave),
  );
  return Number(MachLmt) <= 0 || machines.has(worker.name) || machines.size < Number(MachLmt);
}

function asFarmError<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new FarmError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}
