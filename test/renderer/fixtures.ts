// States of the window worth looking at: empty, busy, in trouble, done, and as many scenes as a show has.

import type {
  ActivityView,
  AgentState,
  CollisionView,
  HealthItem,
  JobView,
  ProjectView,
  RegionView,
  SceneView,
  WaybillView,
} from '../../preload/contract.ts';

/** A fixed moment of the day the tests run on, so that clocks show times and not dates. */
export const NOW = new Date().setHours(12, 0, 0, 0);
const MINUTE = 60_000;

type Parts<T> = { readonly [K in keyof T]?: unknown };

/** Ids are branded in the engine; fixtures give them as plain text. */
function brand<T>(value: Parts<T>): T {
  return value as T;
}

export function emptyState(): AgentState {
  return {
    agent: {
      version: '0.1.0',
      pid: 4242,
      startedAt: NOW - 30 * MINUTE,
      user: 'ada',
      workstation: 'ws-17',
      studio: { kind: 'sandbox', name: 'Sandbox studio', homeSite: 'berlin' },
      paused: null,
    },
    health: {},
    projects: {},
    scenes: {},
    regions: byId([
      region({ id: 'us-west-2', name: 'Oregon', place: 'Boardman, USA', siteName: 'oregon' }),
      region({
        id: 'ap-south-1',
        name: 'Mumbai',
        place: 'Mumbai, India',
        siteName: 'mumbai',
        workers: { live: 0, rendering: 0 },
      }),
    ]),
    waybills: {},
    transfers: {},
    jobs: {},
    collisions: {},
    notices: [],
    activity: [],
  };
}

/** One project, a few scenes, nothing on its way. */
export function quietState(): AgentState {
  return {
    ...emptyState(),
    projects: byId([project({ id: 'p1', name: 'lobby', dir: '/projects/lobby' })]),
    scenes: byId([
      scene({ id: 's1', relativePath: 'shots/sh010/lobby_sh010.blend' }),
      scene({
        id: 's2',
        relativePath: 'shots/sh020/lobby_sh020.blend',
        modified: NOW - 90 * MINUTE,
        regions: ['us-west-2'],
      }),
      scene({
        id: 's3',
        relativePath: 'assets/wood/wood_table.blend',
        modified: NOW - 200 * MINUTE,
        closure: readClosure({
          missing: [
            {
              path: '/projects/lobby/assets/wood/tex/wood.png',
              raw: '//tex/wood.png',
              kind: 'image',
              via: '/projects/lobby/assets/wood/wood_table.blend',
            },
          ],
        }),
      }),
    ]),
    activity: [
      activity({ seq: 1, kind: 'watched', sentence: 'lobby is watched: 214 files.', files: 214 }),
      activity({
        seq: 2,
        kind: 'mirrored',
        sentence: '214 records of lobby are in the namespace; no payload moved.',
        files: 214,
        bytes: 61_440,
        proof: 'read back from lobby/.waybill/ws-17.jsonl, etag 9c1d',
      }),
    ],
  };
}

