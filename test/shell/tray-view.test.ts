// The tray shows one shape and one sentence, and never calm where something is open.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RegionId, SceneId, WaybillId, ProjectId } from '../../main/engine/core/names.ts';
import { trayView } from '../../main/shell/tray-view.ts';
import { WAYBILL_STEPS } from '../../main/engine/state.ts';
import type {
  AgentState,
  CollisionView,
  HealthItem,
  ProjectView,
  SceneView,
  WaybillView,
} from '../../preload/contract.ts';

const calm: AgentState = {
  agent: {
    version: '0',
    pid: 1,
    startedAt: 0,
    user: 'artist',
    workstation: 'ws-1',
    studio: { kind: 'sandbox', name: 'Sandbox', homeSite: 'london' },
    paused: null,
  },
  health: {},
  projects: {},
  scenes: {},
  regions: {
    'us-west-2': {
      id: 'us-west-2' as RegionId,
      name: 'Oregon',
      place: '',
      siteName: 'oregon',
      groups: [],
      link: { kind: 'up' },
      workers: null,
    },
  },
  waybills: {},
  transfers: {},
  jobs: {},
  collisions: {},
  notices: [],
  activity: [],
};

function waybill(change: Partial<WaybillView>): WaybillView {
  return {
    id: 'w1' as WaybillId,
    sceneId: 's1' as SceneId,
    sceneName: 'robot.blend',
    projectId: 'p1' as ProjectId,
    regionId: 'us-west-2' as RegionId,
    step: 'queued',
    trouble: null,
    cancelled: false,
    files: 3,
    bytes: 20_000_000,
    who: 'artist',
    createdAt: 0,
    holdUntil: null,
    jobId: null,
    submit: true,
    framesTotal: 6,
    framesHome: 0,
    timeline: [],
    ...change,
  };
}

function project(change: Partial<ProjectView>): ProjectView {
  return {
    id: 'p1' as ProjectId,
    name: 'robots',
    dir: '/home/artist/robots',
    namespacePath: '/shots/robots',
    scan: { kind: 'scanned', files: 1, bytes: 1, at: 0 },
    recordsPending: 0,
    recordsMirrored: 1,
    ...change,
  };
}

function health(severity: HealthItem['severity']): AgentState['health'] {
  const item: HealthItem = {
    code: 'farm-unreachable',
    severity,
    since: 0,
    sentence: 'The farm does not answer.',
    subject: 'farm',
  };
  return { farm: item };
}

function scene(kind: 'unread' | 'reading'): SceneView {
  return { name: 'robot.blend', closure: { kind } } as SceneView;
}

const collision = { settled: false } as CollisionView;
const stuck = { sentence: 'The farm refused it.', since: 0, retry: 'never' } as const;
const shows = (change: Partial<AgentState>) =>
  trayView({ kind: 'up', state: { ...calm, ...change } });

