// The engine's main job over an in-memory studio: one job, released once, whatever dies in between.

import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EnginePorts } from '../../main/engine/context.ts';
import type { Engine } from '../../main/engine/engine.ts';
import type { AgentState, WaybillView } from '../../main/engine/state.ts';
import { makeProject, startFakeEngine } from '../harness/fake-engine.ts';
import { createFakeWorld, fakeStudio, type FakeWorld } from '../harness/fake-studio.ts';

const call = { signal: new AbortController().signal };

let root: string;
let world: FakeWorld;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'waybill-engine-'));
  world = createFakeWorld();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const stateDir = (): string => join(root, 'state');

function until<T>(
  engine: Engine,
  pick: (state: AgentState) => T | null | undefined | false,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      world.step();
      const found = pick(engine.snapshot().state);
      if (!found) return;
      clearInterval(timer);
      clearTimeout(limit);
      resolve(found);
    }, 15);
    const limit = setTimeout(() => {
      clearInterval(timer);
      reject(new Error(`in vain: ${JSON.stringify(engine.snapshot().state.waybills)}`));
    }, 20_000);
  });
}

function doneWaybill(state: AgentState): WaybillView | undefined {
  return Object.values(state.waybills).find((waybill) => waybill.step === 'done');
}

function sending(scene: string, change: object = {}) {
  return { scene, region: 'oregon', submit: true, allowMissing: false, ...change };
}

