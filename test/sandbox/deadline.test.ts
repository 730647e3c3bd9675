// The Deadline Web Service of the sandbox over raw HTTP: the error table and the shapes of reference/deadline.md §2.

import { connect } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GROUP, jobOf, openFarm, until, type FarmSubject, type JobAnswer } from './farm-subject.ts';

let farm: FarmSubject;
beforeAll(async () => {
  farm = await openFarm();
});
afterAll(() => farm.stop());

const HELD = { Name: 'held', Frames: '1-10', ChunkSize: 4, InitialStatus: 'Suspended' };
const UNKNOWN = '0123456789abcdef01234567';

describe('the error table', () => {
  const body = (value: unknown): string => JSON.stringify(value);
  const table: readonly (readonly [string, string, string, string | undefined, number])[] = [
    ['a PUT without a body', 'PUT', '/api/jobs', undefined, 400],
    ['a PUT with an empty body', 'PUT', '/api/jobs', '', 400],
    ['a POST without a body', 'POST', '/api/jobs', undefined, 400],
    ['a body that is no JSON', 'PUT', '/api/jobs', '{', 400],
    ['a body that is no object', 'PUT', '/api/jobs', '[]', 400],
    ['a PUT without a command', 'PUT', '/api/jobs', body({ JobID: UNKNOWN }), 400],
    ['an unknown command', 'PUT', '/api/jobs', body({ Command: 'x', JobID: UNKNOWN }), 500],
    ['__proto__ as a command', 'PUT', '/api/jobs', '{"Command":"__proto__","JobID":"a"}', 500],
    ['a command for no job', 'PUT', '/api/jobs', body({ Command: 'resume' }), 400],
    ['an unknown job', 'PUT', '/api/jobs', body({ Command: 'resume', JobID: UNKNOWN }), 500],
    ['a submission without a plugin', 'POST', '/api/jobs', body(submission({ Name: 'x' })), 500],
    ['a bad frame list', 'POST', '/api/jobs', body(submission({ Plugin: 'x', Frames: 'y' })), 500],
    ['no AuxFiles', 'POST', '/api/jobs', body({ JobInfo: { Plugin: 'x' }, PluginInfo: {} }), 500],
    ['an aux file that is not there', 'POST', '/api/jobs', body(submission(PLUGIN, ['/no'])), 500],
    ['an unknown state', 'GET', '/api/jobs?States=Sleeping', undefined, 500],
    ['a DELETE without a job', 'DELETE', '/api/jobs', undefined, 400],
    ['a DELETE of an unknown job', 'DELETE', `/api/jobs?JobID=${UNKNOWN}`, undefined, 500],
    ['tasks of no job', 'GET', '/api/tasks', undefined, 400],
    ['tasks of an unknown job', 'GET', `/api/tasks?JobID=${UNKNOWN}`, undefined, 500],
    ['tasks by PUT without a body', 'PUT', '/api/tasks', undefined, 400],
    ['tasks by PUT without a command', 'PUT', '/api/tasks', body({ JobID: UNKNOWN }), 400],
    ['tasks by PUT of no job', 'PUT', '/api/tasks', body({ Command: 'requeue' }), 400],
    ['tasks by POST', 'POST', '/api/tasks', body({}), 501],
    ['tasks by DELETE', 'DELETE', `/api/tasks?JobID=${UNKNOWN}`, undefined, 501],
    ['reports of no job', 'GET', '/api/jobreports', undefined, 400],
    ['reports of an unknown job', 'GET', `/api/jobreports?JobID=${UNKNOWN}`, undefined, 500],
    ['reports by PUT', 'PUT', '/api/jobreports', body({}), 501],
    ['workers by POST', 'POST', '/api/slaves', body({}), 501],
    ['workers with other Data', 'GET', '/api/slaves?Data=shoes', undefined, 400],
    ['the repository without a question', 'GET', '/api/repository', undefined, 400],
    ['an unknown directory', 'GET', '/api/repository?Directory=cellar', undefined, 404],
    ['the repository by DELETE', 'DELETE', '/api/repository', undefined, 501],
    ['an unknown Pulse', 'GET', '/api/pulse?Info=true&Name=x', undefined, 404],
    ['a verb nobody has', 'PATCH', '/api/jobs', '{}', 501],
    ['an endpoint nobody has', 'GET', '/api/shoes', undefined, 404],
    ['__proto__ as an endpoint', 'GET', '/__proto__', undefined, 404],
  ];

  test.each(table)('%s', async (...row) => {
    const [, method, path, text, status] = row;
    const answer = await farm.ask(path, { method, ...(text === undefined ? {} : { body: text }) });
    expect(answer.status).toBe(status);
    expect(answer.type).toBe('text/plain');
    expect(answer.text).not.toBe('');
    expect(answer.text).not.toMatch(/\n\s+at /);
  });

  test('a TaskID that is no integer is 400, one that is not there 500', async () => {
    const id = await farm.submit(HELD);
    expect((await farm.ask(`/api/tasks?JobID=${id}&TaskID=x`)).status).toBe(400);
    expect((await farm.ask(`/api/tasks?JobID=${id}&TaskID=`)).status).toBe(400);
    expect((await farm.ask(`/api/tasks?JobID=${id}&TaskID=99`)).status).toBe(500);
    const put = { Command: 'suspend', JobID: id, TaskList: ['x'] };
    expect((await farm.put('/api/tasks', put)).status).toBe(400);
    expect((await farm.put('/api/tasks', { ...put, Command: 'x', TaskList: 0 })).status).toBe(500);
  });

  test('a job nobody knows is an empty array', async () => {
    expect(await farm.json(`/api/jobs?JobID=${UNKNOWN}`)).toEqual([]);
    expect(await farm.json(`/api/jobs?JobID=${UNKNOWN}&Details=true`)).toEqual({});
  });

  test('a job without reports is told in words', async () => {
    const answer = await farm.ask(`/api/jobreports?JobID=${await farm.submit(HELD)}&Data=error`);
    expect(answer).toMatchObject({ status: 200, type: 'text/plain' });
    expect(answer.text).toMatch(/no reports/);
  });
});

