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
import { releasable, scriptsOf, type ScanView, type ScriptAnswer } from './dependencies.ts';
import { dateText, isTruth, NEVER, nowText, textOf } from './document-text.ts';
import { framesOf, tasksOf } from './frames.ts';
import {
  JOB,
  TASK,
  count,
  makeJob,
  makeTasks,
  moveTasks,
  newId,
  type JobDocument,
  type TaskDocument,
} from './jobs.ts';
import { errorReport } from './task-log.ts';

/** Repository defaults are a studio's choice; these end a hopeless job within a demo. */
const TASK_ERRORS_TO_FAIL = 3;
const JOB_ERRORS_TO_FAIL = 100;
export const TASK_LIMIT = 5_000;
const SAVE_MS = 500;
const DAY_MS = 24 * 3_600_000;
/** ScheduledType Daily in Props.Schd. */
const DAILY = 2;

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
  /** Asks a script dependency on the scanning machine; without it such a job waits for `releasepending`. */
  askScript?(question: ScriptQuestion): Promise<ScriptAnswer>;
  /** The limits of the farm by name. */
  limits?(): Readonly<Record<string, Limit>>;
  /** The clock that schedules and cleanup go by. */
  readonly now?: () => number;
}

export interface ScriptQuestion {
  readonly path: string;
  readonly record: JobRecord;
  /** Null where the job is not frame dependent. */
  readonly taskIds: readonly number[] | null;
}

