// What the window says of a state: every sentence, number and order, without a window.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentState, SceneView, WaybillView } from '../../preload/contract.ts';
import { matchScene, previewFiles, previewScenes } from '../../renderer/present/drops.ts';
import {
  bytesText,
  durationText,
  framesText,
  nameOfPath,
  timeText,
} from '../../renderer/present/format.ts';
import { glanceOf, listHealth } from '../../renderer/present/glance.ts';
import { listJobs, taskCounts } from '../../renderer/present/jobs.ts';
import { regionLoad, regionWorkers } from '../../renderer/present/regions.ts';
import {
  listScenes,
  regionChips,
  sceneHealth,
  sceneRowName,
} from '../../renderer/present/scenes.ts';
import {
  barOf,
  canCancel,
  countersOf,
  groupWaybills,
  STEPS,
} from '../../renderer/present/waybills.ts';
import { WAYBILL_STEPS } from '../../main/engine/state.ts';
import {
  busyState,
  byId,
  doneState,
  emptyState,
  health,
  job,
  NOW,
  project,
  quietState,
  readClosure,
  region,
  scene,
  waybill,
} from './fixtures.ts';

const connected = { kind: 'connected' } as const;

describe('numbers', () => {
  test.each([
    [null, '—'],
    [undefined, '—'],
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [3_400_000, '3.4 MB'],
    [99_949_999, '99.9 MB'],
    [99_960_000, '100 MB'],
    [999_600_000, '1.0 GB'],
    [318_400_000_000, '318 GB'],
    [5e18, '5000 PB'],
  ])('%s bytes read as %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  test.each([
    [20_000, 'under a minute'],
    [4 * 60_000, '4 min'],
    [3_600_000, '1 h'],
    [2 * 3_600_000 + 10 * 60_000, '2 h 10 min'],
    [27 * 3_600_000, '1 d 3 h'],
  ])('%s ms read as %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  test('a time of today is a clock, another day carries its date, none is a dash', () => {
    expect(timeText(NOW, NOW)).toBe('12:00');
    expect(timeText(NOW - 3 * 86_400_000, NOW)).toMatch(/^\d{1,2} \w{3,4}, 12:00$/);
    expect(timeText(null, NOW)).toBe('—');
  });

  test('frames read as a range, its step and a dash where the scene tells none', () => {
    expect(framesText({ first: 1, last: 48, step: 1, fps: 24 })).toBe('1–48');
    expect(framesText({ first: 1, last: 48, step: 2, fps: null })).toBe('1–48 by 2');
    expect(framesText({ first: 7, last: 7, step: 1, fps: null })).toBe('7');
    expect(framesText(null)).toBe('—');
  });

  test('the name of a path is its last part on either kind of system', () => {
    expect(nameOfPath('/projects/lobby/tex/wood.png')).toBe('wood.png');
    expect(nameOfPath('C:\\lobby\\tex\\wood.png')).toBe('wood.png');
    expect(nameOfPath('/projects/lobby/')).toBe('lobby');
  });
});