const PLUGIN = { Plugin: 'CommandLine', Frames: '1' };

function submission(info: Record<string, unknown>, aux: readonly string[] = []): unknown {
  return { JobInfo: info, PluginInfo: {}, AuxFiles: aux };
}

describe('transport', () => {
  test('the banner names the service and its version', async () => {
    const answer = await farm.ask('/');
    expect(answer).toMatchObject({ status: 200, type: 'text/plain' });
    expect(answer.text).toMatch(/^Deadline Web Service \d+\.\d+/);
  });

  test('a body counts whatever its content type says, with or without a byte order mark', async () => {
    const text = `\uFEFF${JSON.stringify(submission(PLUGIN))}`;
    for (const type of ['application/x-www-form-urlencoded', 'text/plain; charset=utf-8']) {
      const headers = { 'content-type': type };
      const answer = await farm.ask('/api/jobs', { method: 'POST', headers, body: text });
      expect(answer.status).toBe(200);
    }
    const { port, hostname } = new URL(farm.url);
    const bare = JSON.stringify({ Command: 'requeue', JobID: await farm.submit(HELD) });
    const said = await raw(
      { port: Number(port), hostname },
      `PUT /api/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${bare.length}\r\n\r\n${bare}`,
    );
    expect(said).toMatch(/200 OK[\s\S]*Success$/);
  });

  test('bad requests of every kind are answered or dropped, and the next one is served', async () => {
    const { port, hostname } = new URL(farm.url);
    const to = { port: Number(port), hostname };
    await raw(to, 'NONSENSE\r\n\r\n');
    await raw(to, 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await raw(to, 'GET //%ff%00/..%2f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await raw(to, 'PUT /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"Comm');
    const deep = `{"Command":"save","Job":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    expect((await farm.ask('/api/jobs', { method: 'PUT', body: deep })).status).toBe(500);
    const wide = '{"a":"'.padEnd(33 * 1024 * 1024, 'x');
    expect((await farm.ask('/api/jobs', { method: 'PUT', body: wide })).status).toBe(413);
    expect((await farm.ask('/')).status).toBe(200);
  });

  test('with credentials a call without them is challenged', async () => {
    await using locked = await openFarm({ credentials: { user: 'mika', password: 'é:x' } });
    const refused = await locked.ask('/api/jobs');
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
    const basic = (text: string): RequestInit => ({
      headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` },
    });
    expect((await locked.ask('/', basic('mika:wrong'))).status).toBe(401);
    expect((await locked.ask('/', basic('mika:é:x'))).status).toBe(200);
  });
});

