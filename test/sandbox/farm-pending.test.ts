// The pending-job scan: dependencies by job, frame, share, asset and script, start times, cleanup, and the limits of claiming.

import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { jobOf, openFarm, until, type FarmSubject, type JobAnswer } from './farm-subject.ts';

/** No worker ever comes for it, so a job stays where the scan puts it. */
const STILL = { Group: 'nobody', Frames: '1' };
const PYTHON = '/usr/bin/python3';
const DAY_MS = 24 * 3_600_000;

const pending = (farm: FarmSubject, id: string): Promise<unknown> =>
  jobOf(farm, id).then((job) => job['PendingChunks']);
const isPending = (farm: FarmSubject, id: string): Promise<void> =>
  sleep(300).then(async () => expect(await jobOf(farm, id)).toMatchObject({ Stat: 6 }));
const isReleased = (farm: FarmSubject, id: string): Promise<JobAnswer> =>
  until(
    () => jobOf(farm, id),
    (job) => job.Stat === 1,
  );
const complete = (farm: FarmSubject, JobID: string, TaskList?: number[]): Promise<unknown> =>
  farm.put(TaskList ? '/api/tasks' : '/api/jobs', { Command: 'complete', JobID, TaskList });

describe('jobs', () => {
  test('a failed or deleted job releases only who said so', async () => {
    await using farm = await openFarm();
    const failed = await farm.submit(STILL);
    const deleted = await farm.submit(STILL);
    const [onFail, onDelete, never, own] = await Promise.all([
      farm.submit({ ...STILL, JobDependencies: failed, ResumeOnFailedDependencies: true }),
      farm.submit({ ...STILL, JobDependencies: deleted, ResumeOnDeletedDependencies: true }),
      farm.submit({ ...STILL, JobDependencies: `${failed},${deleted}` }),
      farm.submit({
        ...STILL,
        JobDependency0: failed,
        JobDependencyNotes0: 'mind this',
        JobDependencyResumeOnOverride0: 'true,false,true',
      }),
    ]);
    await farm.put('/api/jobs', { Command: 'fail', JobID: failed });
    await farm.ask(`/api/jobs?JobID=${deleted}`, { method: 'DELETE' });
    await Promise.all([onFail, onDelete, own].map((id) => isReleased(farm, id)));
    await isPending(farm, never);
    expect((await jobOf(farm, own)).Props['Dep']).toMatchObject([
      { JobID: failed, Notes: 'mind this', OverrideResumeOn: true, ResumeOnFailed: true },
    ]);
  });

  test('a share of the other job is enough where a percentage is given', async () => {
    await using farm = await openFarm();
    const first = await farm.submit({ ...STILL, Frames: '1-4' });
    const id = await farm.submit({ ...STILL, JobDependencies: first, JobDependencyPercentage: 50 });
    await complete(farm, first, [0]);
    await isPending(farm, id);
    await complete(farm, first, [3]);
    await isReleased(farm, id);
  });

  test('frame by frame: a task goes when the frames it needs are done, offsets included', async () => {
    await using farm = await openFarm();
    const first = await farm.submit({ ...STILL, Frames: '1-4' });
    const byFrame = { ...STILL, JobDependencies: first, IsFrameDependent: true };
    const plain = await farm.submit({ ...byFrame, Frames: '1-4' });
    const ahead = await farm.submit({ ...byFrame, Frames: '1-3', FrameDependencyOffsetEnd: 1 });
    const other = await farm.submit({ ...byFrame, Frames: '3-8' });
    await complete(farm, first, [1, 2]);
    await until(
      () => pending(farm, plain),
      (count) => count === 2,
    );
    const { Tasks } = await farm.json<{ Tasks: { Stat: number }[] }>(`/api/tasks?JobID=${plain}`);
    expect(Tasks.map((task) => task.Stat)).toEqual([8, 2, 2, 8]);
    await until(
      () => pending(farm, ahead),
      (count) => count === 2,
    );
    // Frames 5 to 8 are in no job: those tasks wait for the whole of it.
    expect(await pending(farm, other)).toBe(5);
    await complete(farm, first);
    for (const id of [plain, ahead, other])
      await until(
        () => pending(farm, id),
        (count) => count === 0,
      );
  });
});

