// What the Web Service tells of the farm itself: pools, groups, limits, workers, paths, users, services (reference §2.7).
// Where public sources give no wording or shape, the line says "assumed".

import {
  type Answer,
  arrayOf,
  type Body,
  type Call,
  CallError,
  commandOf,
  isTrue,
  json,
  listOf,
  type Method,
  needed,
  neededField,
  neededValue,
  objectOf,
  type Routes,
  SUCCESS,
  text,
  unknownCommand,
} from './call.ts';
import { isTruth, nowText, textOf } from './document-text.ts';
import type { Fleet } from './fleet.ts';
import type { FarmLists, ListKind } from './lists.ts';
import { TASK } from './jobs.ts';
import { applyRules, type PathRule } from './path-mapping.ts';
import {
  FarmError,
  TASK_LIMIT,
  type JobRecord,
  type Report,
  type Repository,
} from './repository.ts';

const VERSION = '10.4.2.2';
const MAX_PRIORITY = 100;

export interface RouteParts {
  readonly repository: Repository;
  readonly fleet: Fleet;
  readonly lists: FarmLists;
  readonly plugins: readonly string[];
  eventPlugins(): readonly string[];
  readonly archiveDir: string;
  /** Global path mapping: the studio's own spellings, then each region's mount. */
  readonly pathRules: {
    readonly studio: readonly PathRule[];
    readonly mounts: readonly PathRule[];
  };
  /** Runs the event plug-ins of a submission, which the client waits for. */
  submitted(record: JobRecord): Promise<void>;
  /** Name and start of the Pulse that scans this farm's pending jobs. */
  readonly pulse: { readonly name: string; readonly startedAt: number };
}

export function lookUpRoutes(parts: RouteParts): Routes {
  return {
    '/': { GET: () => text(`Deadline Web Service ${VERSION}`) },
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
      PUT: (call) => putWorkers(parts, call),
      DELETE: ({ query }) => {
        const running = listOf(needed(query, 'Name')).filter((name) => parts.fleet.info(name));
        // A fleet machine is gone when it has left, so what could be deleted is not there (assumed).
        if (running.length > 0)
          throw new FarmError(`${running.join(', ')} is running and cannot be deleted.`);
        return SUCCESS;
      },
    },
    '/api/slavesrenderingjob': { GET: (call) => getRendering(parts, call) },
    '/api/plugins': {
      GET: ({ query }) => json(isTrue(query, 'EventNames') ? parts.eventPlugins() : parts.plugins),
    },
    '/api/maximumpriority': { GET: () => json(MAX_PRIORITY) },
    '/api/jobtasklimit': { GET: () => json(TASK_LIMIT) },
    '/api/mappedpaths': { POST: (call) => postMappedPaths(parts, call) },
    '/api/repository': {
      GET: (call) => getRepository(parts, call),
      POST: (call) => postRepository(parts, call),
    },
    '/api/users': userRoutes(parts),
    '/api/usergroups': userGroupRoutes(parts),
    '/api/pulse': {
      GET: (call) => getServices(call, pulseOf(parts)),
      PUT: (call) => putServices(call),
    },
    '/api/balancer': { GET: (call) => getServices(call, null), PUT: (call) => putServices(call) },
  };
}

/** Pools and groups answer alike, under their own key (§2.7). */
function listRoutes(
  parts: RouteParts,
  kind: ListKind,
): Partial<Record<Method, (call: Call) => Answer>> {
  const { lists, repository } = parts;
  const [key, prop] = kind === 'pools' ? ['Pool', 'Pool'] : ['Group', 'Grp'];
  /** What a worker has now: given by hand, or of its own fleet. */
  const namesOf = (worker: string): readonly string[] =>
    lists.assigned(kind, worker) ??
    textOf(parts.fleet.info(worker)?.[kind === 'pools' ? 'Pools' : 'Grps'])
      .split(',')
      .filter((name) => name !== '');
  const workersIn = (names: readonly string[]): string[] =>
    parts.fleet.names().filter((worker) => namesOf(worker).some((name) => names.includes(name)));
  return {
    GET: ({ query }) =>
      json(query.has(key) ? workersIn(listOf(query.get(key))) : lists.names(kind)),
    POST({ body }) {
      const names = arrayOf(neededField(body, key)).map(textOf);
      // With OverWrite what is not named is gone (a known client's SetGroups).
      if (isTruth(body['OverWrite']))
        lists.remove(
          kind,
          lists.names(kind).filter((name) => !names.includes(name)),
        );
      lists.add(kind, names);
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
      for (const worker of arrayOf(neededField(body, 'Slave')).map(textOf))
        lists.assign(kind, worker, overwrite ? names : [...namesOf(worker), ...names]);
      return SUCCESS;
    },
    DELETE({ query }) {
      const names = listOf(needed(query, key));
      const workers = listOf(query.get('Slaves'));
      for (const worker of workers)
        lists.assign(
          kind,
          worker,
          namesOf(worker).filter((name) => !names.includes(name)),
        );
      if (workers.length === 0) lists.remove(kind, names);
      return SUCCESS;
    },
  };
}