/** As documents spell it (§2.7); fields of other kinds count as unset. */
export type Limit = Readonly<Record<string, unknown>>;

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
  #isScanning = false;

  constructor(options: RepositoryOptions) {
    super();
    this.#options = options;
    this.#jobsDir = join(options.dir, 'jobs');
    this.#reportsDir = join(options.dir, 'reports');
    mkdirSync(this.#jobsDir, { recursive: true });
    mkdirSync(this.#reportsDir, { recursive: true });
    this.#load();
    this.#timer = setInterval(() => {
      try {
        this.flush();
      } catch (error) {
        // What could not be written stays in memory and is tried again.
        process.stderr.write(`sandbox farm: jobs could not be saved: ${String(error)}\n`);
      }
    }, SAVE_MS);
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
        now: this.#now(),
      }),
    );
    assertTaskCount(tasks.length);
    for (const path of submission.aux) this.#keepAux(job, path);
    const record: JobRecord = { job, tasks, reports: [], history: [], place: 'live' };
    // Workers leave a job alone until its submission is over, event plug-ins and all (assumed).
    job['IsSub'] = false;
    this.#records.set(job._id, record);
    this.note(record, `Job submitted by ${textOf(job.Props['User'])}`);
    if (job.Stat === JOB.pending) this.#releaseIfMet(record, new Map());
    this.#touch(record);
    return record;
  }

  /** Ends a submission: from now on workers see the job. */
  admit(record: JobRecord): void {
    record.job['IsSub'] = true;
    this.#touch(record);
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
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
    if (word === 'resume') {
      const free = new Set(releasable(record, this.#view(new Map())));
      moveTasks(
        tasks.filter((task) => task.Stat === TASK.queued && !free.has(task)),
        'pend',
      );
    }
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
    const before = record.job.Props;
    const top = sameKinds(record.job, fields);
    const inner = sameKinds(before, editable);
    Object.assign(record.job, top);
    record.job.Props = { ...before, ...inner };
    this.#touch(record);
  }

  setFrames(record: JobRecord, frames: string, chunk: number): void {
    const parts = asFarmError(() => tasksOf(framesOf(frames), Math.max(1, chunk)));
    assertTaskCount(parts.length);
    record.tasks = makeTasks(record.job._id, parts, stateOfNew(record));
    Object.assign(record.job.Props, { Frames: frames, Chunk: chunk, Tasks: parts.length });
    this.#touch(record);
  }

  appendFrames(record: JobRecord, frames: string): void {
    const known = new Set(record.tasks.flatMap((task) => framesOf(task.Frames)));
    const added = asFarmError(() => framesOf(frames)).filter((frame) => !known.has(frame));
    const parts = tasksOf(added, Number(record.job.Props['Chunk']));
    assertTaskCount(record.tasks.length + parts.length);
    record.tasks.push(...makeTasks(record.job._id, parts, stateOfNew(record), record.tasks.length));
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

  /** For what every scan finds anew: said when it is news. */
  noteOnce(record: JobRecord, entry: string): void {
    if (record.history.at(-1)?.entry !== entry) this.note(record, entry);
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
      .filter((candidate) => mayRun(candidate, worker) && this.#isWithinLimits(candidate, worker))
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

  /** A limit that nobody made is no limit (assumed); each rendering task holds one of its stubs. */
  #isWithinLimits({ job }: JobRecord, worker: WorkerTraits): boolean {
    const limits = this.#options.limits?.() ?? {};
    return textsOf(job.Props['Limits'])
      .filter((name) => Object.hasOwn(limits, name))
      .every((name) => {
        const { Limit: most, White, Slaves, SlavesEx } = limits[name] ?? {};
        // Workers that are excluded from a limit use none of it.
        if (textsOf(SlavesEx).includes(worker.name)) return true;
        const isListed = textsOf(Slaves).includes(worker.name);
        if (isTruth(White) ? !isListed : isListed) return false;
        return this.usedOf(name) < Number(most);
      });
  }

  /** Stubs of a limit that are in use. */
  usedOf(limit: string): number {
    return [...this.#claims.values()].filter(({ record }) =>
      textsOf(record.job.Props['Limits']).includes(limit),
    ).length;
  }

  holds(claim: Claim): boolean {
    return this.#claims.get(claim.task['_id'] as string) === claim;
  }

  /** A worker that is gone gives its task back: queued again, with a report that says why (Type 2). */
  giveBack(claim: Claim, why: string): void {
    if (!this.holds(claim)) return;
    const { record, task, worker } = claim;
    this.report(record, task, { type: 2, worker, title: why, text: why });
    moveTasks([task], 'requeue');
    this.#touch(record);
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
      text:
        outcome.error === null
          ? outcome.log
          : errorReport({
              title: outcome.error,
              log: outcome.log,
              job: record.job,
              task,
              worker,
              at: nowText(),
            }),
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
    const { OnComp: what, Schd, SchdDays, SchdDate } = record.job.Props;
    if (Schd === DAILY) {
      // assumed: a daily job is requeued for its next day, and pending until then
      const step = Math.max(1, Number(SchdDays) || 1) * DAY_MS;
      const start = Date.parse(textOf(SchdDate));
      const passed = Math.max(0, Math.floor((this.#now() - start) / step));
      record.job.Props['SchdDate'] = dateText(start + (passed + 1) * step);
      moveTasks(record.tasks, 'requeue');
      moveTasks(record.tasks, 'pend');
      this.note(record, 'The daily job waits for its next start');
      this.#touch(record);
      return;
    }
    if (what === 0) this.place(record, 'archived');
    if (what === 1) this.place(record, 'deleted');
  }

  /** The pending-job scan (§4.3) and, as Pulse does it in one round, the cleanup of jobs that are over. */
  async scanPending(): Promise<void> {
    // A script may take longer than the interval; the next round then waits for this one.
    if (this.#isScanning) return;
    this.#isScanning = true;
    try {
      for (const record of this.jobs()) {
        if (!isPending(record)) continue;
        const answers = await this.#askScripts(record);
        if (record.place === 'live' && this.#releaseIfMet(record, answers)) this.#touch(record);
      }
      this.#cleanUp();
    } finally {
      this.#isScanning = false;
    }
  }

  async #askScripts(record: JobRecord): Promise<ReadonlyMap<string, ScriptAnswer>> {
    const answers = new Map<string, ScriptAnswer>();
    const pending = record.tasks.filter((task) => task.Stat === TASK.pending);
    const isByFrame = isTruth(record.job.Props['DepFrame']);
    for (const path of scriptsOf(record.job)) {
      const taskIds = isByFrame ? pending.map((task) => task.TaskID) : null;
      const answer = await this.#options.askScript?.({ path, record, taskIds });
      answers.set(path, answer ?? false);
    }
    return answers;
  }

  #releaseIfMet(record: JobRecord, scripts: ReadonlyMap<string, ScriptAnswer>): boolean {
    const free = releasable(record, this.#view(scripts)).filter(
      (task) => task.Stat === TASK.pending,
    );
    if (free.length === 0) return false;
    moveTasks(free, 'releasepending');
    this.note(
      record,
      free.length === record.tasks.length
        ? 'Dependencies are met; the job was released from pending'
        : `Dependencies of ${free.length} tasks are met; they were released from pending`,
    );
    return true;
  }

  #view(scripts: ReadonlyMap<string, ScriptAnswer>): ScanView {
    return {
      now: this.#now(),
      job: (id) => {
        const other = this.#records.get(id);
        // An archived job was complete or suspended; its tasks say which.
        return other && other.place !== 'deleted' ? other : null;
      },
      exists: (path) => this.#options.exists(path),
      script: (path) => scripts.get(path) ?? false,
    };
  }

  /** A job that asks for it is archived or deleted some days after it was complete (§2.4 OverClean…). */
  #cleanUp(): void {
    for (const record of this.jobs()) {
      const { OverClean, OverCleanDays, OverCleanType } = record.job.Props;
      if (record.job.Stat !== JOB.completed || !isTruth(OverClean)) continue;
      const due = Date.parse(record.job.DateComp) + Number(OverCleanDays) * DAY_MS;
      if (due <= this.#now()) this.place(record, OverCleanType === 0 ? 'deleted' : 'archived');
    }
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
      this.#unsaved.delete(id);
    }
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
      // The client that was submitting it is gone, and so is what its event plug-ins had in hand.
      record.job['IsSub'] = true;
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
  if (job['IsSub'] !== true || job.Stat !== JOB.active) return false;
  if (!tasks.some((task) => task.Stat === TASK.queued)) return false;
  if (!['none', ''].includes(textOf(Grp)) && !worker.groups.includes(textOf(Grp))) return false;
  const pools = [textOf(Pool), textOf(SecPool)].filter((pool) => pool !== '');
  const isOpen = pools.length === 0 || pools.includes('none');
  if (!isOpen && !pools.some((pool) => worker.pools.includes(pool))) return false;
  const listed = textsOf(ListedSlaves).includes(worker.name);
  if (isTruth(White) ? !listed : listed) return false;
  const machines = new Set(
    tasks.filter((task) => task.Stat === TASK.rendering).map((task) => task.Slave),
  );
  return !(Number(MachLmt) > 0) || machines.has(worker.name) || machines.size < Number(MachLmt);
}

function assertTaskCount(tasks: number): void {
  if (tasks > TASK_LIMIT)
    throw new FarmError(`The job has ${tasks} tasks; the limit is ${TASK_LIMIT}.`);
}

/** New tasks of a job that is held or waits are held or wait with it. */
function stateOfNew({ job }: JobRecord): number {
  if (job.Stat === JOB.suspended) return TASK.suspended;
  return job.Stat === JOB.pending ? TASK.pending : TASK.queued;
}

function isPending({ tasks }: JobRecord): boolean {
  return tasks.some((task) => task.Stat === TASK.pending);
}

function textsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.map(textOf) : [];
}

/** A known field keeps its kind, or the document could not be read any more; numbers may come as texts (§2.3). */
function sameKinds(
  known: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const kindOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value);
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => {
      const before = Object.hasOwn(known, key) ? known[key] : undefined;
      if (before === undefined || before === null || kindOf(before) === kindOf(value))
        return [key, value];
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
      if (typeof before === 'number' && !Number.isNaN(number)) return [key, number];
      throw new FarmError(`The value of "${key}" cannot be read as ${kindOf(before)}.`);
    }),
  );
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
