// Reports over what really crossed the links and how the files stand; columns are in no public document, so clients read by name.

import type { Crossing, SiteName, World } from '../world.ts';
import type { Desk } from './desk.ts';
import { notFound } from './errors.ts';
import { latencyTo, studioShareUuid } from './sites.ts';
import { one, wholeNumber, type Query, type Route, type View } from './routes.ts';

const KEPT = 20_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

interface Moved extends Crossing {
  readonly at: number;
}

export interface Crossings {
  between(start: number, end: number): readonly Moved[];
  stop(): void;
}

/** Keeps the latest moves of payload to or from a site. */
export function watchCrossings(world: World, local: SiteName): Crossings {
  const moves: Moved[] = [];
  const note = (crossing: Crossing): void => {
    if (crossing.from !== local && crossing.to !== local) return;
    moves.push({ ...crossing, at: world.options.now() });
    if (moves.length > KEPT) moves.splice(0, moves.length - KEPT);
  };
  world.on('crossed', note);
  return {
    between: (start, end) => moves.filter(({ at }) => at >= start && at <= end),
    stop: () => world.off('crossed', note),
  };
}

export function reportRoutes(desk: Desk, crossings: Crossings): Route[] {
  const { world, local } = desk;

  function moves(query: Query): readonly Moved[] {
    const { start, end } = rangeOf(desk, query);
    const share = one(query, 'share');
    if (
      share !== undefined &&
      share !== world.options.share.name &&
      share !== studioShareUuid(desk)
    )
      return [];
    const [from, to] = [one(query, 'from'), one(query, 'to')];
    return crossings
      .between(start, end)
      .filter(
        (move) =>
          (from === undefined || move.from === from) && (to === undefined || move.to === to),
      );
  }

  function paged(query: Query, points: readonly (readonly unknown[])[]): readonly unknown[] {
    const page = wholeNumber(query, 'page', 0);
    const size = wholeNumber(query, 'page.size', 0);
    return size === 0 ? points : points.slice(page * size, (page + 1) * size);
  }

  function serie(
    name: string,
    columns: readonly string[],
    points: readonly (readonly unknown[])[],
    query: Query,
  ): View {
    return { name, columns, points: paged(query, points), tags: {}, rows: points.length };
  }

  const sum = (all: readonly Moved[]): { numOfFiles: number; size: number } => ({
    numOfFiles: all.length,
    size: all.reduce((total, { bytes }) => total + bytes, 0),
  });

  function byMinute(query: Query): View[] {
    const buckets = new Map<number, Moved[]>();
    for (const move of moves(query)) {
      const start = Math.floor(move.at / MINUTE_MS) * MINUTE_MS;
      buckets.set(start, [...(buckets.get(start) ?? []), move]);
    }
    return [...buckets].map(([start, inside]) => ({ start, ...sum(inside) }));
  }

  return [
    {
      method: 'GET',
      path: '/reports/mobility',
      answer: ({ query }) =>
        serie(
          'mobility',
          ['time', 'share', 'from', 'to', 'reason', 'status', 'numOfFiles', 'size'],
          moves(query).map((move) => [
            move.at,
            world.options.share.name,
            move.from,
            move.to,
            'OBJECTIVE',
            'COMPLETED',
            1,
            move.bytes,
          ]),
          query,
        ),
    },
    { method: 'GET', path: '/reports/mobility/summary', answer: ({ query }) => sum(moves(query)) },
    { method: 'GET', path: '/reports/mobility/share', answer: ({ query }) => byMinute(query) },
    {
      method: 'GET',
      path: '/reports/mobility/replications',
      answer: ({ query }) =>
        serie(
          'replications',
          ['time', 'volume', 'from', 'to', 'size'],
          // Payload between sites always goes through the shared object volume.
          moves(query).map((move) => [move.at, 'staging', move.from, move.to, move.bytes]),
          query,
        ),
    },
    {
      method: 'GET',
      path: '/reports/moe/mobility-bandwidth',
      answer: ({ query }) => {
        const all = moves(query);
        const { start, end } = rangeOf(desk, query);
        return world.options.sites.flatMap((other) =>
          other.name === local
            ? []
            : [
                [other.name, local],
                [local, other.name],
              ].map(([from, to]) => {
                const { numOfFiles, size } = sum(
                  all.filter((move) => move.from === from && move.to === to),
                );
                return {
                  fromStorageContainer: from,
                  toStorageContainer: to,
                  stats: {
                    numOfFiles,
                    size,
                    bytesPerSecond: size / Math.max(1, (end - start) / 1000),
                  },
                };
              }),
        );
      },
    },
    {
      method: 'GET',
      path: '/reports/replication/share-latencies/:id',
      answer: ({ params, query }) => {
        const id = params['id'] ?? '';
        if (id !== studioShareUuid(desk) && id !== world.options.share.name)
          throw notFound('SHARE', id);
        const wanted = one(query, 'participantId');
        const points = world.options.sites
          .filter(
            ({ name, participantId }) =>
              name !== local && (wanted === undefined || String(participantId) === wanted),
          )
          .map(({ name, participantId }) => {
            const { sendLatencySecs, receiveLatencySecs } = latencyTo(desk, name);
            return [desk.now(), participantId, sendLatencySecs, receiveLatencySecs];
          });
        return serie(
          'share-latencies',
          ['time', 'participantId', 'sendLatencySecs', 'receiveLatencySecs'],
          points,
          query,
        );
      },
    },
    {
      method: 'GET',
      path: '/reports/stats/alignment/:objectType/:id',
      answer: ({ query }) => {
        const { aligned, partiallyAligned, misaligned } = desk.alignments();
        return serie(
          'alignment',
          ['time', 'ALIGNED', 'PARTIALLY_ALIGNED', 'MISALIGNED'],
          [[desk.now(), aligned, partiallyAligned, misaligned]],
          query,
        );
      },
    },
    {
      method: 'GET',
      path: '/reports/active-files',
      answer: ({ query }) => serie('active-files', ['time', 'path'], [], query),
    },
    {
      method: 'GET',
      path: '/metrics',
      answer: ({ query }) =>
        serie(
          'links',
          ['from', 'to', 'payloadBytes', 'payloadFiles', 'metadataBytes', 'metadataItems'],
          world
            .counters()
            .filter(({ from, to }) => from === local || to === local)
            .map((link) => [
              link.from,
              link.to,
              link.payloadBytes,
              link.payloadFiles,
              link.metadataBytes,
              link.metadataItems,
            ]),
          query,
        ),
    },
  ];
}

function rangeOf(desk: Desk, query: Query): { start: number; end: number } {
  const now = desk.now();
  const preceding = wholeNumber(query, 'precedingDurationMillis', DAY_MS);
  const end = wholeNumber(query, 'endMillis', now);
  return { start: wholeNumber(query, 'startMillis', end - preceding), end };
}