/** Everything at once: moving, held, in trouble, done; jobs, collisions, health of every severity, long names. */
export function busyState(): AgentState {
  const quiet = quietState();
  return {
    ...quiet,
    health: {
      'region-unreachable:eu-central-1': health({
        code: 'region-unreachable',
        subject: 'eu-central-1',
        severity: 'warning',
        sentence: 'Anvil of frankfurt does not answer (connection refused). Asking again.',
      }),
      'frames-kept-apart:w4': health({
        code: 'frames-kept-apart',
        subject: 'w4',
        severity: 'warning',
        sentence:
          'Your own lobby.0007.png was kept; the new frame is beside it as lobby.0007 (us-west-2 1f2e3d4c).png.',
      }),
      'project-scanning:p2': health({
        code: 'project-scanning',
        subject: 'p2',
        severity: 'info',
        sentence: 'archive is being listed for the first time.',
      }),
    },
    projects: byId([
      ...Object.values(quiet.projects),
      project({
        id: 'p2',
        name: 'archive',
        dir: '/projects/archive',
        scan: { kind: 'scanning', filesSeen: 18_500 },
        recordsPending: 1200,
      }),
    ]),
    scenes: byId([
      ...Object.values(quiet.scenes),
      scene({
        id: 's4',
        relativePath:
          'shots/sequence_with_a_long_name/sh0420/lighting/lobby_sh0420_lighting_final_final_v0042_ada.blend',
        modified: NOW - 2 * MINUTE,
        regions: ['us-west-2', 'ap-south-1', 'eu-central-1'],
        closure: readClosure({ files: 4211, bytes: 318_400_000_000 }),
      }),
      scene({
        id: 's5',
        relativePath: 'shots/sh030/lobby_sh030.blend',
        closure: { kind: 'reading' },
      }),
      scene({
        id: 's6',
        relativePath: 'shots/sh040/lobby_sh040.blend',
        closure: {
          kind: 'unreadable',
          why: 'lobby_sh040.blend ends after 4,096 bytes. Save it again in Blender.',
        },
      }),
      scene({
        id: 's7',
        relativePath: 'shots/sh050/lobby_sh050.blend',
        closure: { kind: 'unread' },
      }),
    ]),
    regions: byId([
      ...Object.values(quiet.regions),
      region({
        id: 'eu-central-1',
        name: 'Frankfurt',
        place: 'Frankfurt, Germany',
        siteName: 'frankfurt',
        link: { kind: 'down', why: 'Anvil of frankfurt does not answer (connection refused).' },
        workers: null,
      }),
      region({
        id: 'sa-east-1',
        name: 'São Paulo',
        place: 'São Paulo, Brazil',
        siteName: 'saopaulo',
        link: { kind: 'unknown' },
        workers: null,
      }),
    ]),
    waybills: byId([
      waybill({ id: 'w1', step: 'payload-arriving', jobId: '64f0c2a1' }),
      waybill({
        id: 'w2',
        sceneId: 's4',
        sceneName: 'lobby_sh0420_lighting_final_final_v0042_ada.blend',
        regionId: 'ap-south-1',
        step: 'sending',
        files: 4211,
        bytes: 318_400_000_000,
        createdAt: NOW - 2 * MINUTE,
      }),
      waybill({
        id: 'w3',
        sceneId: 's3',
        sceneName: 'wood_table.blend',
        regionId: 'eu-central-1',
        step: 'accepted',
        trouble: {
          sentence: 'Site frankfurt does not take part in share studio. Ask an admin to add it.',
          since: NOW - 6 * MINUTE,
          retry: 'never',
        },
      }),
      waybill({
        id: 'w4',
        sceneId: 's2',
        sceneName: 'lobby_sh020.blend',
        step: 'rendering',
        framesHome: 12,
        jobId: '64f0c2a2',
      }),
      waybill({
        id: 'w5',
        sceneId: 's2',
        sceneName: 'lobby_sh020.blend',
        regionId: 'ap-south-1',
        step: 'done',
        framesHome: 48,
        jobId: '64f0c2a3',
        createdAt: NOW - 80 * MINUTE,
      }),
      waybill({ id: 'w6', step: 'ready', cancelled: true, createdAt: NOW - 300 * MINUTE }),
      waybill({
        id: 'w7',
        regionId: 'ap-south-1',
        step: 'metadata-in-region',
        submit: false,
        framesTotal: 0,
        trouble: {
          sentence: 'oregon does not list /studio/lobby/tex/wood.png as it was sent yet.',
          since: NOW - MINUTE,
          retry: 'later',
        },
      }),
      waybill({ id: 'w8', sceneId: 's2', sceneName: 'lobby_sh020.blend', step: 'queued' }),
    ]),
    transfers: {
      w1: { bytesSent: 3_400_000_000, bytesArrived: 1_212_000_000, filesReady: 5 },
      w2: { bytesSent: 71_000_000_000, bytesArrived: 0, filesReady: 0 },
      w4: { bytesSent: 3_400_000_000, bytesArrived: 3_400_000_000, filesReady: 12 },
      w5: { bytesSent: 3_400_000_000, bytesArrived: 3_400_000_000, filesReady: 12 },
    },
    jobs: byId([
      job({ id: '64f0c2a1', waybillId: 'w1', name: 'lobby_sh010', state: 'suspended' }),
      job({
        id: '64f0c2a2',
        waybillId: 'w4',
        name: 'lobby_sh020',
        state: 'rendering',
        tasks: tasks(48, (i) => (i < 12 ? 'completed' : i < 15 ? 'rendering' : 'queued')),
        why: '12 of 48 tasks done.',
      }),
      job({
        id: '64f0c2a3',
        waybillId: 'w5',
        name: 'lobby_sh020',
        state: 'completed',
        tasks: tasks(48, () => 'completed'),
        why: 'All tasks done.',
      }),
      job({
        id: '64f0c2a4',
        waybillId: null,
        name: 'wood_table_turntable_for_review',
        state: 'failed',
        tasks: tasks(240, (i) => (i % 17 === 3 ? 'failed' : i < 200 ? 'completed' : 'queued')),
        errors: 14,
        why: '14 tasks failed; see the report.',
        report:
          'Error: Renderer returned non-zero error code, 1.\nCannot open image file: /mnt/hs/studio/lobby/tex/wood.png\nat frame 4',
      }),
    ]),
    collisions: byId([
      collision({ id: 'c1' }),
      collision({
        id: 'c2',
        kind: 'folder-folder',
        path: '/studio/lobby/renders/sh020',
        sides: [
          { shownName: 'sh020', site: 'berlin', size: null, modified: NOW - 40 * MINUTE },
          { shownName: 'sh020[#S=2]', site: 'oregon', size: null, modified: null },
        ],
      }),
      collision({ id: 'c3', path: '/studio/lobby/notes.txt', settled: true }),
    ]),
    activity: [
      ...quiet.activity,
      activity({
        seq: 3,
        kind: 'tagged',
        sentence: 'lobby_sh010.blend and all it needs is tagged for Oregon.',
        files: 12,
        bytes: 3_400_000_000,
        proof: 'keep-on-site oregon read back on 12 paths',
      }),
      activity({
        seq: 4,
        kind: 'held',
        sentence: 'The job is held until its data is in Oregon.',
        proof: 'job 64f0c2a1 read back as suspended',
      }),
      activity({
        seq: 5,
        kind: 'arriving',
        sentence: '5 of 12 files are in Oregon.',
        files: 5,
        bytes: 1_212_000_000,
        proof: 'current copies listed by oregon',
      }),
      activity({
        seq: 6,
        kind: 'collision',
        sentence: 'berlin and oregon both made /studio/lobby/lookdev.txt.',
        proof: 'listed as lookdev.txt and lookdev[#S!=2].txt',
      }),
      activity({
        seq: 7,
        kind: 'trouble',
        sentence: 'Site frankfurt does not take part in share studio. Ask an admin to add it.',
        proof: 'mark-not-answered',
      }),
      activity({
        seq: 8,
        kind: 'frames-home',
        sentence: '48 frames of lobby_sh020.blend are home.',
        files: 48,
        bytes: 96_000_000,
        proof: '48 frames downloaded to /projects/lobby/renders/sh020, checksums verified',
      }),
    ],
  };
}

