// What the Deadline Web Service answers to each call: endpoints of reference §2.3 to §2.7, errors of §2.2.
// Where public sources give no wording or shape, the line says "assumed".

import type { FarmLists, ListKind } from './lists.ts';
import type { Fleet, RegionSpec } from './fleet.ts';
import { JOB, NEVER, TASK, textOf, type JobDocument } from './jobs.ts';
import {
  FarmError,
  TASK_LIMIT,
  type JobRecord,
  type Report,
  type Repository,
} from './repository.ts';
import { mapPath } from './worker.ts';

export const VERSION = '10.4.2.2';
const MAX_PRIORITY = 100;

export interface Call {
  readonly query: URLSearchParams;
  /** The JSON object of a PUT or POST. */
  readonly body: Readonly<Record<string, unknown>>;
}

export type Answer =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly status: number; readonly text: string };

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
export type Routes = Readonly<
  Record<string, Partial<Record<Method, (call: Call) => Answer>> | undefined>
>;

export interface RouteParts {
  readonly repository: Repository;
  readonly fleet: Fleet;
  readonly lists: FarmLists;
  readonly regions: readonly RegionSpec[];
  readonly farmRoot: string;
  readonly plugins: readonly string[];
  readonly archiveDir: string;
}

const SUCCESS: Answer = { kind: 'text', status: 200, text: 'Success' };

