// The fleet: a worker appears for queued tasks of its group, renders them, reports, and leaves when it is idle.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { GROUP, jobOf, openFarm, until, type FarmSubject } from './farm-subject.ts';

const touch = (path: string): Record<string, string> => ({
  Executable: '/usr/bin/touch',
  Arguments: path,
});
const names = (farm: FarmSubject): Promise<string[]> => farm.json('/api/slaves?NamesOnly=true');

interface ReportAnswer {
  readonly _id: string;
  readonly Type: number;
  readonly Title: string;
  readonly Task: number;
  readonly Slave: string;
}

describe('a fleet that scales from nothing', () => {
  test('has no worker until a task of its group is queued, then one, then none again', async () => {
    await using farm = await openFarm({ timing: { bootMs: 200, idleMs: 300 } });
    await farm.submit({ InitialStatus: 'Suspended', Frames: '1' }, touch('/mnt/hs/shots/x'));
    await sleep(400);
    expect(await names(farm)).toEqual([]);
    const id = await farm.submit({ Frames: '1' }, touch('/mnt/hs/shots/<STARTFRAME>'));
    expect(await names(farm)).toEqual([]);
    const [name] = await until(
      () => names(farm),
      (found) => found.length > 0,
    );
    const [info] = await farm.json<Record<string, unknown>[]>('/api/slaves?Data=info');
    expect(info).toMatchObject({
      Name: name,
      Grps: GROUP,
      Reg: 'us-west-2',
      AWSInfo: {
        AWSRegion: 'us-west-2',
        AWSAvailabilityZone: 'us-west-2a',
        AWSInstanceId: expect.stringMatching(/^i-0[0-9a-f]{16}$/) as string,
      },
    });
    expect([1, 2]).toContain(info?.['Stat']);
    const [both] = await farm.json<Record<string, object>[]>(
      `/api/slaves?Data=infosettings&Name=${name}`,
    );
    expect(Object.keys(both ?? {})).toEqual(['Info', 'Settings']);
    expect(await farm.json(`/api/groups?Group=${GROUP}`)).toEqual([name]);
    await until(
      () => jobOf(farm, id),
      (job) => job.Stat === 3,
    );
    await until(
      () => names(farm),
      (found) => found.length === 0,
    );
  });

  test('the same seed gives the same machines', async () => {
    const launched = async (): Promise<string[]> => {
      await using farm = await openFarm({ seed: 42 });
      await farm.submit({ Frames: '1' }, touch('/mnt/hs/shots/x'));
      return await until(
        () => names(farm),
        (found) => found.length > 0,
      );
    };
    expect(await launched()).toEqual(await launched());
  });

  test('a job of another group waits for a worker that never comes', async () => {
    await using farm = await openFarm({ timing: { bootMs: 10 } });
    const id = await farm.submit({ Frames: '1', Group: 'gpu-eu-west-2' }, touch('/mnt/hs/shots/x'));
    await sleep(300);
    expect(await jobOf(farm, id)).toMatchObject({ Stat: 1, QueuedChunks: 1 });
    expect(await names(farm)).toEqual([]);
  });
});