test('an asset with its frame number gates each task by its own file', async () => {
  const there = new Set(['/mnt/hs/shots/a.0002.exr']);
  await using farm = await openFarm({ exists: (path) => there.has(path) });
  const id = await farm.submit({
    ...STILL,
    Frames: '1-3',
    IsFrameDependent: true,
    AssetDependency0: '/mnt/hs/shots/a.####.exr',
  });
  expect(await pending(farm, id)).toBe(2);
  there.add('/mnt/hs/shots/a.0001.exr').add('/mnt/hs/shots/a.0003.exr');
  await until(
    () => pending(farm, id),
    (count) => count === 0,
  );
});

describe('scripts, which need Python', () => {
  // Skipped aloud and counted; WAYBILL_REQUIRE_ALL=1 turns the skip into a failure.
  beforeEach((context) => {
    if (existsSync(PYTHON)) return;
    const reason = 'Python is not installed: apt-get install python3';
    if (process.env['WAYBILL_REQUIRE_ALL'] === '1') throw new Error(reason);
    context.skip(reason);
  });

  const PATH = '/mnt/hs/shots/gate.py';

  async function openWith(script: string): Promise<FarmSubject> {
    const farm = await openFarm({
      renderers: {
        blender: null,
        python: PYTHON,
        preview: { executable: process.execPath, script: '/nowhere.ts' },
      },
    });
    await writeFile(join(farm.root, 'shots/gate.py'), script);
    return farm;
  }

  test('True releases the job, and until then it waits', async () => {
    await using farm = await openWith(
      "import os\ndef __main__(jobId):\n    print('asked for', jobId)\n    return os.path.exists(os.path.join(os.path.dirname(__file__), jobId))\n",
    );
    const id = await farm.submit({ ...STILL, ScriptDependencies: PATH });
    await isPending(farm, id);
    await mkdir(join(farm.root, 'shots', id));
    await isReleased(farm, id);
  });

  test('a frame-dependent job is asked with its pending tasks, and those named go', async () => {
    await using farm = await openWith(
      'def __main__(jobId, taskIds=None):\n    return [task for task in taskIds if task % 2 == 1]\n',
    );
    const id = await farm.submit({
      ...STILL,
      Frames: '1-5',
      IsFrameDependent: true,
      ScriptDependency0: PATH,
    });
    await until(
      () => pending(farm, id),
      (count) => count === 3,
    );
    const { Tasks } = await farm.json<{ Tasks: { Stat: number }[] }>(`/api/tasks?JobID=${id}`);
    expect(Tasks.map((task) => task.Stat)).toEqual([8, 2, 8, 2, 8]);
  });

  test.each([
    [
      'fails',
      "def __main__(jobId):\n    raise ValueError('no license')\n",
      /ValueError: no license/,
    ],
    ['is no Python', 'this is not', /SyntaxError/],
    ['answers nonsense', "def __main__(jobId):\n    return ['x']\n", /ValueError/],
    ['ends the interpreter', 'import os\nos._exit(0)\n', /ended with code 0/],
  ])('a script that %s holds the job and leaves a note, once', async (_what, script, words) => {
    await using farm = await openWith(script);
    const id = await farm.submit({ ...STILL, ScriptDependencies: PATH });
    await isPending(farm, id);
    await isPending(farm, id);
    const history = await farm.json<{ Entry: string }[]>(
      `/api/jobreports?JobID=${id}&Data=history`,
    );
    const notes = history.filter(({ Entry }) => words.test(Entry));
    expect(notes).toHaveLength(1);
    await farm.put('/api/jobs', { Command: 'releasepending', JobID: id });
    expect(await jobOf(farm, id)).toMatchObject({ Stat: 1 });
  });

  test('a script outside the mount is not run', async () => {
    await using farm = await openWith('');
    const id = await farm.submit({ ...STILL, ScriptDependencies: '/etc/passwd' });
    await isPending(farm, id);
  });

  test('the Python plug-in runs a script of the region with its arguments', async () => {
    await using farm = await openWith('import sys\nprint(" ".join(sys.argv[1:]))\n');
    const id = await farm.submit(
      { Plugin: 'Python', Frames: '7' },
      { ScriptFile: PATH, Arguments: '<STARTFRAME%4> /mnt/hs/shots/x', Version: '3.11' },
    );
    await until(
      () => jobOf(farm, id),
      (job) => job.Stat === 3,
    );
    const [log] = await farm.json<string[]>(`/api/jobreports?JobID=${id}&Data=allcontents`);
    expect(log).toMatch(/STDOUT: 0007 \/mnt\/hs\/shots\/x$/m);
  });
});

