// What all routes of the endpoint work on: its buckets, its temp files, its lines of writers and its faults.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Bucket } from './buckets.ts';
import { S3Error } from './errors.ts';
import type { Facts } from './facts.ts';

/** Whatever can go wrong on purpose; movers' own bucket is left out of it. */
export const S3Faults = z.strictObject({
  /** So many requests are answered with this error. */
  failNext: z
    .strictObject({
      count: z.number().int().nonnegative(),
      code: z.enum(['SlowDown', 'InternalError', 'ServiceUnavailable']),
    })
    .optional(),
  /** So many completed uploads answer 200 and then fail in the body. */
  failCompletes: z.number().int().nonnegative().optional(),
  /** Completing takes this much longer; white space keeps the connection alive meanwhile. */
  completeDelayMs: z.number().int().nonnegative().max(600_000).optional(),
  credentialsExpired: z.boolean().optional(),
  /** The share's bucket has moved to another region. */
  redirect: z.strictObject({ region: z.string(), endpoint: z.string() }).nullable().optional(),
  /** The endpoint's clock is off. */
  skewMs: z.number().int().optional(),
  /** Temporary credentials that are taken beside the studio's own. */
  session: z
    .strictObject({
      accessKeyId: z.string(),
      secretAccessKey: z.string(),
      sessionToken: z.string(),
      expiresAt: z.number(),
    })
    .nullable()
    .optional(),
});
export type S3Faults = z.infer<typeof S3Faults>;

export interface Service {
  readonly region: string;
  readonly facts: Facts;
  readonly faults: S3Faults;
  now(): number;
  bucket(name: string): Bucket;
  bucketNames(): readonly string[];
  tempPath(): string;
  /** Writers of one name wait for each other, so that a condition is decided once. */
  inLine<T>(name: string, action: () => Promise<T>): Promise<T>;
}

export function createService(options: {
  readonly region: string;
  readonly facts: Facts;
  readonly dir: string;
  readonly buckets: readonly Bucket[];
}): Service {
  const incoming = join(options.dir, '.incoming');
  // What an earlier run was taking in when it ended will never be whole.
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  const buckets = new Map(options.buckets.map((bucket) => [bucket.name, bucket]));
  const lines = new Map<string, Promise<unknown>>();
  const faults: S3Faults = {};
  let temps = 0;
  return {
    region: options.region,
    facts: options.facts,
    faults,
    now: () => Date.now() + (faults.skewMs ?? 0),
    bucket(name) {
      const found = buckets.get(name);
      if (found) return found;
      throw new S3Error('NoSuchBucket', undefined, { fields: { BucketName: name } });
    },
    bucketNames: () => [...buckets.keys()],
    tempPath() {
      temps += 1;
      return join(incoming, `${process.pid}-${temps}`);
    },
    inLine(name, action) {
      const turn = (lines.get(name) ?? Promise.resolve()).then(action, action);
      const settled = turn.catch(() => undefined);
      lines.set(name, settled);
      void settled.then(() => {
        if (lines.get(name) === settled) lines.delete(name);
      });
      return turn;
    },
  };
}