describe('the main job', () => {
  test('a scene is mirrored, tagged, submitted held, released once when ready, and its frames come home', async () => {
    const project = makeProject(join(root, 'show'));
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    await until(engine, (state) => Object.values(state.projects)[0]?.recordsMirrored === 3);
    await engine.sendScene(sending(project.scene), call);
    const waybill = await until(engine, doneWaybill);

    expect(waybill.timeline.map((entry) => entry.step)).toEqual([
      'queued',
      'sending',
      'accepted',
      'tagged',
      'submitted',
      'held',
      ...waybill.timeline
        .map((entry) => entry.step)
        .filter((step) => step === 'metadata-in-region' || step === 'payload-arriving'),
      'ready',
      'released',
      'rendering',
      'frames-home',
      'notified',
      'done',
    ]);
    expect([world.posts, world.resumes]).toEqual([1, 1]);
    expect(readdirSync(join(project.dir, 'renders/sh010'))).toHaveLength(3);
    expect(engine.snapshot().state.notices.map((notice) => notice.title)).toEqual([
      'sh010.scene is rendered',
    ]);
  });

  test('a save is noticed without being asked for', async () => {
    const project = makeProject(join(root, 'show'));
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    await until(engine, (state) => Object.values(state.projects)[0]?.recordsMirrored === 3);
    writeFileSync(join(project.dir, 'tex/wood.png'), 'darker wood');
    const change = await until(engine, (state) =>
      state.activity.find((line) => line.kind === 'changed'),
    );
    expect(change.sentence).toBe('tex/wood.png changed in show.');
  });

  test('a missing texture refuses the send by name until told otherwise', async () => {
    const project = makeProject(join(root, 'show'));
    rmSync(join(project.dir, 'tex/rock.png'));
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    await expect(engine.sendScene(sending(project.scene), call)).rejects.toMatchObject({
      code: 'closure-incomplete',
      message: expect.stringContaining('tex/rock.png') as string,
    });
    expect(world.posts).toBe(0);
    await engine.sendScene(sending(project.scene, { allowMissing: true }), call);
    expect((await until(engine, doneWaybill)).files).toBe(2);
  });

  test('an unknown region, a scene outside every project and a folder that is not there are refused in a sentence', async () => {
    const project = makeProject(join(root, 'show'));
    const stray = makeProject(join(root, 'stray'));
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    await expect(
      engine.sendScene(sending(project.scene, { region: 'mars' }), call),
    ).rejects.toThrow('The studio has no region "mars". It has us-west-2.');
    await expect(engine.sendScene(sending(stray.scene), call)).rejects.toMatchObject({
      code: 'outside-project',
    });
    await expect(engine.addProject({ dir: join(root, 'nowhere') }, call)).rejects.toMatchObject({
      code: 'file-missing',
    });
  });

  test('one request asked twice, or dropped twice, is one waybill and one job', async () => {
    const project = makeProject(join(root, 'show'));
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    const requestId = randomUUID();
    const request = sending(project.scene, { requestId });
    const views = await Promise.all([
      engine.sendScene(request, call),
      engine.sendScene(request, call),
      engine.sendScene(sending(project.scene), call),
    ]);
    expect(new Set(views.map((view) => view.id))).toEqual(new Set([requestId]));
    await until(engine, doneWaybill);
    expect((await engine.sendScene(request, call)).step).toBe('done');
    expect(world.posts).toBe(1);
  });

  test('a POST whose answer was lost makes one job', async () => {
    const project = makeProject(join(root, 'show'));
    world.losePostAnswer = true;
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    await engine.sendScene(sending(project.scene), call);
    await until(engine, doneWaybill);
    expect([world.posts, world.jobs.size]).toEqual([1, 1]);
  });

  test('a second job that would write the same frames is refused until the first is over', async () => {
    const project = makeProject(join(root, 'show'));
    const studio = {
      ...fakeStudio,
      regions: [
        ...fakeStudio.regions,
        { ...fakeStudio.regions[0], id: 'eu-west-2', name: 'London', siteName: 'london' },
      ],
    } as typeof fakeStudio;
    await using engine = await startFakeEngine({ stateDir: stateDir(), world, studio });
    await engine.addProject({ dir: project.dir }, call);
    await engine.sendScene(sending(project.scene), call);
    const second = sending(project.scene, { region: 'London' });
    await expect(engine.sendScene(second, call)).rejects.toMatchObject({
      code: 'output-taken',
      message: expect.stringContaining('Wait for it or cancel it') as string,
    });
    await engine.sendScene({ ...second, submit: false }, call);
    await until(engine, doneWaybill);
    await engine.sendScene({ ...second, frames: '1-2' }, call);
  });

  test('a file that leaves the region after it was ready keeps the job held, with the reason shown', async () => {
    const project = makeProject(join(root, 'show'));
    let timesWhole = 0;
    let isGone = false;
    const wrap = (ports: EnginePorts): EnginePorts => {
      const oregon = ports.gateways.get('oregon');
      if (!oregon) return ports;
      const leaving: typeof oregon = {
        ...oregon,
        async tree(dir) {
          const items = await oregon.tree(dir);
          const wanted = items.filter((item) => /\.(scene|png)$/.test(item.path));
          const isWhole = wanted.length === 3 && wanted.every((item) => item.online);
          // Whole once, which proves it ready; a moment later one copy is gone.
          if (isWhole) timesWhole += 1;
          if (timesWhole === 2 && world.resumes === 0) isGone = true;
          return items.map((item) => ({
            ...item,
            online: item.online && !(isGone && item.name === 'wood.png'),
          }));
        },
      };
      return { ...ports, gateways: new Map([...ports.gateways, ['oregon', leaving]]) };
    };
    await using engine = await startFakeEngine({ stateDir: stateDir(), world, wrap });
    await engine.addProject({ dir: project.dir }, call);
    const { id } = await engine.sendScene(sending(project.scene), call);
    const trouble = await until(engine, (state) => state.waybills[id]?.trouble);
    expect(trouble.sentence).toMatch(/files are not in Oregon any more/);
    expect(world.resumes).toBe(0);
    isGone = false;
    timesWhole = 3;
    await until(engine, doneWaybill);
    expect(world.resumes).toBe(1);
  });

  test('a cancelled waybill takes its marks back and never renders', async () => {
    const project = makeProject(join(root, 'show'));
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    const { id } = await engine.sendScene(sending(project.scene), call);
    await engine.cancelWaybill({ waybillId: id }, call);
    await sleep(200);
    world.step();
    expect(world.resumes).toBe(0);
    const kept = [...world.marks].filter(
      ([path, marks]) => marks.size > 0 && path.includes('/tex/'),
    );
    expect(kept).toEqual([]);
  });
});

