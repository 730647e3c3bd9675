// The Hammerspace event plug-in on the farm: what it does to a submission, defects included, and what its folder job does.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { FarmOptions } from '../../main/sandbox/farm/deadline.ts';
import { HammerspaceSettings } from '../../main/sandbox/farm/hammerspace-event.ts';
import { GROUP, jobOf, openFarm, until, type FarmSubject, type JobAnswer } from './farm-subject.ts';

const OUT = '/mnt/hs/shots/sh010/out';
const RENDER = {
  Name: 'sh010_lgt',
  Frames: '1',
  UserName: 'mika',
  Department: 'lighting',
  Pool: 'show',
  Priority: 60,
  OutputDirectory0: OUT,
  OutputDirectory1: OUT,
  OutputDirectory2: '/mnt/hs/shots/sh010/aov',
};
const ECHO = { Executable: '/bin/echo', Arguments: 'rendered' };

const farms: FarmSubject[] = [];
afterEach(async () => {
  for (const farm of farms.splice(0)) await farm.stop();
});

async function openWith(
  settings: Partial<HammerspaceSettings>,
  options: Partial<FarmOptions> = {},
): Promise<FarmSubject> {
  const farm = await openFarm(options);
  farms.push(farm);
  farm.control({ hammerspace: HammerspaceSettings.parse({ iterationDelay: 0, ...settings }) });
  return farm;
}

const inTime = async (): Promise<readonly number[]> => [Date.now() + 5_000];

async function folderJobOf(farm: FarmSubject, id: string): Promise<JobAnswer> {
  const [dependency] = (await jobOf(farm, id)).Props['Dep'] as { JobID: string }[];
  return jobOf(farm, dependency?.JobID ?? '');
}

async function logOf(farm: FarmSubject, id: string): Promise<string> {
  const logs = await farm.json<string[]>(`/api/jobreports?JobID=${id}&Data=allcontents`);
  return logs.join('\n');
}

describe('on submission', () => {
  test('a folder job is made first, in the same batch, for the same user, and the render waits for it', async () => {
    const farm = await openWith({}, { timing: { bootMs: 600_000 } });
    const id = await farm.submit(RENDER, ECHO);
    const render = await jobOf(farm, id);
    expect(render).toMatchObject({ Stat: 6, PendingChunks: 1, Props: { Batch: 'sh010_lgt' } });
    expect(await folderJobOf(farm, id)).toMatchObject({
      Stat: 1,
      Plug: 'DeadlineCommand',
      Aux: ['createFolders.py', 'HammerspaceUtils.py'],
      OutDir: [],
      Props: {
        Name: 'sh010_lgt [Make Directories]',
        Batch: 'sh010_lgt',
        User: 'mika',
        Dept: 'lighting',
        Pool: 'show',
        Grp: GROUP,
        Pri: 60,
        OnComp: 2,
        ExDic: { HS_PLUGIN_GENERATED: 'True' },
        PlugInfo: {
          Arguments: `--directories "${OUT};/mnt/hs/shots/sh010/aov" --iteration_delay 0 --iteration_count 20`,
        },
      },
    });
    expect(await farm.json('/api/plugins?EventNames=true')).toEqual(['Hammerspace', 'Spot']);
  });

  test('pool, group, limit and priority of its settings are used, and a batch that is there is kept', async () => {
    const settings = { pool: 'fast', group: 'utility', limit: 'folders', priorityOffset: 70 };
    const farm = await openWith(settings);
    const id = await farm.submit({ ...RENDER, BatchName: 'monday' }, ECHO);
    expect((await jobOf(farm, id)).Props['Batch']).toBe('monday');
    expect((await folderJobOf(farm, id)).Props).toMatchObject({
      Batch: 'monday',
      Pool: 'fast',
      Grp: 'utility',
      Limits: ['folders'],
      Pri: 100,
    });
  });

  test('defect 1: dependencies the job came with are replaced', async () => {
    const farm = await openWith({}, { timing: { bootMs: 600_000 } });
    const first = await farm.submit({ Frames: '1', InitialStatus: 'Suspended' });
    const id = await farm.submit({ ...RENDER, JobDependencies: first }, ECHO);
    const ids = ((await jobOf(farm, id)).Props['Dep'] as { JobID: string }[]).map(
      (dep) => dep.JobID,
    );
    expect(ids).toHaveLength(1);
    expect(ids).not.toContain(first);
  });

  test.each([
    ['has no output directory', { OutputDirectory0: undefined }],
    ['carries HS_PLUGIN_GENERATED', { ExtraInfoKeyValue0: 'HS_PLUGIN_GENERATED=true' }],
    ['suppresses events', { SuppressEvents: true }],
    [
      'carries a word Python does not take for a truth',
      { ExtraInfoKeyValue0: 'HS_PLUGIN_GENERATED=maybe' },
    ],
  ])('a job that %s is left alone', async (_what, change) => {
    const farm = await openWith({}, { timing: { bootMs: 600_000 } });
    const id = await farm.submit({
      Frames: '1',
      ...('OutputDirectory0' in change ? {} : { OutputDirectory0: OUT }),
      ...change,
    });
    expect(await jobOf(farm, id)).toMatchObject({ Stat: 1, Props: { Dep: [], Batch: '' } });
    expect(await farm.json<string[]>('/api/jobs?IdOnly=true')).toEqual([id]);
  });

  test('without the plug-in nothing happens, and installing it lasts over a restart', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'waybill-farm-'));
    try {
      const before = await openFarm({}, dir);
      await before.submit({ ...RENDER, Group: 'nobody' });
      expect(await before.json<string[]>('/api/jobs?IdOnly=true')).toHaveLength(1);
      before.control({ hammerspace: HammerspaceSettings.parse({}) });
      await before.stop();
      await using after = await openFarm({}, dir);
      await after.submit({ ...RENDER, Group: 'nobody' });
      expect(await after.json<string[]>('/api/jobs?IdOnly=true')).toHaveLength(3);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  test('event plug-ins hold the answer back, while the job is there already and no worker takes it', async () => {
    await using farm = await openFarm({ timing: { bootMs: 0 } });
    farm.control({ submitDelayMs: 700 });
    const startedAt = performance.now();
    const posting = farm.submit({ Frames: '1', ExtraInfoKeyValue0: 'OWN=1' }, ECHO);
    const [there] = await until(
      () => farm.json<JobAnswer[]>('/api/jobs'),
      (jobs) => jobs.length > 0,
    );
    expect(performance.now() - startedAt).toBeLessThan(600);
    expect(there).toMatchObject({ Stat: 1, RenderingChunks: 0, Props: { ExDic: { OWN: '1' } } });
    expect(await posting).toBe(there?._id);
    expect(performance.now() - startedAt).toBeGreaterThan(690);
    await until(
      () => jobOf(farm, there?._id ?? ''),
      (job) => job.Stat === 3,
    );
  });
});