/** All that was sent has arrived and is rendered. */
export function doneState(): AgentState {
  const quiet = quietState();
  const done = waybill({ id: 'w1', step: 'done', framesHome: 48, jobId: '64f0c2a1' });
  return {
    ...quiet,
    scenes: byId(
      Object.values(quiet.scenes).map((view) =>
        view.name === 'wood_table.blend'
          ? { ...view, closure: readClosure({}) }
          : scene({ ...view, regions: ['us-west-2'] }),
      ),
    ),
    waybills: { w1: done },
    transfers: { w1: { bytesSent: done.bytes, bytesArrived: done.bytes, filesReady: 12 } },
    jobs: byId([
      job({
        id: '64f0c2a1',
        waybillId: 'w1',
        name: 'lobby_sh010',
        state: 'completed',
        tasks: tasks(48, () => 'completed'),
        why: 'All tasks done.',
      }),
    ]),
  };
}

/** A show: thousands of scenes in hundreds of folders. */
export function manyScenes(count: number): AgentState['scenes'] {
  return byId(
    Array.from({ length: count }, (_, index) => {
      const sequence = String(Math.floor(index / 40)).padStart(3, '0');
      const shot = String((index % 40) * 10).padStart(4, '0');
      return scene({
        id: `many-${index}`,
        relativePath: `shots/sq${sequence}/sh${shot}/sq${sequence}_sh${shot}_lighting.blend`,
        modified: NOW - index * MINUTE,
        regions: index % 7 === 0 ? ['us-west-2'] : [],
        closure: readClosure({ files: 12 + (index % 90), bytes: 3_400_000 * (1 + (index % 300)) }),
      });
    }),
  );
}

export function project(values: Parts<ProjectView>): ProjectView {
  return brand<ProjectView>({
    namespacePath: `/studio/${String(values.name)}`,
    scan: { kind: 'scanned', files: 214, bytes: 8_120_000_000, at: NOW - 5 * MINUTE },
    recordsPending: 0,
    recordsMirrored: 214,
    ...values,
  });
}