describe('start times', () => {
  const open = (): Promise<{ farm: FarmSubject; pass(ms: number): void }> => {
    let now = new Date(2026, 2, 1, 12, 0).getTime();
    return openFarm({ now: () => now }).then((farm) => ({
      farm,
      pass(ms) {
        now += ms;
      },
    }));
  };

  test('a job that is to start once is pending until then', async () => {
    const { farm, pass } = await open();
    await using _farm = farm;
    const once = { ScheduledType: 'Once', ScheduledStartDateTime: '02/03/2026 09:30' };
    const id = await farm.submit({ ...STILL, ...once });
    expect((await jobOf(farm, id)).Props).toMatchObject({ Schd: 1 });
    await isPending(farm, id);
    pass(DAY_MS);
    await isReleased(farm, id);
  });

  test('a delay is counted from the submission', async () => {
    const { farm, pass } = await open();
    await using _farm = farm;
    const id = await farm.submit({ ...STILL, JobDelay: '00:02:00:00' });
    pass(DAY_MS / 24);
    await isPending(farm, id);
    pass(DAY_MS / 24);
    await isReleased(farm, id);
  });

  test('a daily job runs, waits for its next day and runs again', async () => {
    const { farm, pass } = await open();
    await using _farm = farm;
    const daily = { ScheduledType: 'Daily', ScheduledStartDateTime: '01/03/2026 11:00' };
    const id = await farm.submit(
      { Frames: '1', ...daily, ScheduledDays: 2 },
      { Executable: '/bin/echo', Arguments: 'daily' },
    );
    const runs = async (): Promise<number> =>
      (await farm.ask(`/api/jobreports?JobID=${id}&Data=log`)).text.split('"_id"').length - 1;
    await until(runs, (count) => count === 1);
    await isPending(farm, id);
    pass(2 * DAY_MS);
    await until(runs, (count) => count === 2);
  });

  test.each([{ ScheduledStartDateTime: '31/02/2026 09:30' }, { JobDelay: 'soon' }])(
    '%o cannot be read',
    async (info) => {
      await using farm = await openFarm();
      const JobInfo = { Plugin: 'CommandLine', ...info };
      const body = JSON.stringify({ JobInfo, PluginInfo: {}, AuxFiles: [] });
      expect((await farm.ask('/api/jobs', { method: 'POST', body })).status).toBe(500);
    },
  );

  test('cleanup deletes or archives a complete job after its days', async () => {
    let now = Date.now();
    await using farm = await openFarm({ now: () => now });
    const days = { OverrideJobCleanup: true, JobCleanupDays: 3 };
    const gone = await farm.submit({ ...STILL, ...days, OverrideJobCleanupType: 'DeleteJobs' });
    const kept = await farm.submit({ ...STILL, ...days, OverrideJobCleanupType: 'ArchiveJobs' });
    for (const id of [gone, kept]) await complete(farm, id);
    await sleep(300);
    expect(await farm.json<string[]>('/api/jobs?IdOnly=true')).toEqual([gone, kept]);
    // A minute more: completion is dated by the real clock.
    now += 3 * DAY_MS + 60_000;
    await until(
      () => farm.json<string[]>('/api/jobs?IdOnly=true'),
      (ids) => ids.length === 0,
    );
    expect(await farm.json('/api/jobs?IdOnly=true&Deleted=true')).toEqual([gone]);
  });
});

