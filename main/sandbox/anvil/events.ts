// Events of a site: what went wrong between it and the others, and when it was right again. Nothing tells of collisions.

import { randomUUID } from 'node:crypto';
import type { SiteName } from '../world.ts';
import type { Desk } from './desk.ts';
import { collectionRoutes } from './lists.ts';
import type { Route, View } from './routes.ts';
import { latencyTo, participantViews } from './sites.ts';

const KEPT = 1_000;

interface Event {
  readonly uuid: string;
  readonly type: string;
  readonly severity: string;
  readonly message: string;
  readonly object: string;
  readonly created: number;
  clearedAt: number | null;
}

export interface Events {
  /** Looks for news; called now and then, and before events are read. */
  look(): void;
  readonly routes: readonly Route[];
}

export function createEvents(desk: Desk): Events {
  const events: Event[] = [];
  const open = new Map<string, Event>();

  function add(event: Pick<Event, 'type' | 'severity' | 'message' | 'object'>): Event {
    const made = { ...event, uuid: randomUUID(), created: desk.now(), clearedAt: null };
    events.push(made);
    if (events.length > KEPT) events.splice(0, events.length - KEPT);
    return made;
  }

  /** An event lasts while its cause does; its end clears it. */
  function keep(
    isSo: boolean,
    event: Pick<Event, 'type' | 'severity' | 'message' | 'object'>,
  ): void {
    const key = `${event.type}\n${event.object}`;
    const before = open.get(key);
    if (isSo && !before) open.set(key, add(event));
    if (isSo || !before) return;
    before.clearedAt = desk.now();
    open.delete(key);
  }

  function look(): void {
    const threshold = thresholdSeconds(desk);
    for (const participant of participantViews(desk)) {
      const name = String(participant['name']);
      if (name === desk.local) continue;
      lookAt(name, participant['operState'] === 'DOWN', threshold);
    }
  }

  function lookAt(other: SiteName, isDown: boolean, threshold: number): void {
    const state = open.has(`GFS_PARTICIPANT_OPER_STATE_CHANGED\n${other}`);
    keep(isDown, {
      type: 'GFS_PARTICIPANT_OPER_STATE_CHANGED',
      severity: 'ERROR',
      message: `Participant ${other} of share ${desk.world.options.share.name} is DOWN`,
      object: other,
    });
    if (state && !isDown)
      add({
        type: 'GFS_PARTICIPANT_OPER_STATE_CHANGED',
        severity: 'NOTICE',
        message: `Participant ${other} of share ${desk.world.options.share.name} is UP`,
        object: other,
      });
    keep(latencyTo(desk, other).sendLatencySecs > threshold, {
      type: 'REPLICATION_LATENCY_THRESHOLD_EXCEEDED',
      severity: 'WARNING',
      message: `Replication to ${other} is more than ${threshold} s behind`,
      object: other,
    });
  }

  const views = (): View[] => {
    look();
    return events.map((event) => ({
      uoid: { uuid: event.uuid, objectType: 'EVENT' },
      type: event.type,
      severity: event.severity,
      message: event.message,
      objectName: event.object,
      created: event.created,
      modified: event.clearedAt ?? event.created,
      cleared: event.clearedAt !== null,
      clearedTime: event.clearedAt,
    }));
  };

  return {
    look,
    routes: [
      {
        method: 'GET',
        path: '/events/summary',
        answer: () => {
          const counts = new Map<string, number>();
          for (const { severity, cleared } of views() as { severity: string; cleared: boolean }[])
            if (!cleared) counts.set(severity, (counts.get(severity) ?? 0) + 1);
          return [...counts].map(([severity, count]) => ({ severity, count }));
        },
      },
      ...collectionRoutes({ path: '/events', objectType: 'EVENT', list: views }),
    ],
  };
}

function thresholdSeconds(desk: Desk): number {
  const share = desk.objectives.setup
    .of(desk.local)
    .shares.find(({ path }) => path === desk.world.options.share.path);
  return Number(share?.settings['replicationLatencyAlertThreshold'] ?? 60);
}