export function scene(values: Parts<SceneView> & { relativePath: string }): SceneView {
  return brand<SceneView>({
    projectId: 'p1',
    name: values.relativePath.split('/').at(-1),
    path: `/projects/lobby/${values.relativePath}`,
    size: 1_450_000,
    modified: NOW - 12 * MINUTE,
    closure: readClosure({}),
    regions: [],
    ...values,
  });
}

export function readClosure(
  values: Partial<Extract<SceneView['closure'], { kind: 'read' }>>,
): SceneView['closure'] {
  return {
    kind: 'read',
    files: 12,
    bytes: 3_400_000_000,
    missing: [],
    warnings: [],
    frames: { first: 1, last: 48, step: 1, fps: 24 },
    engine: 'CYCLES',
    cameras: ['Camera'],
    dcc: 'Blender 4.2',
    ...values,
  };
}

export function region(values: Parts<RegionView>): RegionView {
  return brand<RegionView>({
    groups: [values.id],
    link: { kind: 'up' },
    workers: { live: 4, rendering: 1 },
    ...values,
  });
}

export function waybill(values: Parts<WaybillView>): WaybillView {
  return brand<WaybillView>({
    sceneId: 's1',
    sceneName: 'lobby_sh010.blend',
    projectId: 'p1',
    regionId: 'us-west-2',
    step: 'queued',
    trouble: null,
    cancelled: false,
    files: 12,
    bytes: 3_400_000_000,
    who: 'ada',
    createdAt: NOW - 8 * MINUTE,
    holdUntil: NOW + 24 * 60 * MINUTE,
    jobId: null,
    submit: true,
    framesTotal: 48,
    framesHome: 0,
    timeline: [
      { step: 'queued', at: NOW - 8 * MINUTE, proof: 'written to the ledger' },
      { step: 'sending', at: NOW - 8 * MINUTE + 400, proof: 'to berlin' },
      { step: 'accepted', at: NOW - 7 * MINUTE, proof: '12 files listed at berlin' },
      { step: 'tagged', at: NOW - 7 * MINUTE, proof: 'keep-on-site oregon read back on 12 paths' },
      { step: 'metadata-in-region', at: NOW - 6 * MINUTE, proof: 'listed by oregon' },
    ],
    ...values,
  });
}

export function job(values: Parts<JobView>): JobView {
  return brand<JobView>({
    waybillId: null,
    group: 'us-west-2',
    tasks: tasks(48, () => 'suspended'),
    errors: 0,
    report: null,
    outputDir: '/projects/lobby/renders/sh020',
    why: 'Held until its data is in Oregon.',
    ...values,
  });
}

function tasks(count: number, stateOf: (index: number) => string): JobView['tasks'] {
  return Array.from({ length: count }, (_, index) => {
    const state = stateOf(index);
    return {
      frames: String(index + 1),
      state,
      worker: state === 'queued' || state === 'suspended' ? '' : `oregon-${index % 4}`,
    };
  });
}

export function collision(values: Parts<CollisionView>): CollisionView {
  return brand<CollisionView>({
    projectId: 'p1',
    kind: 'file-file',
    path: '/studio/lobby/lookdev.txt',
    sides: [
      { shownName: 'lookdev.txt', site: 'berlin', size: 1_204, modified: NOW - 34 * MINUTE },
      { shownName: 'lookdev[#S!=2].txt', site: 'oregon', size: 980, modified: NOW - 33 * MINUTE },
    ],
    seenAt: NOW - 30 * MINUTE,
    consequence: 'Each site reads its own file under this name. Renders differ by region.',
    settled: false,
    ...values,
  });
}

export function health(values: Parts<HealthItem>): HealthItem {
  return brand<HealthItem>({ since: NOW - 4 * MINUTE, severity: 'warning', ...values });
}

function activity(values: Parts<ActivityView> & { seq: number }): ActivityView {
  return brand<ActivityView>({
    at: NOW - (20 - values.seq) * MINUTE,
    subject: 'p1',
    bytes: null,
    files: null,
    proof: 'complete listing of /projects/lobby',
    ...values,
  });
}

export function byId<T extends { readonly id: string }>(items: readonly T[]): Record<string, T> {
  return Object.fromEntries(items.map((item) => [item.id, item]));
}
