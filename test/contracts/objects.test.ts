// Runs the object store contract over the sandbox's bucket, and over a real one when it is named.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createObjectStore } from '../../main/adapters/s3/client.ts';
import { realEndpoint } from '../harness/real.ts';
import { startSandbox, type RunningSandbox } from '../harness/sandbox.ts';
import { objectsContract } from './objects.ts';

describe('sandbox', () => {
  let sandbox: RunningSandbox;
  beforeAll(async () => {
    sandbox = await startSandbox();
  });
  afterAll(() => sandbox.stop());

  objectsContract('the sandbox', () => ({
    store: createObjectStore({
      ...sandbox.studio.s3,
      secretAccessKey: async () => sandbox.studio.s3.secretAccessKey,
    }),
    prefix: 'contract/objects/',
  }));

  test('a wrong secret key asks for a sign-in', async () => {
    const store = createObjectStore({ ...sandbox.studio.s3, secretAccessKey: async () => 'wrong' });
    await expect(store.list('x/')).rejects.toMatchObject({
      code: 'sign-in-failed',
      retry: 'sign-in',
    });
  });

  test('no secret key asks for a sign-in without a call', async () => {
    const store = createObjectStore({
      ...sandbox.studio.s3,
      secretAccessKey: async () => undefined,
    });
    await expect(store.list('x/')).rejects.toMatchObject({
      code: 'sign-in-failed',
      message: expect.stringContaining('Enter it once') as string,
    });
  });
});

// Named by WAYBILL_REAL_* in the environment; where it is not, there is nothing to run.
const real = realEndpoint([
  'S3_ENDPOINT',
  'S3_REGION',
  'S3_BUCKET',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
]);
if (real) {
  describe('real bucket', () => {
    objectsContract('a real bucket', () => ({
      store: createObjectStore({
        endpoint: real.S3_ENDPOINT,
        region: real.S3_REGION,
        bucket: real.S3_BUCKET,
        accessKeyId: real.S3_ACCESS_KEY_ID,
        secretAccessKey: async () => real.S3_SECRET_ACCESS_KEY,
      }),
      prefix: `waybill-contract-${Date.now()}/`,
    }));
  });
}