/** A call that cannot be understood: status 400 (or what is given) and this text. */
export class CallError extends Error {
  readonly status: number;
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

export function farmRoutes(parts: RouteParts): Routes {
  return {
    '/': { GET: () => text(`Deadline Web Service ${VERSION}`) },
    '/api/jobs': {
      GET: (call) => getJobs(parts, call),
      POST: (call) => postJobs(parts, call),
      PUT: (call) => putJobs(parts, call),
      DELETE: (call) => deleteJobs(parts, call),
    },
    '/api/tasks': {
      GET: (call) => getTasks(parts, call),
      PUT: (call) => putTasks(parts, call),
    },
    '/api/jobreports': { GET: (call) => getJobReports(parts, call) },
    '/api/taskreports': { GET: (call) => getTaskReports(parts, call) },
    '/api/pools': listRoutes(parts, 'pools'),
    '/api/groups': listRoutes(parts, 'groups'),
    '/api/limitgroups': {
      GET: (call) => getLimits(parts, call),
      PUT: (call) => putLimits(parts, call),
      DELETE: (call) => {
        parts.lists.removeLimits(listOf(needed(call.query, 'Names')));
        return SUCCESS;
      },
    },
    '/api/slaves': {
      GET: (call) => getWorkers(parts, call),
      PUT: ({ body }) => {
        // Info and settings of a fleet machine are its own; a client's copy is taken and not kept.
        if (!['saveinfo', 'savesettings'].includes(commandOf(body))) throw unknownCommand(body);
        return SUCCESS;
      },
      DELETE: () => {
        throw new FarmError('A worker that is running cannot be deleted.');
      },
    },
    '/api/slavesrenderingjob': { GET: (call) => getRendering(parts, call) },
    '/api/plugins': {
      GET: ({ query }) => json(isTrue(query, 'EventNames') ? ['Spot'] : parts.plugins),
    },
    '/api/maximumpriority': { GET: () => json(MAX_PRIORITY) },
    '/api/jobtasklimit': { GET: () => json(TASK_LIMIT) },
    '/api/mappedpaths': { POST: (call) => postMappedPaths(parts, call) },
    '/api/repository': {
      GET: (call) => getRepository(parts, call),
      POST: (call) => postRepository(parts, call),
    },
    '/api/users': { GET: () => json(usersOf(parts.repository)) },
    '/api/usergroups': { GET: () => json(['Everyone']) },
    '/api/pulse': { GET: (call) => getServices(call) },
    '/api/balancer': { GET: (call) => getServices(call) },
  };
}

function getJobs({ repository }: RouteParts, { query }: Call): Answer {
  const place = isTrue(query, 'Deleted') ? 'deleted' : 'live';
  const ids = query.has('JobID') ? listOf(query.get('JobID')) : null;
  const states = query.has('States') ? listOf(query.get('States')).map(stateNamed) : null;
  // An id nobody knows is left out; the answer may be an empty array.
  const records = (
    ids === null ? repository.jobs(place) : found(ids, (id) => repository.find(id, place))
  ).filter(({ job }) => states === null || states.includes(job.Stat));
  if (isTrue(query, 'IdOnly')) return json(records.map(({ job }) => job._id));
  if (isTrue(query, 'Details'))
    return json(Object.fromEntries(records.map((record) => [record.job._id, detailsOf(record)])));
  if (isTrue(query, 'Statistics')) return json(records.map(statisticsOf));
  return json(records.map(({ job }) => job));
}

const STATES: Readonly<Record<string, number>> = {
  active: JOB.active,
  suspended: JOB.suspended,
  completed: JOB.completed,
  failed: JOB.failed,
  pending: JOB.pending,
};

function stateNamed(name: string): number {
  const state = STATES[name.toLowerCase()];
  if (state === undefined) throw new FarmError(`"${name}" is not a valid job state.`);
  return state;
}

function statusText(job: JobDocument): string {
  const rendering = Number(job['RenderingChunks']);
  if (job.Stat === JOB.active) return rendering > 0 ? `Rendering (${rendering})` : 'Queued';
  const name = Object.keys(STATES).find((key) => STATES[key] === job.Stat) ?? 'unknown';
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
}

/** Status and Progress are read by a known client (§2.3); the other members are assumed. */
function detailsOf({ job, tasks }: JobRecord): unknown {
  const done = Number(job['CompletedChunks']);
  return {
    Job: {
      JobId: job._id,
      Name: job.Props['Name'],
      Status: statusText(job),
      Progress: `${Math.floor((100 * done) / Math.max(1, tasks.length))} % (${done}/${tasks.length})`,
      Errors: job.Errs,
    },
  };
}

/** Member names are assumed: computed from the tasks that are done. */
function statisticsOf({ job, tasks }: JobRecord): unknown {
  const seconds = tasks
    .filter((task) => task.Stat === TASK.completed && task.StartRen !== NEVER)
    .map((task) => (Date.parse(task.Comp) - Date.parse(task.StartRen)) / 1000);
  const total = seconds.reduce((sum, each) => sum + each, 0);
  return {
    JobID: job._id,
    CompletedTaskCount: seconds.length,
    TotalTaskTime: total,
    AverageTaskTime: seconds.length === 0 ? 0 : total / seconds.length,
    ErrorCount: job.Errs,
  };
}

function postJobs({ repository }: RouteParts, { body }: Call): Answer {
  const { Jobs: jobs } = body;
  if (jobs !== undefined) {
    let previous: string | null = null;
    for (const each of arrayOf(jobs)) {
      const one = objectOf(each, 'Jobs');
      const depends = isTruth(body['Dependent']) || isTruth(one['DependsOnPrevious']);
      const info = objectOf(one['JobInfo'], 'JobInfo');
      const waits: Body = depends && previous !== null ? { JobDependencies: previous } : {};
      previous = submit(repository, { ...one, JobInfo: { ...info, ...waits } }).job._id;
    }
    repository.flush();
    return SUCCESS;
  }
  const { job } = submit(repository, body);
  repository.flush();
  return json(isTruth(body['IdOnly']) ? { _id: job._id } : job);
}

function submit(repository: Repository, body: Readonly<Record<string, unknown>>): JobRecord {
  if (!Array.isArray(body['AuxFiles']))
    throw new FarmError('The submission holds no list "AuxFiles".');
  return repository.submit({
    info: objectOf(body['JobInfo'], 'JobInfo'),
    plugin: objectOf(body['PluginInfo'], 'PluginInfo'),
    aux: body['AuxFiles'].map(textOf),
  });
}

function putJobs(parts: RouteParts, { body }: Call): Answer {
  const { repository } = parts;
  const command = commandOf(body);
  const act = jobCommand(parts, command);
  if (!act) throw unknownCommand(body);
  if (!NAMED_OTHERWISE.includes(command)) neededValue(body, 'JobID');
  act(body);
  repository.flush();
  return SUCCESS;
}

type Body = Readonly<Record<string, unknown>>;

/** Commands that do not name their job by JobID. */
const NAMED_OTHERWISE: readonly string[] = ['save', 'undelete', 'import'];

/** The words of §2.3. */
function jobCommand(parts: RouteParts, command: string): ((body: Body) => void) | null {
  const { repository } = parts;
  const jobOf = (body: Body): JobRecord => repository.job(textOf(body['JobID']));
  const workers = (body: Body): string[] => arrayOf(body['SlaveList']).map(textOf);
  const listed = (record: JobRecord): readonly string[] =>
    record.job.Props['ListedSlaves'] as readonly string[];
  const move = (body: Body): void => {
    repository.move(jobOf(body), command);
  };
  const commands: Readonly<Record<string, (body: Body) => void>> = {
    suspend: move,
    suspendnonrendering: move,
    resume: move,
    resumefailed: move,
    requeue: move,
    complete: move,
    fail: move,
    pend: move,
    releasepending: move,
    save: (body) => repository.save(objectOf(body['Job'], 'Job')),
    archive: (body) => repository.place(jobOf(body), 'archived'),
    import: (body) => importJob(parts, neededValue(body, 'File')),
    undelete(body) {
      for (const id of arrayOf(body['JobIDs'] ?? body['JobID']).map(textOf)) {
        const record = repository.find(id, 'deleted');
        if (!record) throw new FarmError(`Job with ID "${id}" is not among the deleted jobs.`);
        repository.place(record, 'live');
      }
    },
    updatesubmissiondate: (body) => repository.setDate(jobOf(body)),
    setjobmachinelimit: (body) =>
      repository.setProps(jobOf(body), {
        MachLmt: Number(body['Limit'] ?? 0),
        ListedSlaves: workers(body),
        White: isTruth(body['WhiteListFlag']),
      }),
    setjobmachinelimitmaximum: (body) =>
      repository.setProps(jobOf(body), { MachLmt: Number(body['Limit'] ?? 0) }),
    setjobmachinelimitwhitelistflag: (body) =>
      repository.setProps(jobOf(body), { White: isTruth(body['WhiteListFlag']) }),
    setjobmachinelimitlistedslaves: (body) =>
      repository.setProps(jobOf(body), { ListedSlaves: workers(body) }),
    addslavestojobmachinelimitlist: (body) =>
      repository.setProps(jobOf(body), {
        ListedSlaves: [...new Set([...listed(jobOf(body)), ...workers(body)])],
      }),
    removeslavesfromjobmachinelimitlist: (body) =>
      repository.setProps(jobOf(body), {
        ListedSlaves: listed(jobOf(body)).filter((name) => !workers(body).includes(name)),
      }),
    appendjobframerange: (body) =>
      repository.appendFrames(jobOf(body), neededValue(body, 'FrameList')),
    setjobframerange: (body) =>
      repository.setFrames(
        jobOf(body),
        neededValue(body, 'FrameList'),
        Number(body['ChunkSize'] ?? 1),
      ),
  };
  return Object.hasOwn(commands, command) ? (commands[command] ?? null) : null;
}

/** The vendor's archive is a zip; ours is named by the job's id in the archive folder. */
function importJob({ repository, archiveDir }: RouteParts, file: string): void {
  const id = /([0-9a-f]{24})(?:\.\w+)?$/.exec(file)?.[1] ?? '';
  const record = repository.find(id, 'archived');
  if (!record) throw new FarmError(`No archived job "${file}" in ${archiveDir}.`);
  repository.place(record, 'live');
}

function deleteJobs({ repository }: RouteParts, { query }: Call): Answer {
  const ids = listOf(needed(query, 'JobID'));
  if (isTrue(query, 'Purge')) for (const id of ids) repository.purge(id);
  else
    for (const record of ids.map((id) => repository.job(id))) repository.place(record, 'deleted');
  repository.flush();
  return SUCCESS;
}

function getTasks({ repository }: RouteParts, { query }: Call): Answer {
  const { tasks } = repository.job(needed(query, 'JobID'));
  if (isTrue(query, 'IdOnly')) return json(tasks.map((task) => task.TaskID));
  if (!query.has('TaskID')) return json({ Tasks: tasks });
  return json(taskOf(tasks, query.get('TaskID') ?? ''));
}

function taskOf<Task extends { TaskID: number }>(tasks: readonly Task[], id: string): Task {
  if (!/^-?\d+$/.test(id.trim())) throw new CallError('TaskID must be an integer value.');
  const task = tasks.find((each) => each.TaskID === Number(id));
  if (!task) throw new FarmError(`The job has no task ${id}.`);
  return task;
}

function putTasks({ repository }: RouteParts, { body }: Call): Answer {
  const command = commandOf(body);
  const record = repository.job(neededValue(body, 'JobID'));
  const { TaskList: list } = body;
  const chosen =
    list === undefined || list === null
      ? record.tasks
      : arrayOf(list).map((id) => taskOf(record.tasks, textOf(id)));
  if (command === 'suspendnonrendering' || !repository.move(record, command, chosen))
    throw unknownCommand(body);
  repository.flush();
  return SUCCESS;
}

const REPORT_TYPES: Readonly<Record<string, Report['Type']>> = { log: 0, error: 1, requeue: 2 };

function getJobReports({ repository }: RouteParts, { query }: Call): Answer {
  const record = repository.job(needed(query, 'JobID'));
  if (query.get('Data') === 'history')
    return json(
      record.history.map(({ at, entry }) => ({ Date: at, Job: record.job._id, Entry: entry })),
    );
  return reports(repository, record.reports, query);
}

function getTaskReports({ repository }: RouteParts, { query }: Call): Answer {
  const record = repository.job(needed(query, 'JobID'));
  const { TaskID } = taskOf(record.tasks, query.get('TaskID') ?? '');
  const own = record.reports.filter((report) => report.Task === TaskID);
  return reports(repository, own, query);
}

function reports(repository: Repository, all: readonly Report[], query: URLSearchParams): Answer {
  const data = (query.get('Data') ?? 'all').toLowerCase();
  const match = /^(all)?(log|error|requeue)?(contents)?$/.exec(data);
  if (!match) throw new CallError(`"${data}" is not a valid value for Data.`);
  const [, , type, contents] = match;
  const wanted = type === undefined ? null : REPORT_TYPES[type];
  const chosen = all.filter((report) => wanted === null || report.Type === wanted);
  const id = query.get('ReportID');
  if (id !== null) {
    const report = chosen.find((each) => each._id === id);
    if (!report) throw new FarmError(`The job has no such report "${id}".`);
    return json(contents === undefined ? report : repository.reportText(id));
  }
  // The manual: "or a message stating that there are no reports"; its wording is assumed.
  if (chosen.length === 0) return text('There are no reports for this Job.');
  return json(
    contents === undefined ? chosen : chosen.map((report) => repository.reportText(report._id)),
  );
}

/** Pools and groups answer alike, under their own key (§2.7). */
function listRoutes(
  parts: RouteParts,
  kind: ListKind,
): Partial<Record<Method, (call: Call) => Answer>> {
  const { lists, repository } = parts;
  const [key, prop] = kind === 'pools' ? ['Pool', 'Pool'] : ['Group', 'Grp'];
  const workersIn = (names: readonly string[]): string[] =>
    parts.fleet.names().filter((name) => {
      const own = textOf(parts.fleet.info(name)?.[kind === 'pools' ? 'Pools' : 'Grps']).split(',');
      return own.some((each) => names.includes(each));
    });
  return {
    GET: ({ query }) =>
      json(query.has(key) ? workersIn(listOf(query.get(key))) : lists.names(kind)),
    POST({ body }) {
      lists.add(kind, arrayOf(neededField(body, key)).map(textOf));
      return SUCCESS;
    },
    PUT({ body }) {
      const names = arrayOf(body[key]).map(textOf);
      const overwrite = isTruth(body['OverWrite']);
      const replacement = body[`Replacement${key}`];
      if (replacement !== undefined) {
        for (const record of repository.jobs())
          if (names.includes(textOf(record.job.Props[prop])))
            repository.setProps(record, { [prop]: textOf(replacement) });
        lists.remove(kind, names);
        return SUCCESS;
      }
      lists.assign(kind, {
        workers: arrayOf(neededField(body, 'Slave')).map(textOf),
        names,
        overwrite,
      });
      return SUCCESS;
    },
    DELETE({ query }) {
      const names = listOf(needed(query, key));
      const workers = listOf(query.get('Slaves'));
      for (const worker of workers) {
        const left = (lists.assigned(kind, worker) ?? []).filter((name) => !names.includes(name));
        lists.assign(kind, { workers: [worker], names: left, overwrite: true });
      }
      if (workers.length === 0) lists.remove(kind, names);
      return SUCCESS;
    },
  };
}

function getLimits({ lists }: RouteParts, { query }: Call): Answer {
  const limits = lists.limits();
  if (isTrue(query, 'NamesOnly')) return json(Object.keys(limits));
  const name = query.get('Name');
  if (name !== null) {
    if (!Object.hasOwn(limits, name)) throw new FarmError(`No limit "${name}".`);
    return json(limits[name]);
  }
  const names = query.has('Names') ? listOf(query.get('Names')) : Object.keys(limits);
  return json(names.flatMap((each) => (Object.hasOwn(limits, each) ? [limits[each]] : [])));
}

function putLimits({ lists }: RouteParts, { body }: Call): Answer {
  switch (commandOf(body)) {
    case 'set': {
      const name = neededValue(body, 'Name');
      const { Command: _command, ...limit } = body;
      lists.setLimit(name, {
        Name: name,
        Limit: 0,
        White: false,
        RelPer: -1,
        Slaves: [],
        SlavesEx: [],
        InUse: 0,
        ...limit,
      });
      return SUCCESS;
    }
    case 'save': {
      const limit = objectOf(body['LimitGroup'], 'LimitGroup');
      lists.setLimit(neededValue(limit, 'Name'), limit);
      return SUCCESS;
    }
    case 'reset':
      lists.setLimit(neededValue(body, 'Name'), { InUse: 0 });
      return SUCCESS;
    default:
      throw unknownCommand(body);
  }
}

function getWorkers({ fleet }: RouteParts, { query }: Call): Answer {
  if (isTrue(query, 'NamesOnly')) return json(fleet.names());
  const names = query.has('Name') ? listOf(query.get('Name')) : fleet.names();
  const each = (read: (name: string) => unknown): Answer =>
    json(names.filter((name) => fleet.info(name) !== undefined).map(read));
  switch (query.get('Data') ?? 'infosettings') {
    case 'info':
      return each((name) => fleet.info(name));
    case 'settings':
      return each((name) => fleet.settings(name));
    case 'infosettings':
      return each((name) => ({ Info: fleet.info(name), Settings: fleet.settings(name) }));
    case 'reports':
    case 'reportcontents':
    case 'history':
      return json([]);
    default:
      throw new CallError(`"${query.get('Data')}" is not a valid value for Data.`);
  }
}

function getRendering({ repository, fleet }: RouteParts, { query }: Call): Answer {
  const { tasks } = repository.job(needed(query, 'JobID'));
  const names = [
    ...new Set(tasks.filter((task) => task.Stat === TASK.rendering).map((task) => task.Slave)),
  ];
  return json(
    isTrue(query, 'GetIpAddress') ? names.map((name) => fleet.info(name)?.['IP']) : names,
  );
}

function postMappedPaths(parts: RouteParts, { body }: Call): Answer {
  const os = neededValue(body, 'OS').toLowerCase();
  const region = parts.regions.find((each) => each.id === textOf(body['Region']));
  // The rules of this repository are for Linux; a path no rule names comes back as it was.
  return json(
    arrayOf(body['Paths'])
      .map(textOf)
      .map((path) =>
        region && os === 'linux'
          ? (mapPath({ root: region.root, farmRoot: parts.farmRoot }, path) ?? path)
          : path,
      ),
  );
}

const REPOSITORY_ROOT = '/opt/Thinkbox/DeadlineRepository10';
const DIRECTORIES: Readonly<Record<string, string>> = {
  root: '',
  bin: 'bin',
  settings: 'settings',
  events: 'events',
  customevents: 'custom/events',
  plugins: 'plugins',
  customplugins: 'custom/plugins',
  scripts: 'scripts',
  customscripts: 'custom/scripts',
};

function getRepository({ repository }: RouteParts, { query }: Call): Answer {
  const directory = query.get('Directory');
  if (directory !== null) {
    const below = DIRECTORIES[directory.toLowerCase()];
    if (below === undefined) throw new CallError(`No directory "${directory}".`, 404);
    return json(below === '' ? REPOSITORY_ROOT : `${REPOSITORY_ROOT}/${below}`);
  }
  if (query.has('AuxiliaryPath'))
    return json(repository.auxDir(repository.job(needed(query, 'JobID')).job._id));
  if (query.has('Version')) return json(VERSION);
  if (query.has('MajorVersion')) return json(VERSION.split('.')[0]);
  if (query.has('DatabaseConnection')) return json('mongodb://127.0.0.1:27100');
  throw new CallError('Must provide a Directory or an Auxiliary Path to find.');
}

function postRepository({ repository }: RouteParts, { body }: Call): Answer {
  switch (commandOf(body)) {
    case 'jobhistoryentry':
      repository.note(repository.job(neededValue(body, 'JobID')), neededValue(body, 'Entry'));
      repository.flush();
      return SUCCESS;
    case 'slavehistoryentry':
    case 'repositoryhistoryentry':
      neededValue(body, 'Entry');
      return SUCCESS;
    default:
      throw unknownCommand(body);
  }
}

function usersOf(repository: Repository): string[] {
  const owners = repository.jobs().map(({ job }) => textOf(job.Props['User']));
  return [...new Set(['admin', ...owners])].toSorted();
}

/** No Pulse and no Balancer run here; a name that is asked for is not found. */
function getServices({ query }: Call): Answer {
  if (query.has('Name')) throw new CallError(`"${query.get('Name')}" does not exist.`, 404);
  return json([]);
}

function json(value: unknown): Answer {
  return { kind: 'json', value };
}

function text(words: string): Answer {
  return { kind: 'text', status: 200, text: words };
}

function isTrue(query: URLSearchParams, key: string): boolean {
  return isTruth(query.get(key));
}

function isTruth(value: unknown): boolean {
  return /^(true|1)$/i.test(textOf(value));
}

function listOf(value: string | null): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function arrayOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}

function found<T>(ids: readonly string[], find: (id: string) => T | undefined): T[] {
  return ids.flatMap((id) => find(id) ?? []);
}

function objectOf(value: unknown, name: string): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  throw new FarmError(`The body holds no object "${name}".`);
}

function needed(query: URLSearchParams, key: string): string {
  const value = query.get(key)?.trim() ?? '';
  if (value === '') throw new CallError(`Must provide a ${key}.`);
  return value;
}

function neededField(body: Body, key: string): unknown {
  if (body[key] === undefined) throw new CallError(`Must provide a ${key}.`);
  return body[key];
}

function neededValue(body: Body, key: string): string {
  const value = textOf(body[key]);
  if (value === '') throw new CallError(`Must provide a ${key}.`);
  return value;
}

function commandOf(body: Body): string {
  const command = textOf(body['Command']);
  if (command === '') throw new CallError('Must provide a Command.');
  return command;
}

function unknownCommand(body: Body): FarmError {
  return new FarmError(`Invalid command "${textOf(body['Command']).slice(0, 100)}".`);
}
