// Request sequences of public Deadline clients, as each of them puts them on the wire: status, media type and shape of every answer.
// The sequences are our own records of what the clients send (reference/deadline.md §2); none of their code is here.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GROUP, jobOf, openFarm, until, type FarmSubject, type JobAnswer } from './farm-subject.ts';

const UNKNOWN = '0123456789abcdef01234567';

let farm: FarmSubject;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'waybill-clients-'));
  farm = await openFarm();
  // One job that has run, with a log and an error, and one worker that stays.
  const good = await farm.submit(
    { Name: 'good', Frames: '1-2', UserName: 'mika' },
    { Executable: '/bin/echo', Arguments: 'frame <STARTFRAME>' },
  );
  await until(
    () => jobOf(farm, good),
    (job) => job.Stat === 3,
  );
});
afterAll(async () => {
  await farm.stop();
  await rm(dir, { recursive: true, force: true });
});

interface Said {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly value: unknown;
}

async function said(path: string, init: RequestInit = {}): Promise<Said> {
  const answer = await farm.ask(path, init);
  const isJson = answer.type === 'application/json';
  return { ...answer, value: isJson ? (JSON.parse(answer.text) as unknown) : undefined };
}

/** The farm's ids and names are made anew for each run. */
async function heldJob(info: Record<string, unknown> = {}): Promise<string> {
  return farm.submit({ Frames: '1-4', InitialStatus: 'Suspended', UserName: 'mika', ...info });
}