function getLimits({ lists, repository }: RouteParts, { query }: Call): Answer {
  const limits = Object.fromEntries(
    Object.entries(lists.limits()).map(([name, limit]) => [
      name,
      { ...limit, InUse: repository.usedOf(name) },
    ]),
  );
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
      // Stubs are counted from the tasks that hold one, so there is no count that could be wrong.
      neededValue(body, 'Name');
      return SUCCESS;
    default:
      throw unknownCommand(body);
  }
}

function getWorkers({ fleet, repository }: RouteParts, { query }: Call): Answer {
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
      // A known client reads the reports of each worker under Reps (the name beside it is assumed).
      return each((name) => ({ _id: name, Name: name, Reps: reportsBy(repository, name) }));
    case 'reportcontents':
      return json(
        names.flatMap((name) =>
          reportsBy(repository, name).map((report) => repository.reportText(report._id)),
        ),
      );
    case 'history':
      return json([]);
    default:
      throw new CallError(`"${query.get('Data')}" is not a valid value for Data.`);
  }
}

function reportsBy(repository: Repository, worker: string): Report[] {
  return repository
    .jobs()
    .flatMap(({ reports: all }) => all.filter(({ Slave }) => Slave === worker));
}

function putWorkers({ lists }: RouteParts, { body }: Call): Answer {
  switch (commandOf(body)) {
    case 'savesettings': {
      const settings = objectOf(body['SlaveSettings'], 'SlaveSettings');
      const name = neededValue(settings, 'Name');
      // Pools and groups of a worker are one list each, whichever way they are written.
      for (const [kind, key] of [
        ['pools', 'Pools'],
        ['groups', 'Grps'],
      ] as const)
        if (Array.isArray(settings[key])) lists.assign(kind, name, settings[key].map(textOf));
      lists.saveWorkerSettings(name, settings);
      return SUCCESS;
    }
    case 'saveinfo':
      // What a running machine says of itself is its own; a client's copy is taken and not kept.
      objectOf(body['SlaveInfo'], 'SlaveInfo');
      return SUCCESS;
    default:
      throw unknownCommand(body);
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

function postMappedPaths({ pathRules }: RouteParts, { body }: Call): Answer {
  const at = { os: neededValue(body, 'OS'), region: textOf(body['Region']) };
  const mapped = (path: string): string =>
    applyRules(pathRules.mounts, at, applyRules(pathRules.studio, at, path));
  return json(arrayOf(body['Paths']).map((path) => mapped(textOf(path))));
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
  const auxiliary = query.get('AuxiliaryPath');
  // No alternate folder for auxiliary files is set up here.
  if (auxiliary !== null && /^(windows|linux|mac)?alternate$/i.test(auxiliary)) return json('');
  if (auxiliary !== null)
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

/** Whoever owns a job is a user too; fields beside the name are a client's own. */
function usersOf({ repository, lists }: RouteParts): Record<string, Body> {
  const owners = repository.jobs().map(({ job }) => textOf(job.Props['User']));
  const names = ['admin', ...owners].filter((name) => name !== '').toSorted();
  return Object.fromEntries([
    ...names.map((name) => [name, { _id: name, Name: name, Email: '' }] as const),
    ...Object.entries(lists.users()).map(
      ([name, user]) => [name, { _id: name, Email: '', ...user, Name: name }] as const,
    ),
  ]);
}

function userRoutes(parts: RouteParts): Partial<Record<Method, (call: Call) => Answer>> {
  const { lists } = parts;
  return {
    GET({ query }) {
      const users = usersOf(parts);
      if (isTrue(query, 'NamesOnly')) return json(Object.keys(users));
      const names = query.has('Name') ? listOf(query.get('Name')) : Object.keys(users);
      return json(names.flatMap((name) => (Object.hasOwn(users, name) ? [users[name]] : [])));
    },
    // The body is the user itself. The vendor's client speaks of name and id for a new one; the wording is assumed.
    PUT({ body }) {
      const name = neededValue(body, 'Name');
      return lists.saveUser(name, body) ? text(`Success: ${name} (${name})`) : SUCCESS;
    },
    DELETE({ query }) {
      lists.removeUsers(listOf(needed(query, 'Name')));
      return SUCCESS;
    },
  };
}

function userGroupRoutes({ lists }: RouteParts): Partial<Record<Method, (call: Call) => Answer>> {
  const usersIn = (group: string): readonly string[] => {
    const groups = lists.userGroups();
    const users = Object.hasOwn(groups, group) ? groups[group] : undefined;
    if (!users) throw new FarmError(`There is no user group "${group}".`);
    return users;
  };
  return {
    GET({ query }) {
      const user = query.get('User');
      const name = query.get('Name');
      if (name !== null) return json(usersIn(name));
      const all = Object.entries(lists.userGroups());
      return json(
        all.filter(([, users]) => user === null || users.includes(user)).map(([group]) => group),
      );
    },
    POST({ body }) {
      const known = lists.userGroups();
      const names = arrayOf(neededField(body, 'Group')).map(textOf);
      const fresh = names.filter((name) => name !== '' && !Object.hasOwn(known, name));
      if (names.every((name) => name === '')) throw new CallError('Must provide a Group.');
      for (const name of fresh) lists.setUserGroup(name, []);
      return SUCCESS;
    },
    PUT({ body }) {
      const command = commandOf(body);
      if (!['add', 'remove', 'set'].includes(command)) throw unknownCommand(body);
      const users = arrayOf(neededField(body, 'User')).map(textOf);
      for (const group of arrayOf(neededField(body, 'Group')).map(textOf)) {
        const before = usersIn(group);
        if (command === 'set') lists.setUserGroup(group, users);
        else if (command === 'add') lists.setUserGroup(group, [...before, ...users]);
        else
          lists.setUserGroup(
            group,
            before.filter((user) => !users.includes(user)),
          );
      }
      return SUCCESS;
    },
    DELETE({ query }) {
      const name = needed(query, 'Name');
      usersIn(name);
      lists.removeUserGroup(name);
      return SUCCESS;
    },
  };
}

interface Service {
  readonly name: string;
  readonly info: Body;
  readonly settings: Body;
}

/** The machine that scans for pending jobs; its fields as a known client reads them. */
function pulseOf({ pulse: { name, startedAt } }: RouteParts): Service {
  return {
    name,
    info: {
      _id: name,
      Name: name,
      Stat: 1,
      StatTime: nowText(),
      UpTime: (Date.now() - startedAt) / 1000,
      Ver: `v${VERSION} Release`,
      Port: 17_063,
      ServerPort: 0,
      Host: name,
      MAC: '',
      IP: '127.0.0.1',
      RAM: 0,
      RAMFree: 0,
      OS: 'Linux',
      Arch: 'x86_64',
      Procs: 1,
      CPU: 0,
      Vid: '',
    },
    settings: {
      _id: name,
      Name: name,
      Primary: true,
      UsePort: false,
      UseListPort: false,
      Port: 0,
      ListPort: 0,
      Host: '',
      Mac: '',
    },
  };
}

/** Asked by `Name` an unknown one is 404; asked by `Names` it is left out (manual). */
function getServices({ query }: Call, service: Service | null): Answer {
  const services = service === null ? [] : [service];
  if (isTrue(query, 'NamesOnly')) return json(services.map(({ name }) => name));
  const one = query.get('Name');
  const names = one !== null ? [one] : query.has('Names') ? listOf(query.get('Names')) : null;
  const chosen = services.filter(({ name }) => names === null || names.includes(name));
  if (one !== null && chosen.length === 0) throw new CallError(`"${one}" does not exist.`, 404);
  const [hasInfo, hasSettings] = [isTrue(query, 'Info'), isTrue(query, 'Settings')];
  const values = chosen.map(({ info, settings }) =>
    hasInfo === hasSettings ? { Info: info, Settings: settings } : hasInfo ? info : settings,
  );
  return json(one === null ? values : values[0]);
}

/** Pulse is part of the farm here and keeps no other settings than its own. */
function putServices({ body }: Call): Answer {
  if (!['saveinfo', 'savesettings'].includes(commandOf(body))) throw unknownCommand(body);
  return SUCCESS;
}