describe('what a client may ask beside the main job', () => {
  test('a project is checked, removed, and refused its removal while a waybill needs it', async () => {
    const project = makeProject(join(root, 'show'));
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    const { id } = await engine.addProject({ dir: project.dir }, call);
    writeFileSync(join(project.dir, 'new.txt'), 'new');
    const checked = await engine.checkProject({ projectId: id }, call);
    expect(checked.scan).toMatchObject({ kind: 'scanned', files: 4 });
    await engine.sendScene(sending(project.scene), call);
    await expect(engine.removeProject({ projectId: id }, call)).rejects.toThrow(/Cancel it first/);
    await until(engine, doneWaybill);
    await engine.removeProject({ projectId: id }, call);
    expect(engine.snapshot().state.projects).toEqual({});
    await expect(engine.checkProject({ projectId: id }, call)).rejects.toMatchObject({
      code: 'unknown-project',
    });
  });

  test('a notice is shown until one surface has shown it', async () => {
    const project = makeProject(join(root, 'show'));
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    await engine.sendScene(sending(project.scene), call);
    await until(engine, doneWaybill);
    const [notice] = engine.snapshot().state.notices;
    await engine.dismissNotice({ noticeId: notice?.id ?? '' }, call);
    expect(engine.snapshot().state.notices).toEqual([]);
  });

  test('what stands still is tried again when asked', async () => {
    const project = makeProject(join(root, 'show'));
    writeFileSync(join(project.dir, 'tex/wood.png'), 'ours');
    await world.objects.putText({
      key: 'show/tex/wood.png',
      text: 'theirs',
      condition: { kind: 'absent' },
    });
    await using engine = await startFakeEngine({ stateDir: stateDir(), world });
    await engine.addProject({ dir: project.dir }, call);
    const { id } = await engine.sendScene(sending(project.scene), call);
    const stuck = await until(engine, (state) => state.waybills[id]?.trouble);
    expect(stuck.sentence).toMatch(/Someone else's wood\.png.*was not overwritten/);
    world.files.delete('/shots/show/tex/wood.png');
    await engine.retryWaybill({ waybillId: id }, call);
    await until(engine, doneWaybill);
  });

  test('an unknown collision or waybill is named, an agent without a browser says so, a shutdown is passed on', async () => {
    let ended = 0;
    const onShutdown = (): void => void (ended += 1);
    await using engine = await startFakeEngine({ stateDir: stateDir(), world, onShutdown });
    await expect(engine.settleCollision({ collisionId: 'c' }, call)).rejects.toThrow(
      /no collision c/,
    );
    await expect(engine.retryWaybill({ waybillId: 'w' }, call)).rejects.toThrow(/no waybill w/);
    expect(await engine.browserLink({}, call)).toEqual({ url: null });
    await engine.shutdown({}, call);
    expect(ended).toBe(1);
  });
});

/** Fails the call with this number and every later one, before or after its effect: what a killed process does. */
function dyingAt(
  at: number,
  when: 'before' | 'after',
): { wrap(ports: EnginePorts): EnginePorts; calls(): number; bury(): void } {
  let calls = 0;
  const grave = new AbortController();
  // A call of a dead process never comes back; burying it only lets the test take its remains down.
  const dead = (): Promise<never> =>
    new Promise<never>((_resolve, reject) => {
      if (grave.signal.aborted) reject(grave.signal.reason as Error);
      grave.signal.addEventListener('abort', () => reject(grave.signal.reason as Error));
    });
  function wrapPort<T extends object>(port: T): T {
    return new Proxy(port, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          calls += 1;
          if (calls > at || (calls === at && when === 'before')) return dead();
          const result: unknown = Reflect.apply(value, target, args);
          return calls === at ? Promise.resolve(result).then(dead, dead) : result;
        };
      },
    });
  }
  return {
    calls: () => calls,
    bury: () => grave.abort(),
    wrap: (ports) => ({
      ...ports,
      objects: wrapPort(ports.objects),
      farm: wrapPort(ports.farm),
      gateways: new Map([...ports.gateways].map(([site, gateway]) => [site, wrapPort(gateway)])),
    }),
  };
}

describe('a crash at any call to the outside', () => {
  test('ends in one job, released once, with every frame home', async () => {
    for (let at = 1; at <= 60; at += 1) {
      for (const when of ['before', 'after'] as const) {
        world = createFakeWorld();
        const dir = join(root, `${when}-${at}`);
        const project = makeProject(join(dir, 'show'));
        const request = sending(project.scene, { requestId: randomUUID() });
        const death = dyingAt(at, when);
        {
          const first = await startFakeEngine({
            stateDir: join(dir, 'state'),
            world,
            wrap: death.wrap,
          });
          const project1 = await first.addProject({ dir: project.dir }, call);
          expect(project1.name).toBe('show');
          await first.sendScene(request, call);
          for (let turn = 0; turn < 200 && death.calls() <= at; turn += 1) {
            world.step();
            if (doneWaybill(first.snapshot().state)) break;
            await sleep(2);
          }
          death.bury();
          await first[Symbol.asyncDispose]();
        }
        await using second = await startFakeEngine({ stateDir: join(dir, 'state'), world });
        await second.sendScene(request, call);
        const waybill = await until(second, doneWaybill);
        expect({
          at,
          when,
          jobs: world.jobs.size,
          home: waybill.framesHome,
          waybills: Object.keys(second.snapshot().state.waybills).length,
        }).toEqual({ at, when, jobs: 1, home: 3, waybills: 1 });
        expect(world.resumes).toBe(1);
        const kinds = second
          .snapshot()
          .state.activity.filter((line) => line.subject === waybill.id)
          .map((line) => line.kind);
        expect(new Set(kinds).size).toBe(
          kinds.filter((kind) => kind !== 'arriving').length + (kinds.includes('arriving') ? 1 : 0),
        );
        expect(existsSync(join(project.dir, 'renders/sh010/sh010.0003'))).toBe(true);
        expect(readFileSync(join(project.dir, 'tex/wood.png'), 'utf8')).toBe('wood');
      }
    }
  }, 240_000);
});
