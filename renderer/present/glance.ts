// The one sentence on top: what is going on now. Never quiet while something is unchecked, unmet or wrong.

import type { AgentState, HealthItem } from '../../preload/contract.ts';
import type { Connection } from '../agent.ts';
import { words } from '../words/en.ts';
import { bytesText, countText, timeText } from './format.ts';
import type { Mark } from './marks.ts';
import { arrivedTogether, groupWaybills, regionNameOf, type WaybillGroups } from './waybills.ts';

export interface Glance {
  readonly mark: Mark;
  readonly sentence: string;
  /** True only for the one quiet sentence. */
  readonly isIdle: boolean;
}

/** The most urgent truth wins; each rule below says nothing when it does not apply. */
export function glanceOf(connection: Connection, state: AgentState | null, now: number): Glance {
  if (connection.kind === 'signed-out') return say('attention', words.glance.signedOut);
  if (connection.kind === 'lost')
    return say('error', state === null ? words.glance.unreachable : words.glance.lost);
  if (state === null) return say('unknown', words.glance.connecting);
  if (Object.keys(state.projects).length === 0) return say('waiting', words.glance.noProject);
  const groups = groupWaybills(state.waybills);
  return (
    ofErrors(state) ??
    ofTrouble(state, groups) ??
    ofPause(state, now) ??
    ofCollisions(state) ??
    ofMoving(state, groups) ??
    ofChecking(state) ??
    ofWarnings(state) ?? { mark: 'good', sentence: words.glance.idle, isIdle: true }
  );
}

function say(mark: Mark, sentence: string): Glance {
  return { mark, sentence, isIdle: false };
}

function ofErrors(state: AgentState): Glance | null {
  const errors = Object.values(state.health).filter((item) => item.severity === 'error').length;
  if (errors > 0) return say('error', words.glance.failed(errors));
  const isUnreadable = Object.values(state.projects).some(({ scan }) => scan.kind === 'unreadable');
  return isUnreadable ? say('error', words.glance.failed(1)) : null;
}

function ofTrouble(state: AgentState, { trouble }: WaybillGroups): Glance | null {
  const [first] = trouble;
  if (!first) return null;
  if (trouble.length > 1)
    return say('attention', words.glance.standStill(countText(trouble.length)));
  const region = regionNameOf(state.regions, first.regionId);
  return say('attention', words.glance.standsStill(first.sceneName, region));
}

function ofPause(state: AgentState, now: number): Glance | null {
  const { paused } = state.agent;
  if (!paused) return null;
  return say(
    'paused',
    paused.until === null
      ? words.glance.paused
      : words.glance.pausedUntil(timeText(paused.until, now)),
  );
}

function ofCollisions(state: AgentState): Glance | null {
  const open = Object.values(state.collisions).filter((collision) => !collision.settled).length;
  if (open === 0) return null;
  return say(
    'attention',
    open === 1 ? words.glance.collision : words.glance.collisions(countText(open)),
  );
}

function ofMoving(state: AgentState, { moving }: WaybillGroups): Glance | null {
  const [first] = moving;
  if (!first) return null;
  if (moving.length === 1) {
    const region = regionNameOf(state.regions, first.regionId);
    const step = words.steps[first.step].toLowerCase();
    return say('moving', words.glance.oneMoves(first.sceneName, region, step));
  }
  const together = arrivedTogether(moving, state.transfers);
  const count = countText(moving.length);
  return say(
    'moving',
    together
      ? words.glance.manyMoveBytes(count, bytesText(together.arrived), bytesText(together.total))
      : words.glance.manyMove(count),
  );
}

function ofChecking(state: AgentState): Glance | null {
  const projects = Object.values(state.projects);
  for (const { name, scan } of projects) {
    if (scan.kind === 'scanning')
      return say('unknown', words.glance.checking(name, countText(scan.filesSeen)));
  }
  const pending = projects.reduce((sum, project) => sum + project.recordsPending, 0);
  if (pending > 0) return say('moving', words.glance.recordsWait(countText(pending)));
  const reading = Object.values(state.scenes).filter(
    ({ closure }) => closure.kind === 'reading' || closure.kind === 'unread',
  ).length;
  if (reading === 0) return null;
  return say(
    'unknown',
    reading === 1 ? words.glance.readingOne : words.glance.reading(countText(reading)),
  );
}

function ofWarnings(state: AgentState): Glance | null {
  const isWarned = Object.values(state.health).some((item) => item.severity === 'warning');
  return isWarned ? say('attention', words.glance.warned) : null;
}

const SEVERITY_RANK = { error: 0, warning: 1, info: 2 } as const;

/** Worst first, oldest first within one severity. */
export function listHealth(health: AgentState['health']): readonly HealthItem[] {
  return Object.values(health).toSorted(
    (a, b) => SEVERITY_RANK[a.severity] - SEVERITY_RANK[b.severity] || a.since - b.since,
  );
}

export function healthMark(severity: HealthItem['severity']): Mark {
  switch (severity) {
    case 'error':
      return 'error';
    case 'warning':
      return 'attention';
    case 'info':
      return 'unknown';
  }
}