describe('work', () => {
  test('all tasks are run, with a log report each and dates that are set', async () => {
    await using farm = await openFarm();
    const id = await farm.submit(
      { Frames: '1-3' },
      { Executable: '/bin/echo', Arguments: 'frame <STARTFRAME>' },
    );
    const job = await until(
      () => jobOf(farm, id),
      (each) => each.Stat === 3,
    );
    expect(job).toMatchObject({ CompletedChunks: 3, ComFra: 3, Errs: 0 });
    expect(job['DateStart']).not.toMatch(/^0001/);
    expect(job['DateComp']).not.toMatch(/^0001/);
    const reports = await farm.json<ReportAnswer[]>(`/api/jobreports?JobID=${id}&Data=log`);
    expect(reports.map((report) => [report.Type, report.Task])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ]);
    const [first] = reports;
    const query = `JobID=${id}&ReportID=${first?._id}&Data=logcontents`;
    expect(await farm.json(`/api/jobreports?${query}`)).toMatch(/:  0: STDOUT: frame 1$/m);
    expect(await farm.json(`/api/taskreports?JobID=${id}&TaskID=2&Data=allcontents`)).toEqual([
      expect.stringMatching(/STDOUT: frame 3$/m),
    ]);
  });

  test('the higher priority goes first', async () => {
    await using farm = await openFarm();
    const log = join(farm.root, 'order');
    const mark = (text: string): Record<string, string> => ({
      Executable: '/bin/sh',
      Arguments: `-c "echo ${text} >> order"`,
    });
    const low = await farm.submit({ Frames: '1', InitialStatus: 'Suspended' }, mark('low'));
    await farm.submit({ Frames: '1', Priority: 90, InitialStatus: 'Suspended' }, mark('high'));
    for (const job of await farm.json<{ _id: string }[]>('/api/jobs'))
      await farm.put('/api/jobs', { Command: 'resume', JobID: job._id });
    await until(
      () => jobOf(farm, low),
      (job) => job.Stat === 3,
    );
    expect((await readFile(log, 'utf8')).split('\n')).toEqual(['high', 'low', '']);
  });

  test('a task that fails three times fails the job, with three error reports', async () => {
    await using farm = await openFarm();
    const id = await farm.submit(
      { Frames: '1' },
      { Executable: '/bin/cat', Arguments: '/mnt/hs/shots/absent' },
    );
    const job = await until(
      () => jobOf(farm, id),
      (each) => each.Stat === 4,
    );
    expect(job).toMatchObject({ Errs: 3, FailedChunks: 1 });
    const reports = await farm.json<ReportAnswer[]>(`/api/jobreports?JobID=${id}&Data=error`);
    expect(reports).toHaveLength(3);
    expect(reports[0]?.Title).toMatch(/\/mnt\/hs\/shots\/absent/);
    await writeFile(join(farm.root, 'shots/absent'), '');
    await farm.put('/api/jobs', { Command: 'resumefailed', JobID: id });
    await until(
      () => jobOf(farm, id),
      (each) => each.Stat === 3,
    );
  });

  test('a suspended job gives its worker back, and its task starts anew when resumed', async () => {
    await using farm = await openFarm();
    const script = 'echo x >> ran; test $(wc -l < ran) -gt 1 || sleep 61';
    const id = await farm.submit(
      { Frames: '1' },
      { Executable: '/bin/sh', Arguments: `-c <QUOTE>${script}<QUOTE>` },
    );
    const busy = await until(
      () => jobOf(farm, id),
      (job) => job['RenderingChunks'] === 1,
    );
    expect(busy.Stat).toBe(1);
    const [name] = await farm.json<string[]>(`/api/slavesrenderingjob?JobID=${id}`);
    const [address] = await farm.json<string[]>(
      `/api/slavesrenderingjob?JobID=${id}&GetIpAddress=True`,
    );
    expect(address).toMatch(/^10\.\d+\.\d+\.\d+$/);
    await until(() => readFile(join(farm.root, 'ran'), 'utf8').catch(() => ''), Boolean);
    await farm.put('/api/jobs', { Command: 'suspend', JobID: id });
    expect(await jobOf(farm, id)).toMatchObject({ Stat: 2, SuspendedChunks: 1 });
    const stat = async (): Promise<unknown> =>
      (await farm.json<{ Stat: number }[]>(`/api/slaves?Data=info&Name=${name}`))[0]?.Stat;
    await until(stat, (state) => state === 2);
    await farm.put('/api/jobs', { Command: 'resume', JobID: id });
    await until(
      () => jobOf(farm, id),
      (job) => job.Stat === 3,
    );
  });

  test('a requeued task is reported as such', async () => {
    await using farm = await openFarm();
    const id = await farm.submit({ Frames: '1' }, { Executable: '/bin/sleep', Arguments: '61' });
    await until(
      () => jobOf(farm, id),
      (job) => job['RenderingChunks'] === 1,
    );
    await farm.put('/api/tasks', { Command: 'requeue', JobID: id, TaskList: 0 });
    const reports = await farm.json<ReportAnswer[]>(`/api/jobreports?JobID=${id}&Data=requeue`);
    expect(reports).toMatchObject([{ Type: 2, Task: 0 }]);
    await farm.ask(`/api/jobs?JobID=${id}`, { method: 'DELETE' });
  });
});

test('a farm that stops in the middle of a task ends it, and runs it at the next start', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-farm-'));
  try {
    const before = await openFarm({}, dir);
    const script = 'echo $$ >> pids; test $(wc -l < pids) -gt 1 || sleep 61';
    const id = await before.submit(
      { Frames: '1' },
      { Executable: '/bin/sh', Arguments: `-c <QUOTE>${script}<QUOTE>` },
    );
    const pids = join(before.root, 'pids');
    const first = await until(() => readFile(pids, 'utf8').catch(() => ''), Boolean);
    await before.stop();
    expect(() => process.kill(Number(first), 0)).toThrow(/ESRCH/);
    await using after = await openFarm({}, dir);
    await until(
      () => jobOf(after, id),
      (job) => job.Stat === 3,
    );
    const reports = await after.json<ReportAnswer[]>(`/api/jobreports?JobID=${id}`);
    expect(reports.map((report) => report.Type)).toEqual([2, 0]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