describe('the folder job', () => {
  test('makes the folders in the region, sees them sent, and the render is released and runs', async () => {
    const farm = await openWith({}, { sendTimes: inTime });
    const id = await farm.submit(RENDER, ECHO);
    const folders = await folderJobOf(farm, id);
    await until(
      () => jobOf(farm, id),
      (job) => job.Stat === 3,
    );
    expect(await readdir(join(farm.root, 'shots/sh010'))).toEqual(['aov', 'out']);
    const log = await logOf(farm, folders._id);
    expect(log).toMatch(/:  0: STDOUT: Iteration 1\/20\. Progress: 5%$/m);
    expect(log).toMatch(/STDOUT: Sync Complete: \/mnt\/hs\/shots\/sh010\/out$/m);
    expect(log).toMatch(/STDOUT: Sync Complete: \/mnt\/hs\/shots\/sh010\/aov$/m);
  });

  test('defect 6: a job that was submitted suspended is released to active all the same', async () => {
    const farm = await openWith({}, { sendTimes: inTime });
    const id = await farm.submit({ ...RENDER, InitialStatus: 'Suspended' }, ECHO);
    expect((await jobOf(farm, id)).Stat).toBe(6);
    await until(
      () => jobOf(farm, id),
      (job) => job.Stat === 3,
    );
  });

  test('metadata that is not sent in time: the log says so, and the render is released', async () => {
    const settings = { iterationCount: 2 };
    const farm = await openWith(settings, { sendTimes: async () => [Date.now() - 60_000] });
    const id = await farm.submit(RENDER, ECHO);
    const folders = await folderJobOf(farm, id);
    await until(
      () => jobOf(farm, id),
      (job) => job.Stat === 3,
    );
    const log = await logOf(farm, folders._id);
    expect(log).toMatch(/Iteration 2\/2\. Progress: 100%/);
    expect(log).toMatch(/STDOUT: Sync Timed Out: \/mnt\/hs\/shots\/sh010\/out$/m);
  });

  test('defect 2: the newest send of any peer counts', async () => {
    const sendTimes = async (): Promise<number[]> => [Date.now() + 5_000, 0];
    const farm = await openWith({}, { sendTimes });
    const folders = await folderJobOf(farm, await farm.submit(RENDER, ECHO));
    await until(
      () => jobOf(farm, folders._id),
      (job) => job.Stat === 3,
    );
    expect(await logOf(farm, folders._id)).toMatch(/Sync Complete/);
  });

  test('a folder that is on no Hammerspace is skipped', async () => {
    const farm = await openWith({});
    const folders = await folderJobOf(farm, await farm.submit(RENDER, ECHO));
    await until(
      () => jobOf(farm, folders._id),
      (job) => job.Stat === 3,
    );
    expect(await logOf(farm, folders._id)).toMatch(/STDOUT: Sync Skipped: .*out$/m);
  });

  test('defect 5: where no peer is, it fails and the render stays pending', async () => {
    const farm = await openWith({}, { sendTimes: async () => [] });
    const id = await farm.submit(RENDER, ECHO);
    const folders = await folderJobOf(farm, id);
    await until(
      () => jobOf(farm, folders._id),
      (job) => job.Stat === 4,
    );
    expect(await jobOf(farm, id)).toMatchObject({ Stat: 6 });
    expect(await logOf(farm, folders._id)).toMatch(/IndexError: list index out of range/);
  });

  test('a folder outside the mount is an error, and nothing is made there', async () => {
    const farm = await openWith({ iterationCount: 1 });
    const outside = { ...RENDER, OutputDirectory0: '/tmp/waybill-outside', OutputDirectory1: '' };
    const folders = await folderJobOf(farm, await farm.submit(outside, ECHO));
    await until(
      () => jobOf(farm, folders._id),
      (job) => job.Stat === 4,
    );
    expect(await readdir(tmpdir())).not.toContain('waybill-outside');
  });
});
