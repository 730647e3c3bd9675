// Moves payload between sites where something asks for it, through the staging bucket, at the links' speed.

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { evaluate, parseExpression, truthOf, type Scope } from './hammerscript.ts';
import { STAGING_BUCKET, isWhole } from './s3.ts';
import type { Credentials } from './sigv4.ts';
import type { Tree } from './tree.ts';
import { isVisible, type Node, type SiteName, type World } from './world.ts';

/** The sweeper looks again this often; Hammerspace's own says only "continually" [OG]. */
const SWEEP_MS = 250;
const MOVES_AT_ONCE = 2;

export interface MoverOptions {
  readonly world: World;
  readonly trees: ReadonlyMap<SiteName, Tree>;
  readonly s3: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: Credentials;
  };
  /** Bytes a second per link. */
  bandwidth(from: SiteName, to: SiteName): number;
}

export interface Movers {
  /** Share of the payload that has arrived, 0 to 1; null when nothing moves. */
  progress(site: SiteName, node: Node): number | null;
  isWanted(site: SiteName, node: Node): boolean;
  stop(): Promise<void>;
}

export function startMovers(options: MoverOptions): Movers {
  const { world } = options;
  const stop = new AbortController();
  const moving = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  const client = new S3Client({
    endpoint: options.s3.endpoint,
    region: options.s3.region,
    credentials: options.s3.credentials,
    forcePathStyle: true,
    maxAttempts: 2,
    // The body is a throttled stream; a checksum trailer needs no second read of it.
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });

  /** A site keeps what a keep-on-site mark or one of its objectives asks for, marks inherited from folders. */
  function isWanted(site: SiteName, node: Node): boolean {
    const known = node.seen.get(site);
    if (node.kind !== 'file' || !known || known.version === 0) return false;
    if (world.gathered(site, node, (snapshot) => snapshot.keepOnSites).includes(site)) return true;
    return world
      .gathered(site, node, (snapshot) => snapshot.objectives)
      .some(
        (objective) =>
          objective.name.startsWith('keep-online') &&
          holds(objective.condition, scopeOf(site, node)),
      );
  }

  function scopeOf(site: SiteName, node: Node): Scope {
    const has = (
      read: (snapshot: NonNullable<ReturnType<typeof node.seen.get>>) => readonly string[],
      name: string,
    ): boolean => world.gathered(site, node, read).includes(name);
    const first = (args: Parameters<Scope['call']>[1]): string =>
      args[0]?.kind === 'text' ? args[0].value : '';
    return {
      property: (name) => (name === 'IS_LIVE' ? { kind: 'bool', value: true } : undefined),
      call(name, args) {
        if (name === 'HAS_KEYWORD')
          return { kind: 'bool', value: has((snapshot) => snapshot.keywords, first(args)) };
        if (name === 'HAS_TAG')
          return {
            kind: 'bool',
            value: has((snapshot) => Object.keys(snapshot.tags), first(args)),
          };
        if (name === 'GET_TAG') {
          const value = world.inherited(site, node, (snapshot) => snapshot.tags[first(args)]);
          return value === undefined ? { kind: 'empty' } : { kind: 'text', value };
        }
        return undefined;
      },
    };
  }

  function sweep(): void {
    for (const node of world.nodes()) {
      if (node.kind !== 'file') continue;
      for (const site of world.options.sites) {
        if (underWay.size >= MOVES_AT_ONCE) return;
        const key = `${site.name}\n${node.id}`;
        const known = node.seen.get(site.name);
        if (moving.has(key) || !known || !isVisible(site.name, node)) continue;
        if (node.instances.get(site.name) === known.version || !isWanted(site.name, node)) continue;
        const source = sourceOf(node, site.name, known.version);
        if (source === null) continue;
        const move = copy({ node, from: source, to: site.name, version: known.version, key })
          .catch((error: unknown) => {
            if (!stop.signal.aborted)
              process.stderr.write(
                `sandbox mover: ${node.name} to ${site.name}: ${String(error)}\n`,
              );
          })
          .finally(() => {
            moving.delete(key);
            underWay.delete(move);
          });
        underWay.add(move);
      }
    }
  }

  function sourceOf(node: Node, to: SiteName, version: number): SiteName | null {
    for (const [site, held] of node.instances) {
      if (held === version && site !== to && !world.isCut(site, to)) return site;
    }
    return null;
  }

  async function copy(move: {
    node: Node;
    from: SiteName;
    to: SiteName;
    version: number;
    key: string;
  }): Promise<void> {
    const { node, from, to, version, key } = move;
    const source = options.trees.get(from);
    const destination = options.trees.get(to);
    if (!source || !destination) return;
    moving.set(key, 0);
    const { size } = node.head;
    if (!(await isWhole(source.pathOf(node), size))) return;
    const objectKey = `${node.uuid}/${version}/${to}`;
    const temp = destination.tempPath();
    await mkdir(dirname(temp), { recursive: true });
    try {
      const body = createReadStream(source.pathOf(node)).pipe(
        throttled(from, to, (done) => moving.set(key, size === 0 ? 1 : done / size)),
      );
      await client.send(
        new PutObjectCommand({
          Bucket: STAGING_BUCKET,
          Key: objectKey,
          Body: size === 0 ? '' : body,
          ContentLength: size,
        }),
        { abortSignal: stop.signal },
      );
      const object = await client.send(
        new GetObjectCommand({ Bucket: STAGING_BUCKET, Key: objectKey }),
        { abortSignal: stop.signal },
      );
      await pipeline(object.Body as Readable, createWriteStream(temp, { flags: 'wx' }), {
        signal: stop.signal,
      });
      // Counted where the bytes came out of the bucket: what crossed is what the other site has.
      const counter = world.link(from, to);
      counter.payloadBytes += size;
      counter.payloadFiles += 1;
      if (node.head.version !== version) return;
      await destination.place(temp, node);
      node.instances.set(to, version);
    } finally {
      await rm(temp, { force: true });
      await client
        .send(new DeleteObjectCommand({ Bucket: STAGING_BUCKET, Key: objectKey }))
        .catch(() => undefined);
    }
  }

  function throttled(from: SiteName, to: SiteName, onProgress: (done: number) => void): Transform {
    let done = 0;
    const startedAt = performance.now();
    return new Transform({
      highWaterMark: 64 * 1024,
      transform(chunk: Buffer, _encoding, callback) {
        done += chunk.length;
        onProgress(done);
        const dueMs = (done / options.bandwidth(from, to)) * 1000 - (performance.now() - startedAt);
        if (dueMs <= 0) callback(null, chunk);
        else
          sleep(dueMs, undefined, { signal: stop.signal }).then(
            () => callback(null, chunk),
            callback,
          );
      },
    });
  }

  const timer = setInterval(sweep, SWEEP_MS);
  return {
    progress: (site, node) => moving.get(`${site}\n${node.id}`) ?? null,
    isWanted,
    async stop() {
      clearInterval(timer);
      stop.abort();
      await Promise.all(underWay);
      client.destroy();
    },
  };
}

function holds(condition: string, scope: Scope): boolean {
  try {
    return truthOf(evaluate(parseExpression(condition), scope));
  } catch {
    // A condition this reader does not know never moves data; `validate` tells its author.
    return false;
  }
}