describe('go-deadline-api in its strict mode', () => {
  // Every call says what it accepts, sends that content type even with GET, and a body of `{}` with it.
  const get = (path: string): Promise<Said> =>
    said(path, { headers: { accept: 'application/json', 'content-type': 'application/json' } });
  const send = (method: string, path: string, body: unknown): Promise<Said> =>
    said(path, {
      method,
      headers: { accept: 'text/plain', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  test('ping takes text, lists take JSON', async () => {
    const banner = await said('/', { headers: { accept: 'text/plain' } });
    expect(banner).toMatchObject({ status: 200, type: 'text/plain' });
    for (const path of ['/api/pools', '/api/groups', '/api/users?NamesOnly=true']) {
      const answer = await get(path);
      expect(answer, path).toMatchObject({ status: 200, type: 'application/json' });
      expect((answer.value as unknown[]).every((name) => typeof name === 'string')).toBe(true);
    }
  });

  test('jobs are an array of documents with the fields it decodes, an unknown one an empty array', async () => {
    const id = await heldJob();
    const one = await get(`/api/jobs?JobID=${id}`);
    expect(one).toMatchObject({ status: 200, type: 'application/json' });
    const [job] = one.value as JobAnswer[];
    for (const key of ['Stat', 'Errs', 'QueuedChunks', 'SuspendedChunks', 'PendingChunks'])
      expect(job?.[key], key).toBeTypeOf('number');
    for (const key of ['Pri', 'Schd', 'OnComp', 'Timeout', 'Tasks'])
      expect(job?.Props[key], key).toBeTypeOf('number');
    expect(job?.['Purged']).toBeTypeOf('boolean');
    expect(job?.Props['SchdDate']).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect((await get(`/api/jobs?JobID=${UNKNOWN}`)).value).toEqual([]);
    expect((await get('/api/jobs?IdOnly=true')).value).toContain(id);
    expect((await get('/api/jobs?States=Suspended')).value).toContainEqual(job);
  });

  test('each job command answers the text Success', async () => {
    const id = await heldJob({ Group: 'nobody' });
    const words = 'resume suspend resume suspendnonrendering pend releasepending complete requeue';
    for (const Command of [...words.split(' '), 'fail', 'resumefailed', 'complete', 'archive'])
      expect(await send('PUT', '/api/jobs', { Command, JobID: id }), Command).toMatchObject({
        status: 200,
        type: 'text/plain',
        text: 'Success',
      });
  });

  test('tasks are an object with a list, numbers, or one object', async () => {
    const id = await heldJob({ Group: 'nobody' });
    const all = (await get(`/api/tasks?JobID=${id}`)).value as { Tasks: unknown[] };
    expect(all.Tasks).toHaveLength(4);
    expect((await get(`/api/tasks?IdOnly=true&JobID=${id}`)).value).toEqual([0, 1, 2, 3]);
    expect((await get(`/api/tasks?JobID=${id}&TaskID=3`)).value).toEqual(all.Tasks[3]);
    for (const TaskList of [[1, 2], undefined])
      expect(
        await send('PUT', '/api/tasks', { Command: 'complete', JobID: id, TaskList }),
      ).toMatchObject({ status: 200, type: 'text/plain' });
    expect(await jobOf(farm, id)).toMatchObject({ CompletedChunks: 4 });
  });

  test('reports of a job, a task and a worker carry what it decodes', async () => {
    const [job] = await farm.json<JobAnswer[]>('/api/jobs?States=Completed');
    const reports = (await get(`/api/jobreports?JobID=${job?._id}`)).value as object[];
    expect(reports).toHaveLength(2);
    for (const report of reports)
      expect(report).toMatchObject({
        Type: 0,
        Job: job?._id,
        JobName: 'good',
        JobUser: 'mika',
        Plugin: 'CommandLine',
        PeakRam: 0,
        UsedClock: 0,
      });
    const ofTask = `/api/taskreports?JobID=${job?._id}&TaskID=1&Data=all`;
    expect((await get(ofTask)).value).toEqual([reports[1]]);
    const workers = (await get('/api/slaves?Data=reports')).value as { Reps: object[] }[];
    expect(workers.flatMap(({ Reps }) => Reps)).toEqual(reports);
  });

  test('workers, users, Pulse and directories', async () => {
    const [name] = (await get('/api/slaves?NamesOnly=true')).value as string[];
    expect((await get(`/api/slaves?Data=infosettings&Name=${name}`)).value).toMatchObject([
      { Info: { Name: name, Stat: 2, AWSInfo: { AWSRegion: 'us-west-2' } }, Settings: {} },
    ]);
    expect((await get('/api/users?Name=mika,admin')).value).toMatchObject([
      { Name: 'mika', Email: '' },
      { Name: 'admin', Email: '' },
    ]);
    const [pulse] = (await get('/api/pulse?NamesOnly=true')).value as string[];
    expect((await get(`/api/pulse?Info=true&Names=${pulse}`)).value).toMatchObject([
      { Name: pulse, Stat: 1 },
    ]);
    expect((await get('/api/pulse?Settings=true')).value).toMatchObject([{ Primary: true }]);
    const below = 'root bin settings events customevents plugins customplugins scripts';
    for (const each of [...below.split(' '), 'customscripts']) {
      const answer = await get(`/api/repository?Directory=${each}`);
      expect(answer, each).toMatchObject({ status: 200, type: 'application/json' });
      expect(answer.value).toBeTypeOf('string');
    }
  });

  test('groups are added, given to workers, set as a whole and deleted', async () => {
    const [name] = await farm.json<string[]>('/api/slaves?NamesOnly=true');
    const add = { Group: ['first', 'second'], OverWrite: false };
    expect((await send('POST', '/api/groups?Group=first%2Csecond', add)).text).toBe('Success');
    const put = { Group: ['first'], Slave: [name], OverWrite: false };
    expect((await send('PUT', '/api/groups', put)).text).toBe('Success');
    expect((await get('/api/groups?Group=first')).value).toEqual([name]);
    expect((await get(`/api/groups?Group=${GROUP}`)).value).toEqual([name]);
    const drop = await said(`/api/groups?Group=first&Slaves=${name}`, { method: 'DELETE' });
    expect(drop.text).toBe('Success');
    expect((await get('/api/groups?Group=first')).value).toEqual([]);
    const back = { Group: [GROUP], Slave: [name], OverWrite: true };
    expect((await send('PUT', '/api/groups', back)).text).toBe('Success');
    const all = { Group: [GROUP, 'third'], OverWrite: true };
    expect((await send('POST', '/api/groups', all)).text).toBe('Success');
    expect((await get('/api/groups')).value).toEqual(['none', GROUP, 'third']);
    // It asks for JSON here and its strict mode minds the text; that is the product's answer all the same.
    expect((await said('/api/groups?Group=third', { method: 'DELETE' })).text).toBe('Success');
  });
});

describe('AYON and OpenPype', () => {
  test('the connection check: banner, and 401 where the password is wrong', async () => {
    expect((await said('/')).text).toMatch(/^Deadline Web Service /);
    await using locked = await openFarm({ credentials: { user: 'mika', password: 'secret' } });
    expect((await locked.ask('/')).status).toBe(401);
    const authorization = `Basic ${Buffer.from('mika:secret').toString('base64')}`;
    expect((await locked.ask('/', { headers: { authorization } })).text).toMatch(/^Deadline/);
  });

  test('lists of names for its dialog, where it sorts none first', async () => {
    await farm.put('/api/limitgroups', { Command: 'set', Name: 'nuke', Limit: 2 });
    for (const path of [
      '/api/pools?NamesOnly=true',
      '/api/groups',
      '/api/limitgroups?NamesOnly=true',
      '/api/slaves?NamesOnly=true',
    ]) {
      const names = (await said(path)).value as string[];
      expect(names.length, path).toBeGreaterThan(0);
      expect(names.every((name) => typeof name === 'string')).toBe(true);
    }
  });

  test('a submission with native types answers the document whose _id it reads', async () => {
    const answer = await said('/api/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: '*/*' },
      body: JSON.stringify({
        JobInfo: {
          Plugin: 'Nuke',
          Name: 'comp_v003',
          BatchName: 'comp',
          UserName: 'mika',
          Frames: '1001-1010',
          ChunkSize: 10,
          Priority: 50,
          ConcurrentTasks: 1,
          InitialStatus: 'Suspended',
          IsFrameDependent: false,
          EnvironmentKeyValue0: 'AYON_RENDER_JOB=1',
          JobDependency0: UNKNOWN,
          OutputDirectory0: '/mnt/hs/shots/comp',
          OutputFilename0: 'comp.####.exr',
        },
        PluginInfo: { SceneFile: '/mnt/hs/shots/comp.nk', Version: '15.1', BatchMode: true },
        AuxFiles: [],
      }),
    });
    expect(answer).toMatchObject({ status: 200, type: 'application/json' });
    expect(answer.value).toMatchObject({
      _id: expect.stringMatching(/^[0-9a-f]{24}$/) as string,
      Props: {
        Env: { AYON_RENDER_JOB: '1' },
        PlugInfo: { BatchMode: 'true', Version: '15.1' },
        Tasks: 1,
      },
    });
    const { _id } = answer.value as JobAnswer;
    expect((await said(`/api/jobs?JobID=${_id}`)).value).toMatchObject([{ _id }]);
    expect((await said(`/api/jobs?JobID=${UNKNOWN}`)).value).toEqual([]);
  });
});

describe("Epic's UnrealDeadlineService", () => {
  test('posts IdOnly as a text and still reads _id', async () => {
    const body = {
      JobInfo: {
        Plugin: 'UnrealEngine5',
        Name: 'shot',
        UserName: 'mika',
        InitialStatus: 'Suspended',
      },
      PluginInfo: {},
      AuxFiles: [],
      IdOnly: 'true',
    };
    const { value } = await said('/api/jobs', { method: 'POST', body: JSON.stringify(body) });
    expect(value).toEqual({ _id: expect.stringMatching(/^[0-9a-f]{24}$/) as string });
  });

  test('details of several jobs are one object keyed by id, whose Status and Progress it shows', async () => {
    const ids = [await heldJob(), await heldJob({ Group: 'nobody', InitialStatus: 'Active' })];
    const { value } = await said(`/api/jobs?JobID=${ids.join(',')}&Details=true`);
    const details = value as Record<string, { Job: { Status: string; Progress: string } }>;
    expect(Object.keys(details)).toEqual(ids);
    expect(ids.map((id) => details[id]?.Job.Status)).toEqual(['Suspended', 'Queued']);
    for (const id of ids) expect(details[id]?.Job.Progress).toMatch(/^0 %/);
  });

  test('state commands go through PUT with a JSON body', async () => {
    const id = await heldJob({ Group: 'nobody' });
    for (const Command of ['resume', 'suspend', 'complete', 'requeue', 'fail']) {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const body = JSON.stringify({ Command, JobID: id });
      expect((await said('/api/jobs', { method: 'PUT', headers, body })).text).toBe('Success');
    }
  });
});

describe("the vendor's Python API and shell samples", () => {
  // urllib sends a body as a form, and nothing with GET and DELETE.
  const put = (path: string, body: unknown, method = 'PUT'): Promise<Said> =>
    said(path, {
      method,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: JSON.stringify(body),
    });
  const job = (id: string, Command: string, more: object = {}): Promise<Said> =>
    put('/api/jobs', { Command, JobID: id, ...more });

  test('read, change the priority, save: what it does not know comes back as it was', async () => {
    const id = await heldJob();
    const [before] = (await said(`/api/jobs?JobID=${id}`)).value as JobAnswer[];
    const edited = {
      ...before,
      Props: { ...before?.Props, Pri: 70, FromAPlugin: { kept: true } },
      ConcurrencyToken: 'a1b2',
      ExtraElements: { Studio: 'kept' },
    };
    expect((await put('/api/jobs', { Command: 'save', Job: edited })).text).toBe('Success');
    const [after] = (await said(`/api/jobs?JobID=${id}`)).value as JobAnswer[];
    expect(after).toEqual(edited);
  });

  test('a save whose fields are of another kind is refused and changes nothing', async () => {
    const id = await heldJob();
    const before = await jobOf(farm, id);
    for (const Job of [
      { ...before, OutDir: 'text' },
      { ...before, Props: { ListedSlaves: null } },
      { ...before, Props: { ...before.Props, Limits: 5 } },
      { ...before, Props: 'none' },
      { Props: before.Props },
    ])
      expect((await put('/api/jobs', { Command: 'save', Job })).status).toBe(500);
    expect(await jobOf(farm, id)).toEqual(before);
    const asText = { ...before, Props: { ...before.Props, Pri: '12' } };
    expect((await put('/api/jobs', { Command: 'save', Job: asText })).text).toBe('Success');
    expect((await jobOf(farm, id)).Props['Pri']).toBe(12);
  });

  test('frame ranges', async () => {
    const id = await heldJob();
    const set = await job(id, 'setjobframerange', { FrameList: '1-10x2', ChunkSize: 5 });
    expect(set.text).toBe('Success');
    await job(id, 'appendjobframerange', { FrameList: '20' });
    const { Tasks } = await farm.json<{ Tasks: { Frames: string }[] }>(`/api/tasks?JobID=${id}`);
    expect(Tasks.map((task) => task.Frames)).toEqual(['1-1', '3-3', '5-5', '7-7', '9-9', '20-20']);
    expect((await job(id, 'setjobframerange', { FrameList: 'nonsense' })).status).toBe(500);
    expect((await job(id, 'appendjobframerange')).status).toBe(400);
    for (const Command of ['setjobframerange', 'appendjobframerange'])
      expect((await job(id, Command, { FrameList: '1-90000' })).status, Command).toBe(500);
  });

  test('new frames of a job that waits for another wait with it', async () => {
    const first = await heldJob();
    const id = await heldJob({ InitialStatus: 'Active', JobDependencies: first });
    await job(id, 'appendjobframerange', { FrameList: '9' });
    expect(await jobOf(farm, id)).toMatchObject({ Stat: 6, PendingChunks: 5 });
    await job(id, 'setjobframerange', { FrameList: '1-2' });
    expect(await jobOf(farm, id)).toMatchObject({ Stat: 6, PendingChunks: 2 });
  });

  test('machine limits', async () => {
    const id = await heldJob();
    const props = async (): Promise<unknown> => (await jobOf(farm, id)).Props;
    await job(id, 'setjobmachinelimit', { Limit: 3, SlaveList: ['a'], WhiteListFlag: true });
    expect(await props()).toMatchObject({ MachLmt: 3, ListedSlaves: ['a'], White: true });
    await job(id, 'addslavestojobmachinelimitlist', { SlaveList: ['b', 'a'] });
    expect(await props()).toMatchObject({ ListedSlaves: ['a', 'b'] });
    await job(id, 'removeslavesfromjobmachinelimitlist', { SlaveList: ['a'] });
    await job(id, 'setjobmachinelimitwhitelistflag', { WhiteListFlag: false });
    await job(id, 'setjobmachinelimitmaximum', { Limit: 9 });
    expect(await props()).toMatchObject({ MachLmt: 9, ListedSlaves: ['b'], White: false });
    await job(id, 'setjobmachinelimitlistedslaves', { SlaveList: ['x', 'y'] });
    expect(await props()).toMatchObject({ ListedSlaves: ['x', 'y'] });
  });

  test('limits: set in parts, read by name, saved as a whole, reset, deleted', async () => {
    const path = '/api/limitgroups';
    const set = { Command: 'set', Name: 'arnold core', Limit: 4, White: false, RelPer: -1.0 };
    expect((await put(path, { ...set, Slaves: [], SlavesEx: ['old'] })).text).toBe('Success');
    expect((await said(`${path}?Name=arnold+core`)).value).toMatchObject({ Limit: 4, InUse: 0 });
    const LimitGroup = { Name: 'arnold core', Limit: 6, Own: 1 };
    expect((await put(path, { Command: 'save', LimitGroup })).text).toBe('Success');
    expect((await said(`${path}?Names=arnold+core,none`)).value).toMatchObject([
      { Limit: 6, Own: 1, SlavesEx: ['old'] },
    ]);
    expect((await put(path, { Command: 'reset', Name: 'arnold core' })).text).toBe('Success');
    await said(`${path}?Names=arnold+core`, { method: 'DELETE' });
    expect((await said(`${path}?Name=arnold+core`)).status).toBe(500);
  });

  test('reports with their contents, by kind and by id', async () => {
    const [done] = await farm.json<JobAnswer[]>('/api/jobs?States=Completed');
    const ask = (query: string): Promise<Said> =>
      said(`/api/jobreports?JobID=${done?._id}${query}`);
    const [first] = (await ask('&Data=log')).value as { _id: string }[];
    expect((await ask('&Data=alllogcontents')).value).toEqual([
      expect.stringMatching(/STDOUT: frame 1$/m),
      expect.stringMatching(/STDOUT: frame 2$/m),
    ]);
    const one = await ask(`&ReportID=${first?._id}&Data=logcontents`);
    expect(one.value).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:  0: STDOUT: frame 1$/m);
    expect(one.value).toMatch(/INFO: Process exit code: 0$/m);
    for (const data of ['error', 'requeue', 'allerrorcontents', 'allrequeuecontents'])
      expect(await ask(`&Data=${data}`), data).toMatchObject({ status: 200, type: 'text/plain' });
    expect((await ask('&Data=shoes')).status).toBe(400);
    const history = (await ask('&Data=history')).value as { Entry: string }[];
    expect(history[0]?.Entry).toMatch(/submitted by mika/);
  });

  test('pools: a new one, its jobs moved to another when it is purged', async () => {
    expect((await put('/api/pools', { Pool: 'old show' }, 'POST')).text).toBe('Success');
    expect((await put('/api/pools', { Pool: ['new show'] }, 'POST')).text).toBe('Success');
    const id = await heldJob({ Pool: 'old show' });
    const purge = { ReplacementPool: 'new show', Pool: ['old show'], OverWrite: false };
    expect((await put('/api/pools', purge)).text).toBe('Success');
    expect((await jobOf(farm, id)).Props['Pool']).toBe('new show');
    expect((await said('/api/pools?Pool=new+show', { method: 'DELETE' })).text).toBe('Success');
    expect((await said('/api/pools')).value).not.toContain('old show');
  });

  test('workers: settings are saved, information is its own, a running one is not deleted', async () => {
    const [name] = await farm.json<string[]>('/api/slaves?NamesOnly=true');
    const read = async (): Promise<Record<string, unknown> | undefined> =>
      (
        (await said(`/api/slaves?Name=${name}&Data=settings`)).value as Record<string, unknown>[]
      )[0];
    const SlaveSettings = { ...(await read()), Cmmt: 'noisy', Ex0: 'rack 4' };
    const saved = await put('/api/slaves', { Command: 'savesettings', SlaveSettings });
    expect(saved.text).toBe('Success');
    expect(await read()).toMatchObject({ Name: name, Cmmt: 'noisy', Ex0: 'rack 4', Enable: true });
    const info = { Command: 'saveinfo', SlaveInfo: { Name: name } };
    expect((await put('/api/slaves', info)).text).toBe('Success');
    expect((await put('/api/slaves', { Command: 'dance' })).status).toBe(500);
    expect((await said(`/api/slaves?Name=${name}`, { method: 'DELETE' })).status).toBe(500);
    expect((await said('/api/slaves?Name=gone', { method: 'DELETE' })).text).toBe('Success');
    const [done] = await farm.json<JobAnswer[]>('/api/jobs?States=Completed');
    const rendering = `/api/slavesrenderingjob?JobID=${done?._id}&GetIpAddress=False`;
    expect((await said(rendering)).value).toEqual([]);
  });

  test('users and their groups: saved, listed, set, removed', async () => {
    const first = await put('/api/users', { Name: 'ana lee', Email: 'ana@studio.invalid' });
    expect(first).toMatchObject({ status: 200, type: 'text/plain' });
    expect(first.text).toContain('ana lee');
    expect((await put('/api/users', { Name: 'ana lee', Notes: 'x' })).text).toBe('Success');
    expect((await said('/api/users?Name=ana+lee')).value).toMatchObject([
      { Name: 'ana lee', Email: 'ana@studio.invalid', Notes: 'x' },
    ]);
    expect((await put('/api/usergroups', { Group: ['leads'] }, 'POST')).text).toBe('Success');
    const change = (Command: string, User: unknown): Promise<Said> =>
      put('/api/usergroups', { Command, User, Group: 'leads' });
    await change('set', ['ana lee', 'mika']);
    await change('remove', 'mika');
    await change('add', ['mika']);
    expect((await said('/api/usergroups?Name=leads')).value).toEqual(['ana lee', 'mika']);
    expect((await said('/api/usergroups?User=mika')).value).toEqual(['leads']);
    expect((await change('paint', 'mika')).status).toBe(500);
    expect((await said('/api/users?Name=ana+lee', { method: 'DELETE' })).text).toBe('Success');
    expect((await said('/api/usergroups?Name=leads')).value).toEqual(['mika']);
    await said('/api/usergroups?Name=leads', { method: 'DELETE' });
    expect((await said('/api/usergroups')).value).toEqual(['Everyone']);
  });

  test('paths, history, versions and numbers', async () => {
    const body = { OS: 'Linux', Region: 'us-west-2', Paths: ['/mnt/hs/shots/a'] };
    expect((await put('/api/mappedpaths', body, 'POST')).value).toEqual([
      join(farm.root, 'shots/a'),
    ]);
    const plain = { OS: 'Windows', Paths: ['/mnt/hs/shots/a'] };
    expect((await put('/api/mappedpaths', plain, 'POST')).value).toEqual(['/mnt/hs/shots/a']);
    const id = await heldJob();
    for (const entry of [
      { Command: 'jobhistoryentry', JobID: id, Entry: 'it arrived' },
      { Command: 'slavehistoryentry', SlaveName: 'x', Entry: 'cleaned' },
      { Command: 'repositoryhistoryentry', Entry: 'moved' },
    ])
      expect((await put('/api/repository', entry, 'POST')).text).toBe('Success');
    for (const query of [
      `AuxiliaryPath=job&JobID=${id}`,
      'AuxiliaryPath=alternate',
      'AuxiliaryPath=linuxalternate',
      'Version=',
      'MajorVersion=',
      'DatabaseConnection=',
    ])
      expect((await said(`/api/repository?${query}`)).value, query).toBeTypeOf('string');
    expect((await said('/api/maximumpriority')).value).toBe(100);
    expect((await said('/api/jobtasklimit')).value).toBeTypeOf('number');
    expect((await said('/api/plugins?EventNames=true')).value).toContain('Spot');
    expect((await said('/api/pulse?Name=nobody&Info=true')).status).toBe(404);
    expect((await said('/api/balancer?Info=true')).value).toEqual([]);
    expect((await put('/api/balancer', { Command: 'saveinfo', BalancerInfo: {} })).text).toBe(
      'Success',
    );
  });

  test('a CommandScript job is posted with the path of its commands on the host of the service', async () => {
    const script = join(dir, 'command.txt');
    await writeFile(script, '/bin/echo one <STARTFRAME>\n/bin/echo two\n');
    const submission = {
      JobInfo: { Plugin: 'CommandScript', Frames: '0', Name: 'Test REST Job', Group: GROUP },
      PluginInfo: { StartupDirectory: '/' },
      AuxFiles: [script],
      IdOnly: true,
    };
    const { value } = await put('/api/jobs', submission, 'POST');
    const { _id } = value as { _id: string };
    await until(
      () => jobOf(farm, _id),
      (each) => each.Stat === 3,
    );
    const [log] = await farm.json<string[]>(`/api/jobreports?JobID=${_id}&Data=allcontents`);
    expect(log).toMatch(/STDOUT: one 0\n[\s\S]*STDOUT: two\n/);
  });
});

describe('the Java client', () => {
  test('deletes, brings back, and reads statistics and deleted jobs', async () => {
    const id = await heldJob();
    expect(await said(`/api/jobs?JobID=${id}`, { method: 'DELETE' })).toMatchObject({
      status: 200,
      type: 'text/plain',
      text: 'Success',
    });
    expect((await said(`/api/jobs?Deleted=true&JobID=${id}`)).value).toMatchObject([{ _id: id }]);
    await farm.put('/api/jobs', { Command: 'undelete', JobID: id });
    expect((await said(`/api/jobs?JobID=${id}&Statistics=true`)).value).toHaveLength(1);
    expect((await said(`/api/jobs?JobID=${id}`, { method: 'POST' })).status).toBe(400);
    expect((await said(`/api/tasks?JobID=${id}`, { method: 'DELETE' })).status).toBe(501);
  });
});