describe('who may take a task', () => {
  const SLEEP = { Executable: '/bin/sleep', Arguments: '61' };
  const rendering = (farm: FarmSubject, id: string): Promise<unknown> =>
    jobOf(farm, id).then((job) => job['RenderingChunks']);

  /** A region that holds three machines at a time. */
  async function openWide(): Promise<FarmSubject> {
    return openFarm({ timing: { bootMs: 0 }, capacity: 3 });
  }

  test('as many machines as the region holds, and not more than the job allows', async () => {
    await using farm = await openWide();
    const wide = await farm.submit({ Frames: '1-5' }, SLEEP);
    await until(
      () => rendering(farm, wide),
      (count) => count === 3,
    );
    await farm.put('/api/jobs', { Command: 'suspend', JobID: wide });
    const narrow = await farm.submit({ Frames: '1-5', MachineLimit: 2 }, SLEEP);
    await until(
      () => rendering(farm, narrow),
      (count) => count === 2,
    );
    await sleep(300);
    expect(await rendering(farm, narrow)).toBe(2);
    const workers = await farm.json<string[]>(`/api/slavesrenderingjob?JobID=${narrow}`);
    expect(new Set(workers).size).toBe(2);
  });

  test('a limit is kept over all its jobs, and says how much of it is in use', async () => {
    await using farm = await openWide();
    await farm.put('/api/limitgroups', { Command: 'set', Name: 'arnold', Limit: 1 });
    const first = await farm.submit({ Frames: '1-2', LimitGroups: 'arnold,unknown' }, SLEEP);
    const second = await farm.submit({ Frames: '1', LimitGroups: 'arnold' }, SLEEP);
    await until(
      () => rendering(farm, first),
      (count) => count === 1,
    );
    await sleep(300);
    expect([await rendering(farm, first), await rendering(farm, second)]).toEqual([1, 0]);
    expect(await farm.json('/api/limitgroups?Name=arnold')).toMatchObject({ InUse: 1 });
    await farm.put('/api/limitgroups', { Command: 'set', Name: 'arnold', Limit: 2 });
    await farm.put('/api/jobs', { Command: 'suspend', JobID: first });
    await until(
      () => rendering(farm, second),
      (count) => count === 1,
    );
  });

  test('a worker that is switched off takes nothing, and one on the list of a job only that', async () => {
    await using farm = await openFarm();
    const quick = { Executable: '/bin/echo', Arguments: 'x' };
    const first = await farm.submit({ Frames: '1' }, quick);
    await until(
      () => jobOf(farm, first),
      (job) => job.Stat === 3,
    );
    const [name] = await farm.json<string[]>('/api/slaves?NamesOnly=true');
    const settings = (Enable: boolean): Promise<unknown> =>
      farm.put('/api/slaves', { Command: 'savesettings', SlaveSettings: { Name: name, Enable } });
    await settings(false);
    const second = await farm.submit({ Frames: '1', Denylist: 'someone' }, quick);
    const denied = await farm.submit({ Frames: '1', Denylist: name }, quick);
    await sleep(300);
    expect(await jobOf(farm, second)).toMatchObject({ QueuedChunks: 1 });
    await settings(true);
    await until(
      () => jobOf(farm, second),
      (job) => job.Stat === 3,
    );
    expect(await jobOf(farm, denied)).toMatchObject({ QueuedChunks: 1 });
  });

  test('what is over is archived or deleted where the job says so', async () => {
    await using farm = await openFarm();
    const quick = { Executable: '/bin/echo', Arguments: 'x' };
    await farm.submit({ Frames: '1', OnJobComplete: 'Archive' }, quick);
    const deleted = await farm.submit({ Frames: '1', DeleteOnComplete: true }, quick);
    await until(
      () => farm.json<string[]>('/api/jobs?IdOnly=true'),
      (ids) => ids.length === 0,
    );
    expect(await farm.json('/api/jobs?IdOnly=true&Deleted=true')).toEqual([deleted]);
  });

  test('own failure counts fail a task or the whole job', async () => {
    await using farm = await openFarm();
    const bad = { Executable: '/bin/false', Arguments: '' };
    const own = { OverrideTaskFailureDetection: true, FailureDetectionTaskErrors: 1 };
    const task = await farm.submit({ Frames: '1-2', ...own }, bad);
    const whole = { OverrideJobFailureDetection: true, FailureDetectionJobErrors: 2 };
    const job = await farm.submit({ Frames: '1-9', ...whole }, bad);
    for (const id of [task, job])
      await until(
        () => jobOf(farm, id),
        (each) => each.Stat === 4,
      );
    expect(await jobOf(farm, task)).toMatchObject({ Errs: 2, FailedChunks: 2 });
    expect(await jobOf(farm, job)).toMatchObject({ Errs: 2, FailedChunks: 9 });
    const [text] = await farm.json<string[]>(`/api/jobreports?JobID=${job}&Data=allerrorcontents`);
    expect(text).toMatch(/^=+\nError\n=+\nError: the command exited with code 1\./);
    expect(text).toMatch(/\nWorker Information\n/);
  });
});
