// Moves payload between sites where something asks for it, through the staging bucket, at the links' speed.

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform, type Readable } from 'node:stream';
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
/** Files a link carries side by side. */
const MOVES_AT_ONCE = 2;
const RETRY_MS = 1_000;
/** Small, so that slow links move evenly. */
const CHUNK_BYTES = 16 * 1024;

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

interface Move {
  readonly node: Node;
  readonly from: SiteName;
  readonly to: SiteName;
  readonly version: number;
  readonly size: number;
  readonly key: string;
  /** Bytes that went onto the link; kept here, so that a move that is over cannot speak for its successor. */
  sent: number;
}

export function startMovers(options: MoverOptions): Movers {
  const { world } = options;
  const stop = new AbortController();
  const moving = new Map<string, Move>();
  const underWay = new Set<Promise<unknown>>();
  const loads = new Map<string, number>();
  const failedUntil = new Map<string, number>();
  /** When each link has sent all it was given, in monotonic ms. */
  const freeFrom = new Map<string, number>();
  const client = new S3Client({
    endpoint: options.s3.endpoint,
    region: options.s3.region,
    credentials: options.s3.credentials,
    forcePathStyle: true,
    maxAttempts: 2,
    // A streamed body cannot be sent again, so no connection is reused that may be closing.
    requestHandler: { httpAgent: { keepAlive: false } },
    // A failure is told once, in our own words.
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    // The body is a throttled stream; a checksum trailer needs no second read of it.
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });

  /**
   * A site keeps what is open there (on-demand mobility, OG p10) and what a keep-on-site mark or one of its
   * objectives asks for, marks inherited from folders.
   */
  function isWanted(site: SiteName, node: Node): boolean {
    const known = node.seen.get(site);
    if (node.kind !== 'file' || !known || known.version === 0) return false;
    if (world.isOpen(site, node)) return true;
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
    const now = performance.now();
    for (const node of world.nodes()) {
      if (node.kind !== 'file') continue;
      for (const { name: to } of world.options.sites) {
        const key = `${to}\n${node.id}`;
        const known = node.seen.get(to);
        if (moving.has(key) || !known || !isVisible(to, node)) continue;
        if (node.instances.get(to) === known.version || !isWanted(to, node)) continue;
        const from = sourceOf(node, to, known.version);
        if (from === null || (loads.get(linkOf(from, to)) ?? 0) >= MOVES_AT_ONCE) continue;
        if ((failedUntil.get(key) ?? 0) > now) continue;
        const { version, size } = known;
        start({ node, from, to, version, size, key, sent: 0 });
      }
    }
  }

  function start(move: Move): void {
    const link = linkOf(move.from, move.to);
    moving.set(move.key, move);
    loads.set(link, (loads.get(link) ?? 0) + 1);
    const done = copy(move)
      .then(
        () => failedUntil.delete(move.key),
        (error: unknown) => {
          failedUntil.set(move.key, performance.now() + RETRY_MS);
          if (stop.signal.aborted) return;
          process.stderr.write(
            `sandbox mover: ${move.node.name} to ${move.to}: ${String(error)}\n`,
          );
        },
      )
      .finally(() => {
        moving.delete(move.key);
        loads.set(link, (loads.get(link) ?? 1) - 1);
        underWay.delete(done);
      });
    underWay.add(done);
  }

  function sourceOf(node: Node, to: SiteName, version: number): SiteName | null {
    for (const [site, held] of node.instances) {
      if (held === version && site !== to && !world.isCut(site, to)) return site;
    }
    return null;
  }

  async function copy(move: Move): Promise<void> {
    const { node, from, to, version, size } = move;
    const source = options.trees.get(from);
    const destination = options.trees.get(to);
    if (!source || !destination) return;
    const path = source.pathOf(node);
    if (!(await isWhole(path, size))) return;
    const objectKey = `${node.uuid}/${version}/${to}`;
    const temp = destination.tempPath();
    await mkdir(dirname(temp), { recursive: true });
    try {
      await upload(objectKey, path, move);
      const object = await client.send(
        new GetObjectCommand({ Bucket: STAGING_BUCKET, Key: objectKey }),
        { abortSignal: stop.signal },
      );
      await pipeline(object.Body as Readable, createWriteStream(temp, { flags: 'wx' }), {
        signal: stop.signal,
      });
      // Counted where the bytes came out of the bucket: what crossed is what the other site has.
      world.count(from, to, size);
      if (node.seen.get(to)?.version !== version) return;
      await destination.place(temp, node);
      world.hold(to, node, version);
    } finally {
      await rm(temp, { force: true });
      await client
        .send(new DeleteObjectCommand({ Bucket: STAGING_BUCKET, Key: objectKey }))
        .catch(() => undefined);
    }
  }

  async function upload(objectKey: string, path: string, move: Move): Promise<void> {
    const cut = new AbortController();
    const body = throttled(move);
    try {
      await Promise.all([
        pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), body),
        client.send(
          new PutObjectCommand({
            Bucket: STAGING_BUCKET,
            Key: objectKey,
            Body: body,
            ContentLength: move.size,
          }),
          { abortSignal: AbortSignal.any([stop.signal, cut.signal]) },
        ),
      ]);
    } finally {
      // Whichever end failed, the other one would wait for it without an end.
      cut.abort();
      body.destroy();
    }
  }

  /** All moves of a link share its speed: each chunk takes the next free moment of the line. */
  function throttled(move: Move): Transform {
    const link = linkOf(move.from, move.to);
    return new Transform({
      transform(chunk: Buffer, _encoding, callback) {
        const now = performance.now();
        const freeAt =
          Math.max(now, freeFrom.get(link) ?? 0) +
          (chunk.length / options.bandwidth(move.from, move.to)) * 1_000;
        freeFrom.set(link, freeAt);
        sleep(freeAt - now, undefined, { signal: stop.signal }).then(() => {
          move.sent += chunk.length;
          callback(null, chunk);
        }, callback);
      },
    });
  }

  const timer = setInterval(sweep, SWEEP_MS);
  return {
    progress(site, node) {
      const move = moving.get(`${site}\n${node.id}`);
      return move ? move.sent / Math.max(1, move.size) : null;
    },
    isWanted,
    async stop() {
      clearInterval(timer);
      stop.abort();
      await Promise.all(underWay);
      client.destroy();
    },
  };
}

function ignore(): void {}

function linkOf(from: SiteName, to: SiteName): string {
  return `${from}>${to}`;
}

function holds(condition: string, scope: Scope): boolean {
  try {
    return truthOf(evaluate(parseExpression(condition), scope));
  } catch {
    // A condition this reader does not know never moves data; `validate` tells its author.
    return false;
  }
}