describe('waybills', () => {
  test('the steps of the bar are the steps of the state, in its order', () => {
    expect(STEPS).toEqual(WAYBILL_STEPS);
  });

  test('what was not counted is no share of the bar, and what is not proven is empty', () => {
    const arriving = waybill({ id: 'w', step: 'payload-arriving' });
    expect(barOf(arriving, undefined)).toEqual([1, 1, 1, 1, null, 0, 0, 0, 0]);
    const half = { bytesSent: 0, bytesArrived: arriving.bytes / 2, filesReady: 1 };
    expect(barOf(arriving, half)).toEqual([1, 1, 1, 1, 0.5, 0, 0, 0, 0]);
  });

  test('more bytes than expected never fill more than the step', () => {
    const sending = waybill({ id: 'w', step: 'sending', bytes: 10 });
    expect(barOf(sending, { bytesSent: 25, bytesArrived: 0, filesReady: 0 })[1]).toBe(1);
  });

  test('a waybill without a job ends at ready', () => {
    const sendOnly = waybill({ id: 'w', step: 'ready', submit: false, framesTotal: 0 });
    expect(barOf(sendOnly, undefined)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(groupWaybills({ w: sendOnly }).done).toHaveLength(1);
    expect(canCancel(sendOnly)).toBe(false);
  });

  test('time left is said from the average, and not before there is enough to go by', () => {
    const arriving = waybill({
      id: 'w',
      step: 'payload-arriving',
      bytes: 1000,
      timeline: [{ step: 'metadata-in-region', at: NOW - 60_000, proof: '' }],
    });
    const counters = (bytesArrived: number): string =>
      countersOf(arriving, { bytesSent: 0, bytesArrived, filesReady: 1 }, NOW).join(' | ');
    expect(counters(250)).toContain('about 3 min left');
    expect(counters(0)).toContain('time left unknown');
    expect(counters(10)).toContain('time left unknown');
  });

  test('bytes that nobody told are never shown as a number', () => {
    for (const step of WAYBILL_STEPS) {
      const texts = countersOf(waybill({ id: 'w', step, bytes: 7_000 }), undefined, NOW);
      expect(texts.join(' ')).not.toMatch(/0 B|NaN|undefined|Infinity/);
    }
  });

  test('trouble comes first, cancelled last, the newest first within each', () => {
    const groups = groupWaybills(busyState().waybills);
    expect(groups.trouble.map(({ id }) => id)).toEqual(['w3', 'w7']);
    expect(groups.moving.map(({ id }) => id)).toEqual(['w2', 'w1', 'w4', 'w8']);
    expect(groups.done.map(({ id }) => id)).toEqual(['w5']);
    expect(groups.cancelled.map(({ id }) => id)).toEqual(['w6']);
  });
});

describe('scenes', () => {
  const scenes = byId([
    scene({ id: 'a', relativePath: 'shots/shot10.blend', modified: NOW }),
    scene({ id: 'b', relativePath: 'shots/shot2.blend', modified: NOW - 5 }),
    scene({ id: 'c', relativePath: 'assets/Wood/table.blend', modified: NOW - 9 }),
  ]);
  const names = (query: string, order: 'newest' | 'name'): string[] =>
    listScenes(scenes, { query, order }).map(({ name }) => name);

  test('names are in the order people count, or the newest come first', () => {
    expect(names('', 'name')).toEqual(['shot2.blend', 'shot10.blend', 'table.blend']);
    expect(names('', 'newest')).toEqual(['shot10.blend', 'shot2.blend', 'table.blend']);
  });

  test('every word of a search must be somewhere in the path, in any case', () => {
    expect(names('wood TAB', 'name')).toEqual(['table.blend']);
    expect(names('wood shot', 'name')).toEqual([]);
  });

  test.each<[SceneView['closure'], string]>([
    [{ kind: 'unread' }, 'not read yet'],
    [{ kind: 'reading' }, 'reading what it needs…'],
    [{ kind: 'unreadable', why: 'x' }, 'unreadable'],
    [readClosure({ files: 12, bytes: 3_400_000 }), '12 files, 3.4 MB'],
    [readClosure({ files: 1, bytes: 10 }), '1 file, 10 B'],
    [readClosure({ missing: [missing('/p/tex/wood.png')] }), 'missing wood.png'],
    [
      readClosure({ missing: [missing('/p/a.png'), missing('/p/b.png')] }),
      'missing a.png and 1 more',
    ],
  ])('%o is said as %s', (closure, text) => {
    expect(sceneHealth(closure).text).toBe(text);
  });

  test('a row is named by its file first, then what it needs and where it is', () => {
    const view = scene({ id: 's', relativePath: 'sh/a.blend', regions: ['us-west-2'] });
    const regions = { 'us-west-2': region({ id: 'us-west-2', name: 'Oregon' }) };
    const chips = regionChips(view, [], regions);
    expect(sceneRowName(view, chips)).toBe('a.blend, 12 files, 3.4 GB, ready in Oregon');
  });

  test('a region is a chip while a scene is there or bound for it, and no longer', () => {
    const view = scene({ id: 's', relativePath: 'a.blend', regions: ['r1'] });
    const bound = (values: Partial<WaybillView>): WaybillView[] => [
      waybill({ id: 'w', sceneId: 's', regionId: 'r2', ...values }),
    ];
    const kinds = (waybills: WaybillView[]): string[] =>
      regionChips(view, waybills, {}).map(({ regionId, kind }) => `${regionId} ${kind}`);
    expect(kinds(bound({ step: 'sending' }))).toEqual(['r1 ready', 'r2 on-way']);
    expect(kinds(bound({ step: 'done' }))).toEqual(['r1 ready']);
    expect(kinds(bound({ cancelled: true }))).toEqual(['r1 ready']);
  });
});

describe('regions and drops', () => {
  test('workers that the farm did not tell are unknown, not zero', () => {
    expect(regionWorkers(null)).toBe('— workers: not told yet');
    expect(regionWorkers({ live: 0, rendering: 0 })).toBe('0 workers, 0 rendering');
    expect(regionWorkers({ live: 1, rendering: 1 })).toBe('1 worker, 1 rendering');
  });

  test('a card counts what is on the way and what is ready', () => {
    expect(regionLoad('us-west-2', busyState())).toBe('3 on the way · 2 ready');
    expect(regionLoad('nowhere', busyState())).toBe('nothing sent yet');
  });

  test('before release a card says name, files and the bytes that may move', () => {
    const state = quietState();
    const oregon = region({ id: 'us-west-2', name: 'Oregon' });
    const [one, two] = Object.values(state.scenes);
    expect(previewScenes(one ? [one] : [], oregon, {})).toEqual({
      title: 'lobby_sh010.blend',
      lines: ['12 files, up to 3.4 GB to move'],
    });
    expect(previewScenes(one && two ? [one, two] : [], oregon, {})).toEqual({
      title: '2 scenes',
      lines: ['24 files, up to 6.8 GB to move'],
    });
  });

  test('a card says what is unread, missing, there already, on its way or waiting', () => {
    const there = region({ id: 'r', link: { kind: 'down', why: '' } });
    const lines = (view: SceneView, waybills = {}): readonly string[] =>
      previewScenes([view], there, waybills).lines;
    expect(lines(scene({ id: 's', relativePath: 'a.blend', closure: { kind: 'unread' } }))).toEqual(
      ['bytes unknown: not read yet', 'does not answer now; it will wait'],
    );
    const known = scene({
      id: 's',
      relativePath: 'a.blend',
      regions: ['r'],
      closure: readClosure({ missing: [missing('/p/a.png')] }),
    });
    expect(lines(known)[1]).toBe(
      '1 file missing · already there; only changes move · does not answer now; it will wait',
    );
    const bound = { w: waybill({ id: 'w', sceneId: 's', regionId: 'r', step: 'sending' }) };
    expect(lines(scene({ id: 's', relativePath: 'a.blend' }), bound)[1]).toContain(
      'on its way already',
    );
  });

  test('files of the OS are counted only: their names are hidden until release', () => {
    expect(previewFiles(3, region({ id: 'r' })).title).toBe('3 files from outside');
  });

  test('a dropped file is a scene only when name and size leave one choice', () => {
    const scenes = byId([
      scene({ id: 'a', relativePath: 'x/a.blend', size: 10 }),
      scene({ id: 'b', relativePath: 'y/a.blend', size: 10 }),
      scene({ id: 'c', relativePath: 'z/a.blend', size: 12 }),
    ]);
    expect(matchScene({ name: 'a.blend', size: 12 }, scenes)?.id).toBe('c');
    expect(matchScene({ name: 'a.blend', size: 10 }, scenes)).toBeNull();
    expect(matchScene({ name: 'b.blend', size: 12 }, scenes)).toBeNull();
  });
});

describe('jobs', () => {
  test('failed jobs come first, completed ones last', () => {
    expect(listJobs(busyState().jobs).map(({ state }) => state)).toEqual([
      'failed',
      'rendering',
      'suspended',
      'completed',
    ]);
  });

  test('tasks are counted by state; a state this version does not know is unknown', () => {
    const tasks = ['completed', 'completed', 'rendering', 'melting'].map((state) => ({
      frames: '1',
      state,
      worker: '',
    }));
    expect(taskCounts(tasks)).toBe('2 done · 1 rendering · 1 unknown');
    expect(taskCounts(job({ tasks: [] }).tasks)).toBe('Tasks not told by the farm yet.');
  });
});

describe('the glance', () => {
  const sentence = (state: AgentState | null): string => glanceOf(connected, state, NOW).sentence;

  test.each<[string, AgentState | null, string]>([
    ['no state yet', null, 'Connecting to the Waybill agent.'],
    ['no project', emptyState(), 'No project yet. Choose the folder you work in.'],
    ['all quiet', quietState(), 'Nothing on its way. Drop a scene on a region.'],
    ['all done', doneState(), 'Nothing on its way. Drop a scene on a region.'],
    ['trouble', busyState(), '2 waybills stand still. See why under Waybills.'],
    [
      'one moves',
      { ...quietState(), waybills: { w: waybill({ id: 'w', step: 'payload-arriving' }) } },
      'lobby_sh010.blend to Oregon: payload arriving.',
    ],
    [
      'an error',
      { ...busyState(), health: { e: health({ code: 'farm-unreachable', severity: 'error' }) } },
      'One thing failed. See what to do below.',
    ],
    [
      'paused',
      { ...quietState(), agent: { ...quietState().agent, paused: { until: NOW + 3_600_000 } } },
      'Paused until 13:00. Running transfers go on.',
    ],
  ])('%s', (_name, state, expected) => {
    expect(sentence(state)).toBe(expected);
  });

  test('a lost agent is said before anything the last state held', () => {
    const lost = { kind: 'lost', since: NOW } as const;
    expect(glanceOf(lost, quietState(), NOW)).toMatchObject({
      mark: 'error',
      sentence: 'The agent went away. Shown is what it proved last.',
      isIdle: false,
    });
    expect(glanceOf({ kind: 'signed-out' }, null, NOW).sentence).toContain('waybill open');
  });

  test('it is never quiet with an unscanned root, an unmet want, an open error or collision', () => {
    fc.assert(
      fc.property(fc.subarray(faults(), { minLength: 1 }), fc.boolean(), (some, isPaused) => {
        const quiet = quietState();
        const agent = { ...quiet.agent, paused: isPaused ? { until: null } : null };
        const state: AgentState = Object.assign({ ...quiet, agent }, ...some);
        return !glanceOf(connected, state, NOW).isIdle;
      }),
    );
    expect(glanceOf(connected, quietState(), NOW).isIdle).toBe(true);
  });

  test('health is listed worst first, then by age', () => {
    const listed = listHealth({
      a: health({ subject: 'a', severity: 'info', since: 1 }),
      b: health({ subject: 'b', severity: 'warning', since: 5 }),
      c: health({ subject: 'c', severity: 'warning', since: 2 }),
      d: health({ subject: 'd', severity: 'error', since: 9 }),
    });
    expect(listed.map(({ subject }) => subject)).toEqual(['d', 'c', 'b', 'a']);
  });
});

function missing(path: string): {
  readonly path: string;
  readonly raw: string;
  readonly kind: 'image';
  readonly via: string;
} {
  return { path, raw: path, kind: 'image', via: '/p/a.blend' };
}

/** One reason each not to be quiet. */
function faults(): Partial<AgentState>[] {
  return [
    { projects: { p1: project({ id: 'p1', scan: { kind: 'scanning', filesSeen: 3 } }) } },
    { projects: { p1: project({ id: 'p1', scan: { kind: 'unreadable', why: 'x' } }) } },
    { projects: { p1: project({ id: 'p1', recordsPending: 1 }) } },
    { waybills: { w: waybill({ id: 'w', step: 'released' }) } },
    { health: { e: health({ severity: 'error' }) } },
    { health: { e: health({ severity: 'warning' }) } },
    { collisions: { c1: openCollision() } },
    { scenes: { s: scene({ id: 's', relativePath: 'a.blend', closure: { kind: 'unread' } }) } },
  ];
}

function openCollision(): AgentState['collisions'][string] {
  const found = busyState().collisions['c1'];
  if (!found) throw new Error('the fixture has a collision');
  return found;
}
