// The contract of the Farm port: one POST makes one job, held; it is found by our id and released once.

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { FarmJobId, FarmPath, RegionId, SubmitId } from '../../main/engine/core/names.ts';
import type { Farm, FarmSubmission } from '../../main/engine/ports/farm.ts';

export interface FarmSubject {
  readonly farm: Farm;
  readonly region: RegionId;
  readonly group: string;
  readonly farmRoot: string;
}

export function farmContract(name: string, subject: () => FarmSubject): void {
  function submission(): FarmSubmission {
    const submitId = randomUUID() as SubmitId;
    return {
      submitId,
      region: subject().region,
      jobInfo: {
        Plugin: 'CommandLine',
        Name: `waybill contract ${submitId.slice(0, 8)}`,
        Frames: '1-4',
        ChunkSize: '2',
        UserName: 'artist',
        Group: subject().group,
        InitialStatus: 'Suspended',
        OutputDirectory0: `${subject().farmRoot}/shots/contract/out`,
        OutputFilename0: 'out.####.png',
        ExtraInfoKeyValue0: `WAYBILL_SUBMIT_ID=${submitId}`,
        ExtraInfoKeyValue1: 'HS_PLUGIN_GENERATED=True',
      },
      pluginInfo: { Executable: '/bin/true', Arguments: '<STARTFRAME> <ENDFRAME>' },
    };
  }

  describe(`farm contract over ${name}`, () => {
    test('the probe tells the version behind the address', async () => {
      expect(await subject().farm.probe()).toMatch(/\d/);
    });

    test('groups, plug-ins and workers are listed', async () => {
      const { farm, group } = subject();
      expect(await farm.groups()).toContain(group);
      expect(await farm.plugins()).toContain('CommandLine');
      const workers = await farm.workers();
      expect(new Set(workers.map((worker) => worker.name)).size).toBe(workers.length);
    });

    test('a held job is found by its id and by ours, with all it was given', async () => {
      const { farm, group, farmRoot } = subject();
      const wanted = submission();
      const id = await farm.submit(wanted);
      const found = await farm.findBySubmitId(wanted.submitId);
      expect(found).toMatchObject({
        id,
        name: wanted.jobInfo['Name'],
        user: 'artist',
        state: 'suspended',
        submitId: wanted.submitId,
        tasksTotal: 2,
        tasksCompleted: 0,
        group,
        outputDirs: [`${farmRoot}/shots/contract/out`],
      });
      expect(await farm.jobs([id])).toEqual([found]);
      const tasks = await farm.tasks(id);
      expect(tasks.map((task) => [task.id, task.frames, task.state])).toEqual([
        [0, '1-2', 'suspended'],
        [1, '3-4', 'suspended'],
      ]);
    });

    test('an unknown id of either kind is no job and no error', async () => {
      const { farm } = subject();
      expect(await farm.findBySubmitId(randomUUID() as SubmitId)).toBeNull();
      expect(await farm.jobs(['000000000000000000000000' as FarmJobId])).toEqual([]);
      expect(await farm.jobs([])).toEqual([]);
    });

    test('a released job leaves the hold, and can be held again', async () => {
      const { farm } = subject();
      const id = await farm.submit(submission());
      await farm.resume(id);
      const [released] = await farm.jobs([id]);
      expect(['queued', 'rendering', 'completed', 'failed']).toContain(released?.state);
      const held = await farm.submit(submission());
      await farm.resume(held);
      await farm.suspend(held);
      const [again] = await farm.jobs([held]);
      expect(['suspended', 'completed', 'failed']).toContain(again?.state);
    });

    test('more ids than fit one URL are asked in turns', async () => {
      const { farm } = subject();
      const id = await farm.submit(submission());
      const many = Array.from(
        { length: 120 },
        (_, index) => index.toString(16).padStart(24, '0') as FarmJobId,
      );
      expect((await farm.jobs([...many, id])).map((job) => job.id)).toEqual([id]);
    });

    test('a job without reports has no last report', async () => {
      const { farm } = subject();
      const id = await farm.submit(submission());
      expect(await farm.lastReport(id)).toBeNull();
    });

    test('a history entry is taken', async () => {
      const { farm } = subject();
      const id = await farm.submit(submission());
      await expect(
        farm.addHistory(id, 'Waybill: payload is in region\nsecond line'),
      ).resolves.toBeUndefined();
    });

    test('each path is mapped for a worker of the region, in order', async () => {
      const { farm, region, farmRoot } = subject();
      const paths = [
        `${farmRoot}/shots/a b.blend`,
        '/elsewhere/x',
        `${farmRoot}/shots/b.blend`,
      ] as FarmPath[];
      const mapped = await farm.mappedPaths({ os: 'Linux', region, paths });
      expect(mapped).toHaveLength(3);
      expect(mapped[0]).toMatch(/\/shots\/a b\.blend$/);
      expect(mapped[1]).toBe('/elsewhere/x');
      expect(mapped[2]).toMatch(/\/shots\/b\.blend$/);
    });

    test('a job value with a line break is refused before it is sent', async () => {
      const { farm } = subject();
      const bad = submission();
      const call = farm.submit({ ...bad, jobInfo: { ...bad.jobInfo, Comment: 'x\nPriority=100' } });
      await expect(call).rejects.toMatchObject({ code: 'bad-argument' });
      expect(await farm.findBySubmitId(bad.submitId)).toBeNull();
    });

    test('a cancelled call ends with the signal', async () => {
      const { farm } = subject();
      await expect(farm.groups({ signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
      });
    });
  });
}
