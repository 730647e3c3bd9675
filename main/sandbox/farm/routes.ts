// What the Deadline Web Service answers to each call: jobs, tasks and reports of reference §2.3 to §2.6, errors of §2.2.
// Where public sources give no wording or shape, the line says "assumed".

import {
  type Answer,
  arrayOf,
  type Body,
  type Call,
  CallError,
  commandOf,
  found,
  isTrue,
  json,
  listOf,
  needed,
  neededValue,
  objectOf,
  type Routes,
  SUCCESS,
  text,
  unknownCommand,
} from './call.ts';
import { isTruth, NEVER, textOf } from './document-text.ts';
import { JOB, TASK, type JobDocument } from './jobs.ts';
import { lookUpRoutes, type RouteParts } from './lookup-routes.ts';
import { FarmError, type JobRecord, type Report, type Repository } from './repository.ts';

export function farmRoutes(parts: RouteParts): Routes {
  return {
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
    ...lookUpRoutes(parts),
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

async function postJobs(parts: RouteParts, { body }: Call): Promise<Answer> {
  const { repository } = parts;
  const { Jobs: jobs } = body;
  if (jobs !== undefined) {
    let previous: string | null = null;
    for (const each of arrayOf(jobs)) {
      const one = objectOf(each, 'Jobs');
      const depends = isTruth(body['Dependent']) || isTruth(one['DependsOnPrevious']);
      const info = objectOf(one['JobInfo'], 'JobInfo');
      const waits: Body = depends && previous !== null ? { JobDependencies: previous } : {};
      const { job } = await submit(parts, { ...one, JobInfo: { ...info, ...waits } });
      previous = job._id;
    }
    repository.flush();
    return SUCCESS;
  }
  const { job } = await submit(parts, body);
  repository.flush();
  return json(isTruth(body['IdOnly']) ? { _id: job._id } : job);
}

async function submit(parts: RouteParts, body: Body): Promise<JobRecord> {
  if (!Array.isArray(body['AuxFiles']))
    throw new FarmError('The submission holds no list "AuxFiles".');
  const record = parts.repository.submit({
    info: objectOf(body['JobInfo'], 'JobInfo'),
    plugin: objectOf(body['PluginInfo'], 'PluginInfo'),
    aux: body['AuxFiles'].map(textOf),
  });
  // From here on the job exists, whatever becomes of the client that waits for the answer.
  parts.repository.flush();
  try {
    await parts.submitted(record);
  } finally {
    parts.repository.admit(record);
  }
  return record;
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