describe('jobs', () => {
  test('the document carries what was submitted, in the shapes of captured ones', async () => {
    const id = await farm.submit(
      {
        Name: 'sh010_lgt',
        BatchName: 'sh010',
        Frames: '1001-1040',
        ChunkSize: '5',
        UserName: 'mika',
        MachineName: 'ws-17',
        Priority: 70,
        Pool: 'show',
        InitialStatus: 'Suspended',
        OutputDirectory0: '/mnt/hs/show/out',
        OutputFilename0: 'lgt.####.exr',
        ExtraInfo3: 'seen',
        ExtraInfoKeyValue0: 'KEY=a=b',
        LimitGroups: 'nuke,arnold',
        TaskTimeoutMinutes: 5,
      },
      { SceneFile: '/mnt/hs/show/a.blend', Threads: 0 },
    );
    expect(id).toMatch(/^[0-9a-f]{24}$/);
    const job = await jobOf(farm, id);
    expect(job).toMatchObject({
      _id: id,
      Plug: 'CommandLine',
      Stat: 2,
      Mach: 'ws-17',
      DateStart: '0001-01-01T00:00:00Z',
      DateComp: '0001-01-01T00:00:00Z',
      OutDir: ['/mnt/hs/show/out'],
      OutFile: ['lgt.####.exr'],
      SuspendedChunks: 8,
      QueuedChunks: 0,
      SnglTskPrg: '0 %',
      DataSize: -1,
      Props: {
        Name: 'sh010_lgt',
        Batch: 'sh010',
        User: 'mika',
        Frames: '1001-1040',
        Chunk: 5,
        Tasks: 8,
        Pri: 70,
        Pool: 'show',
        Grp: GROUP,
        Ex3: 'seen',
        ExDic: { KEY: 'a=b' },
        Limits: ['nuke', 'arnold'],
        MaxTime: 300,
        MachLmtProg: -1,
        OnComp: 2,
        MonStart: '-10675199.02:48:05.4775808',
        PlugInfo: { SceneFile: '/mnt/hs/show/a.blend', Threads: '0' },
      },
    });
    expect(job['Date']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,7}[+-]\d\d:\d\d$/);
  });

  test('a job that names no owner belongs to the account of the service', async () => {
    const job = await jobOf(farm, await farm.submit(HELD));
    expect(job.Props['User']).toBe('deadline');
    expect(job['Mach']).not.toBe('');
  });

  test('a submission answers the document, or its id alone when that is asked for', async () => {
    const body = JSON.stringify(submission({ ...PLUGIN, InitialStatus: 'Suspended' }));
    const whole = await farm.json<JobAnswer>('/api/jobs', { method: 'POST', body });
    expect(whole.Props['Name']).toBe('Untitled');
    const reduced = body.replace(/}$/, ',"IdOnly":"true"}');
    const answer = await farm.json<object>('/api/jobs', { method: 'POST', body: reduced });
    expect(Object.keys(answer)).toEqual(['_id']);
  });

  test('many jobs at once answer in words, each waiting for the one before', async () => {
    const one = (name: string): unknown =>
      submission({
        ...PLUGIN,
        Name: name,
        BatchName: 'chain',
        InitialStatus: 'Active',
        Group: 'x',
      });
    const body = JSON.stringify({ Jobs: [one('a'), one('b')], Dependent: 'true' });
    expect(await farm.ask('/api/jobs', { method: 'POST', body })).toMatchObject({
      status: 200,
      type: 'text/plain',
      text: 'Success',
    });
    const jobs = await farm.json<JobAnswer[]>('/api/jobs?States=Active,Pending');
    const chain = jobs.filter((job) => job.Props['Batch'] === 'chain');
    expect(chain.map((job) => [job.Props['Name'], job.Stat])).toEqual([
      ['a', 1],
      ['b', 6],
    ]);
    expect(chain[1]?.Props['Dep']).toMatchObject([{ JobID: chain[0]?._id }]);
  });

  test('ids, states and details are answered as asked', async () => {
    const id = await farm.submit(HELD);
    expect(await farm.json<string[]>('/api/jobs?IdOnly=true')).toContain(id);
    const held = await farm.json<JobAnswer[]>('/api/jobs?States=Suspended');
    expect(held.map((job) => job._id)).toContain(id);
    expect(held.every((job) => job.Stat === 2)).toBe(true);
    const details = await farm.json<Record<string, { Job: { Status: string; Progress: string } }>>(
      `/api/jobs?JobID=${id},${UNKNOWN}&Details=true`,
    );
    expect(Object.keys(details)).toEqual([id]);
    expect(details[id]?.Job.Status).toBe('Suspended');
    expect(details[id]?.Job.Progress).toMatch(/^0 %/);
    expect(await farm.json<unknown[]>(`/api/jobs?JobID=${id}&Statistics=true`)).toHaveLength(1);
  });

  test('each command moves tasks as its word says, and answers Success', async () => {
    // Without a scan, which would release a pended job that waits for nothing.
    await using still = await openFarm({ timing: { pendingScanMs: 600_000 } });
    const id = await still.submit({ ...HELD, Group: 'nobody' });
    const moves: readonly (readonly [string, number, Record<string, number>])[] = [
      ['resume', 1, { QueuedChunks: 3 }],
      ['suspend', 2, { SuspendedChunks: 3 }],
      ['resume', 1, { QueuedChunks: 3 }],
      ['pend', 6, { PendingChunks: 3 }],
      ['releasepending', 1, { QueuedChunks: 3 }],
      ['fail', 4, { FailedChunks: 3 }],
      ['resumefailed', 1, { QueuedChunks: 3 }],
      ['suspendnonrendering', 2, { SuspendedChunks: 3 }],
      ['complete', 3, { CompletedChunks: 3 }],
      ['requeue', 1, { QueuedChunks: 3, CompletedChunks: 0 }],
    ];
    for (const [Command, Stat, counts] of moves) {
      const answer = await still.put('/api/jobs', { Command, JobID: id });
      expect(answer).toMatchObject({ status: 200, type: 'text/plain', text: 'Success' });
      expect(await jobOf(still, id), Command).toMatchObject({ Stat, ...counts });
    }
  });

  test('save keeps an edited document and never its counters, its state or its id', async () => {
    const id = await farm.submit(HELD);
    const job = await jobOf(farm, id);
    const edited = {
      ...job,
      Stat: 3,
      Props: { ...job.Props, Pri: 11, Cmmt: 'edited', Unknown: { kept: [1] }, Tasks: 99 },
      ExtraElements: { also: 'kept' },
    };
    expect((await farm.put('/api/jobs', { Command: 'save', Job: edited })).text).toBe('Success');
    expect(await jobOf(farm, id)).toMatchObject({
      _id: id,
      Stat: 2,
      ExtraElements: { also: 'kept' },
      Props: { Pri: 11, Cmmt: 'edited', Unknown: { kept: [1] }, Tasks: 3 },
    });
  });

  test('a deleted job is among the deleted, comes back by undelete, and is gone when purged', async () => {
    const id = await farm.submit(HELD);
    const remove = (query: string): Promise<unknown> =>
      farm.ask(`/api/jobs?${query}`, { method: 'DELETE' });
    expect(await remove(`JobID=${id}`)).toMatchObject({ status: 200, text: 'Success' });
    expect(await farm.json(`/api/jobs?JobID=${id}`)).toEqual([]);
    expect(await farm.json<string[]>('/api/jobs?IdOnly=true&Deleted=true')).toContain(id);
    expect((await farm.put('/api/jobs', { Command: 'undelete', JobIDs: [id] })).status).toBe(200);
    expect(await jobOf(farm, id)).toMatchObject({ _id: id });
    await remove(`JobID=${id}`);
    await remove(`Purge=true&JobID=${id}`);
    expect(await farm.json(`/api/jobs?Deleted=true&JobID=${id}`)).toEqual([]);
  });

  test('an archived job is gone until it is imported; a queued one cannot be archived', async () => {
    const id = await farm.submit(HELD);
    const archive = { Command: 'archive', JobID: id };
    expect((await farm.put('/api/jobs', archive)).text).toBe('Success');
    expect(await farm.json(`/api/jobs?JobID=${id}`)).toEqual([]);
    const imported = { Command: 'import', File: `/archive/${id}.zip` };
    expect((await farm.put('/api/jobs', imported)).text).toBe('Success');
    expect(await jobOf(farm, id)).toMatchObject({ _id: id });
    const queued = await farm.submit({ ...HELD, InitialStatus: 'Active', Group: 'nobody' });
    const refused = await farm.put('/api/jobs', { Command: 'archive', JobID: queued });
    expect(refused.status).toBe(500);
  });

  test('frames are set and appended, and machine limits kept', async () => {
    const id = await farm.submit(HELD);
    const put = (body: object): Promise<unknown> => farm.put('/api/jobs', { JobID: id, ...body });
    await put({ Command: 'setjobframerange', FrameList: '1-6', ChunkSize: 2 });
    expect(await jobOf(farm, id)).toMatchObject({ Props: { Tasks: 3, Frames: '1-6' } });
    await put({ Command: 'appendjobframerange', FrameList: '5-9' });
    const tasks = await farm.json<{ Tasks: { Frames: string; TaskID: number }[] }>(
      `/api/tasks?JobID=${id}`,
    );
    expect(tasks.Tasks.map((task) => task.Frames)).toEqual(['1-2', '3-4', '5-6', '7-8', '9-9']);
    expect(tasks.Tasks.map((task) => task.TaskID)).toEqual([0, 1, 2, 3, 4]);
    const limit = { Limit: 2, SlaveList: ['a', 'b'], WhiteListFlag: true };
    await put({ Command: 'setjobmachinelimit', ...limit });
    await put({ Command: 'addslavestojobmachinelimitlist', SlaveList: ['c'] });
    await put({ Command: 'removeslavesfromjobmachinelimitlist', SlaveList: ['a'] });
    await put({ Command: 'setjobmachinelimitmaximum', Limit: 5 });
    expect((await jobOf(farm, id)).Props).toMatchObject({
      MachLmt: 5,
      ListedSlaves: ['b', 'c'],
      White: true,
    });
  });
});

