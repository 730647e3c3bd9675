// Runs the farm contract over the sandbox's Deadline, and over a real one when it is named.

import { afterAll, beforeAll, describe } from 'vitest';
import { createFarm } from '../../main/adapters/deadline/client.ts';
import type { RegionId } from '../../main/engine/core/names.ts';
import { realEndpoint } from '../harness/real.ts';
import { startSandbox, type RunningSandbox } from '../harness/sandbox.ts';
import { farmContract } from './farm.ts';

describe('sandbox', () => {
  let sandbox: RunningSandbox;
  beforeAll(async () => {
    sandbox = await startSandbox();
  });
  afterAll(() => sandbox.stop());

  farmContract('the sandbox', () => {
    const [region] = sandbox.studio.regions;
    return {
      farm: createFarm({ url: sandbox.studio.farm.url }),
      region: (region?.id ?? '') as RegionId,
      group: region?.groups[0] ?? '',
      farmRoot: sandbox.studio.farm.farmRoot,
    };
  });
});

// Named by WAYBILL_REAL_* in the environment; where it is not, there is nothing to run.
const real = realEndpoint(['FARM_URL', 'FARM_REGION', 'FARM_GROUP', 'FARM_ROOT']);
if (real) {
  describe('real farm', () => {
    const username = process.env['WAYBILL_REAL_FARM_USER'];
    farmContract('a real farm', () => ({
      farm: createFarm({
        url: real.FARM_URL,
        ...(username === undefined
          ? {}
          : { username, password: async () => process.env['WAYBILL_REAL_FARM_PASSWORD'] }),
      }),
      region: real.FARM_REGION as RegionId,
      group: real.FARM_GROUP,
      farmRoot: real.FARM_ROOT,
    }));
  });
}