describe('the tray', () => {
  test.each<{ title: string; change: Partial<AgentState>; shape: string; says: RegExp }>([
    { title: 'nothing yet', change: {}, shape: 'idle', says: /No folder yet/ },
    {
      title: 'a scanned project',
      change: { projects: { p1: project({}) } },
      shape: 'idle',
      says: /All quiet/,
    },
    {
      title: 'a project being scanned',
      change: { projects: { p1: project({ scan: { kind: 'scanning', filesSeen: 2 } }) } },
      shape: 'checking',
      says: /Checking robots/,
    },
    {
      title: 'records on their way',
      change: { projects: { p1: project({ recordsPending: 4 }) } },
      shape: 'checking',
      says: /robots: 4 records/,
    },
    {
      title: 'a project that cannot be read',
      change: { projects: { p1: project({ scan: { kind: 'unreadable', why: 'No access.' } }) } },
      shape: 'error',
      says: /No access/,
    },
    {
      title: 'data arriving',
      change: {
        waybills: { w1: waybill({ step: 'payload-arriving' }) },
        transfers: { w1: { bytesSent: 20_000_000, bytesArrived: 5_000_000, filesReady: 1 } },
      },
      shape: 'working',
      says: /robot\.blend is arriving in Oregon: 5\.0 of 20 MB/,
    },
    {
      title: 'a job that waits for its frames although its data is ready',
      change: { waybills: { w1: waybill({ step: 'ready' }) } },
      shape: 'working',
      says: /is ready in Oregon/,
    },
    {
      title: 'a scene sent without a job',
      change: { waybills: { w1: waybill({ step: 'ready', submit: false, framesTotal: 0 }) } },
      shape: 'ready',
      says: /is ready in Oregon/,
    },
    {
      title: 'a job that is done',
      change: { waybills: { w1: waybill({ step: 'done', framesHome: 6 }) } },
      shape: 'ready',
      says: /is done in Oregon: 6 of 6 frames home/,
    },
    {
      title: 'a waybill that stands still',
      change: { waybills: { w1: waybill({ trouble: stuck }) } },
      shape: 'attention',
      says: /robot\.blend for Oregon: The farm refused it/,
    },
    {
      title: 'a cancelled waybill that stood still',
      change: { waybills: { w1: waybill({ trouble: stuck, cancelled: true }) } },
      shape: 'idle',
      says: /No folder/,
    },
    {
      title: 'an open collision',
      change: { collisions: { c1: collision } },
      shape: 'attention',
      says: /1 name collision waits/,
    },
    {
      title: 'a pause',
      change: { agent: { ...calm.agent, paused: { until: null } } },
      shape: 'paused',
      says: /Paused until you resume/,
    },
    {
      title: 'a service that does not answer',
      change: { health: health('warning') },
      shape: 'offline',
      says: /farm does not answer/,
    },
    {
      title: 'frames that were kept apart',
      change: {
        health: {
          apart: {
            code: 'frames-kept-apart',
            severity: 'warning',
            since: 0,
            sentence: 'Two frames were kept apart.',
            subject: 'w1',
          },
        },
      },
      shape: 'attention',
      says: /kept apart/,
    },
    {
      title: 'a scene that is being read',
      change: { scenes: { s1: scene('reading') } },
      shape: 'checking',
      says: /Reading what robot\.blend needs/,
    },
    {
      title: 'an error before all else',
      change: {
        health: health('error'),
        collisions: { c1: collision },
        agent: { ...calm.agent, paused: { until: null } },
      },
      shape: 'error',
      says: /farm does not answer/,
    },
  ])('shows $shape for $title', ({ change, shape, says }) => {
    const view = shows(change);
    expect(view.shape).toBe(shape);
    expect(view.sentence).toMatch(says);
  });

  test('shows why there is no engine', () => {
    expect(trayView({ kind: 'starting' }).shape).toBe('checking');
    expect(trayView({ kind: 'down', why: 'The disk is full.' })).toEqual({
      shape: 'error',
      sentence: 'The disk is full.',
    });
  });

  test('is never idle or ready with an unscanned root, an unmet want or an open error', () => {
    const anyProject = fc
      .record({
        pending: fc.nat(3),
        scan: fc.constantFrom<ProjectView['scan']>(
          { kind: 'scanning', filesSeen: 0 },
          { kind: 'scanned', files: 0, bytes: 0, at: 0 },
          { kind: 'unreadable', why: 'No access.' },
        ),
      })
      .map(({ pending, scan }) => project({ recordsPending: pending, scan }));
    const anyWaybill = fc
      .record({
        step: fc.constantFrom(...WAYBILL_STEPS),
        cancelled: fc.boolean(),
        trouble: fc.constantFrom(null, stuck),
        submit: fc.boolean(),
        createdAt: fc.nat(),
      })
      .map(waybill);
    const anyState = fc.record({
      projects: fc.array(anyProject, { maxLength: 3 }),
      waybills: fc.array(anyWaybill, { maxLength: 3 }),
      severity: fc.constantFrom<HealthItem['severity'] | null>(null, 'info', 'warning', 'error'),
      isCollided: fc.boolean(),
      isUnread: fc.boolean(),
    });
    fc.assert(
      fc.property(anyState, ({ projects, waybills, severity, isCollided, isUnread }) => {
        const view = shows({
          projects: Object.fromEntries(projects.entries()),
          waybills: Object.fromEntries(waybills.entries()),
          health: severity === null ? {} : health(severity),
          collisions: isCollided ? { c1: collision } : {},
          scenes: isUnread ? { s1: scene('unread') } : {},
        });
        const open = waybills.filter(({ cancelled }) => !cancelled);
        const isCalm =
          severity === null &&
          !isCollided &&
          !isUnread &&
          projects.every(
            ({ scan, recordsPending }) => scan.kind === 'scanned' && recordsPending === 0,
          ) &&
          open.every(
            ({ step, trouble, submit }) =>
              trouble === null && step === (!submit ? 'ready' : 'done'),
          );
        expect(['idle', 'ready'].includes(view.shape)).toBe(isCalm);
      }),
    );
  });
});