describe('dependencies', () => {
  test('a job waits for another and is released by the scan when that one is complete', async () => {
    const first = await farm.submit({ ...HELD, Group: 'nobody' });
    const second = await farm.submit({ Frames: '1', Group: 'nobody', JobDependency0: first });
    expect(await jobOf(farm, second)).toMatchObject({ Stat: 6, PendingChunks: 1 });
    await farm.put('/api/jobs', { Command: 'complete', JobID: first });
    await until(
      () => jobOf(farm, second),
      (job) => job.Stat === 1,
    );
  });

  test('a resume with unmet dependencies leaves the job pending', async () => {
    const first = await farm.submit({ ...HELD, Group: 'nobody' });
    const second = await farm.submit({ ...HELD, Group: 'nobody', JobDependencies: first });
    await farm.put('/api/jobs', { Command: 'resume', JobID: second });
    expect(await jobOf(farm, second)).toMatchObject({ Stat: 6 });
  });

  test('an asset dependency asks whether the file exists, and nothing about its payload', async () => {
    const there = new Set<string>();
    await using other = await openFarm({ exists: (path) => there.has(path) });
    const id = await other.submit({ Frames: '1', Group: 'x', RequiredAssets: '/mnt/hs/shots/a' });
    expect(await jobOf(other, id)).toMatchObject({ Stat: 6 });
    there.add('/mnt/hs/shots/a');
    await until(
      () => jobOf(other, id),
      (job) => job.Stat === 1,
    );
  });
});

