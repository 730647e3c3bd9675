// Whatever JSON a client sends, the farm answers it with a status and goes on scanning, claiming and answering.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HammerspaceSettings } from '../../main/sandbox/farm/hammerspace-event.ts';
import { jobOf, openFarm, until, type FarmSubject } from './farm-subject.ts';

let farm: FarmSubject;
beforeAll(async () => {
  farm = await openFarm({ timing: { bootMs: 0, pendingScanMs: 20, pollMs: 20 } });
  farm.control({
    hammerspace: HammerspaceSettings.parse({ iterationDelay: 0, iterationCount: 1 }),
  });
});
afterAll(() => farm.stop());

const value = fc.jsonValue({ maxDepth: 2 });
const word = fc.constantFrom(
  ...'save suspend resume pend releasepending requeue fail complete setjobframerange'.split(' '),
  ...'appendjobframerange setjobmachinelimit addslavestojobmachinelimitlist undelete'.split(' '),
);
const infoKey = fc.constantFrom(
  ...'Frames ChunkSize Pool Group Priority JobDependencies JobDependency0 RequiredAssets'.split(
    ' ',
  ),
  ...'ScriptDependencies OutputDirectory0 ExtraInfoKeyValue0 ScheduledType JobDelay'.split(' '),
  ...'IsFrameDependent LimitGroups MachineLimit TaskTimeoutSeconds InitialStatus'.split(' '),
);
const propKey = fc.constantFrom(
  ...'Dep ReqAss ScrDep Limits ListedSlaves Grp Pool Pri PathMap PlugInfo Env ExDic Schd'.split(
    ' ',
  ),
  ...'SchdDate DepPer DepFrame MaxTime OnComp MachLmt OverClean Name User Batch'.split(' '),
);

test('no submission, command or edited document ends it', async () => {
  const id = await farm.submit({ Frames: '1-3', InitialStatus: 'Suspended' });
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(infoKey, value),
      fc.dictionary(propKey, value),
      fc.record({ Command: word, FrameList: value, SlaveList: value, Limit: value, Job: value }),
      async (info, props, command) => {
        const post = {
          JobInfo: { Plugin: 'CommandLine', ...info },
          PluginInfo: info,
          AuxFiles: [],
        };
        const answers = [
          await farm.ask('/api/jobs', { method: 'POST', body: JSON.stringify(post) }),
          await farm.put('/api/jobs', { ...command, JobID: id }),
          await farm.put('/api/jobs', { Command: 'save', Job: { _id: id, Props: props } }),
          await farm.ask('/api/jobs?Details=true'),
          await farm.ask('/api/jobs?Statistics=true'),
          await farm.ask('/api/slaves?Data=infosettings'),
          await farm.ask('/api/limitgroups'),
          await farm.ask('/api/users'),
        ];
        for (const { status } of answers) expect([200, 400, 500]).toContain(status);
        for (const { status } of answers.slice(3)) expect(status).toBe(200);
      },
    ),
    { numRuns: 150 },
  );
  const last = await farm.submit(
    { Frames: '1', Priority: 100 },
    { Executable: '/bin/echo', Arguments: 'still here' },
  );
  await until(
    () => jobOf(farm, last),
    (job) => job.Stat === 3,
  );
}, 60_000);
