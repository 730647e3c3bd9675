// One S3 endpoint over a world of one site, without the rest of the studio: what the S3 tests share.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startS3, type S3Endpoint } from '../../main/sandbox/s3.ts';
import { createTree } from '../../main/sandbox/tree.ts';
import { World } from '../../main/sandbox/world.ts';

export const CREDENTIALS = {
  accessKeyId: 'WBTESTKEY',
  secretAccessKey: 'test/secret+key',
} as const;
export const REGION = 'eu-west-2';
export const BUCKET = 'shots';

export interface S3Subject {
  readonly endpoint: S3Endpoint;
  readonly url: string;
  readonly world: World;
  /** A folder of the test's own. */
  readonly dir: string;
  /** The share's folder of the home site. */
  readonly shareDir: string;
  setVolume(bytes: number): void;
  stop(): Promise<void>;
}

export async function startS3Subject(dirGiven?: string): Promise<S3Subject> {
  const dir = dirGiven ?? (await mkdtemp(join(tmpdir(), 'waybill-s3-')));
  let volumeBytes = Number.MAX_SAFE_INTEGER;
  const world = new World({
    sites: [{ name: 'london', place: '', participantId: 0 }],
    share: { name: BUCKET, path: '/shots' },
    intervalMs: 100,
    now: () => Date.now(),
    newUuid: () => randomUUID(),
    volume: () => ({ name: 'volume', bytes: volumeBytes, highPercent: 100 }),
  });
  const tree = createTree(world, 'london', join(dir, 'london'));
  const endpoint = await startS3({
    world,
    homeSite: 'london',
    homeTree: tree,
    stagingDir: join(dir, 'staging'),
    credentials: CREDENTIALS,
    region: REGION,
    port: 0,
  });
  return {
    endpoint,
    url: `http://127.0.0.1:${endpoint.port}`,
    world,
    dir,
    shareDir: join(dir, 'london/shots'),
    setVolume(bytes) {
      volumeBytes = bytes;
    },
    async stop() {
      await endpoint.stop();
      tree.close();
      if (dirGiven === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}