describe('tasks and look-ups', () => {
  test('tasks come as an object with a list, alone, and as numbers', async () => {
    const id = await farm.submit(HELD);
    const all = await farm.json<{ Tasks: object[] }>(`/api/tasks?JobID=${id}`);
    expect(all.Tasks).toHaveLength(3);
    expect(all.Tasks[2]).toMatchObject({
      JobID: id,
      TaskID: 2,
      Frames: '9-10',
      Stat: 3,
      Prog: '0 %',
      Slave: '',
      _id: `${id}_2`,
      Start: '0001-01-01T00:00:00Z',
    });
    expect(await farm.json(`/api/tasks?JobID=${id}&TaskID=2`)).toEqual(all.Tasks[2]);
    expect(await farm.json(`/api/tasks?JobID=${id}&IdOnly=true`)).toEqual([0, 1, 2]);
    const put = { Command: 'complete', JobID: id, TaskList: [0, 2] };
    expect((await farm.put('/api/tasks', put)).text).toBe('Success');
    expect(await jobOf(farm, id)).toMatchObject({ CompletedChunks: 2, SuspendedChunks: 1 });
  });

  test('pools and groups are listed with none, added, assigned and removed', async () => {
    for (const [path, key] of [
      ['/api/pools', 'Pool'],
      ['/api/groups', 'Group'],
    ] as const) {
      const post = { method: 'POST', body: JSON.stringify({ [key]: ['extra', 'more'] }) };
      expect((await farm.ask(path, post)).text).toBe('Success');
      const names = await farm.json<string[]>(`${path}?NamesOnly=true`);
      expect(names[0]).toBe('none');
      expect(names).toEqual(expect.arrayContaining(['extra', 'more']));
      expect(await farm.json(`${path}?${key}=extra`)).toEqual([]);
      expect((await farm.ask(`${path}?${key}=more`, { method: 'DELETE' })).text).toBe('Success');
      expect(await farm.json<string[]>(path)).not.toContain('more');
    }
    expect(await farm.json<string[]>('/api/groups')).toContain(GROUP);
  });

  test('limits are set, read and removed', async () => {
    const set = { Command: 'set', Name: 'nuke', Limit: 4, Slaves: [] };
    expect((await farm.put('/api/limitgroups', set)).text).toBe('Success');
    expect(await farm.json('/api/limitgroups?NamesOnly=true')).toEqual(['nuke']);
    expect(await farm.json('/api/limitgroups?Name=nuke')).toMatchObject({ Name: 'nuke', Limit: 4 });
    await farm.ask('/api/limitgroups?Names=nuke', { method: 'DELETE' });
    expect(await farm.json('/api/limitgroups')).toEqual([]);
  });

  test('numbers, plug-ins, directories and users are answered', async () => {
    expect(await farm.json('/api/maximumpriority')).toBe(100);
    expect(await farm.json('/api/jobtasklimit')).toBeGreaterThan(100);
    expect(await farm.json('/api/plugins')).toEqual(
      expect.arrayContaining(['CommandLine', 'CommandScript']),
    );
    expect(await farm.json('/api/plugins?EventNames=true')).toEqual(['Spot']);
    expect(await farm.json('/api/repository?Directory=customevents')).toMatch(/custom\/events$/);
    expect(await farm.json('/api/repository?Version=true')).toMatch(/^10\./);
    expect(await farm.json('/api/users?NamesOnly=true')).toContain('admin');
    expect(await farm.json('/api/balancer?NamesOnly=true')).toEqual([]);
  });

  test('a history entry is kept on the job', async () => {
    const id = await farm.submit(HELD);
    const body = JSON.stringify({ Command: 'jobhistoryentry', JobID: id, Entry: 'it arrived' });
    const answer = await farm.ask('/api/repository', { method: 'POST', body });
    expect(answer).toMatchObject({ status: 200, text: 'Success' });
    const history = await farm.json<{ Entry: string }[]>(
      `/api/jobreports?JobID=${id}&Data=history`,
    );
    expect(history.map((entry) => entry.Entry)).toContain('it arrived');
  });

  test('paths are mapped for the region and system that are asked about', async () => {
    const map = (OS: string, Region: string, Paths: string[]): Promise<unknown> =>
      farm.json('/api/mappedpaths', {
        method: 'POST',
        body: JSON.stringify({ OS, Region, Paths }),
      });
    const paths = ['/mnt/hs/shots/a b.blend', '/mnt/hsx/c', '/mnt/hs/../../etc/passwd'];
    expect(await map('Linux', 'us-west-2', paths)).toEqual([
      join(farm.root, 'shots/a b.blend'),
      '/mnt/hsx/c',
      '/mnt/hs/../../etc/passwd',
    ]);
    expect(await map('Windows', 'us-west-2', paths)).toEqual(paths);
    expect(await map('Linux', 'nowhere', paths)).toEqual(paths);
  });
});

test('a farm that is stopped goes on with its jobs, groups and notes', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-farm-'));
  try {
    const before = await openFarm({}, dir);
    const aux = join(dir, 'script.txt');
    await writeFile(aux, 'x');
    const body = JSON.stringify(submission({ ...HELD, Plugin: 'CommandLine' }, [aux]));
    const held = await before.json<JobAnswer>('/api/jobs', { method: 'POST', body });
    const removed = await before.submit(HELD);
    await before.ask(`/api/jobs?JobID=${removed}`, { method: 'DELETE' });
    await before.ask('/api/pools', { method: 'POST', body: '{"Pool":"feature"}' });
    await before.stop();
    await using after = await openFarm({}, dir);
    expect(await after.json('/api/jobs')).toEqual([{ ...held, Aux: ['script.txt'] }]);
    expect(await after.json('/api/jobs?Deleted=true&IdOnly=true')).toEqual([removed]);
    expect(await after.json<string[]>('/api/pools')).toContain('feature');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

/** Sends bytes as they are and gives what came back before the connection ended. */
function raw(to: { port: number; hostname: string }, text: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(to.port, to.hostname, () => socket.end(text));
    socket.on('data', (part) => (said += part.toString()));
    socket.once('error', () => resolve(said));
    socket.once('close', () => resolve(said));
  });
}
