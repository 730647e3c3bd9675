// Composition root of the engine: opens the ledger, starts the parts, answers the api. Wiring only.

import { createHash } from 'node:crypto';
import type { EngineApi } from './api.ts';
import { AgentError, isAbort, sentenceOf } from './base/errors.ts';
import { createStore, type Store } from './base/store.ts';
import {
  clearHealth,
  setHealth,
  type EngineContext,
  type EnginePorts,
  type Identity,
  type Studio,
} from './context.ts';
import { baseNameOf, namespacePathOf, slugOf } from './core/paths.ts';
import type { LocalPath } from './core/names.ts';
import { findRegion } from './core/regions.ts';
import { createDispatch } from './dispatch.ts';
import { unknownRegion } from './trip/writing.ts';
import { createProjects } from './projects.ts';
import { createRadar } from './radar.ts';
import { followRegions } from './regions.ts';
import { openLedger, type Ledger, type ProjectRow } from './services/ledger.ts';
import { createTracker, type TrackTarget } from './services/track.ts';
import type { AgentState } from './state.ts';

export interface EngineOptions {
  readonly stateDir: string;
  readonly ports: EnginePorts;
  readonly studio: Studio;
  readonly identity: Identity;
  /** Called when a client asks the agent to end. */
  onShutdown(): void;
  /** A new one-time link to the window in a browser; null where none is served. */
  newBrowserLink(): string | null;
}

export interface Engine extends EngineApi, AsyncDisposable {}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { ports, studio, identity } = options;
  await using stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger(options.stateDir));
  const store = stack.use(createStore(initialState(options, ledger), ports.clock));
  const stop = new AbortController();
  const pause = createPause(store, ports);
  const context: EngineContext = {
    ports,
    studio,
    identity,
    ledger,
    store,
    whenNotPaused: pause.whenOver,
  };

  const radar = createRadar(context);
  const projectsByPath = (): ProjectRow[] => ledger.projects();
  const tracker = createTracker({
    gateways: ports.gateways,
    clock: ports.clock,
    targets: (siteName) => targetsAt(siteName),
    onView: (view) => {
      const project = projectsByPath().find((row) => row.namespacePath === view.dir);
      if (project) radar.look(view, project);
    },
    onAnswer: (siteName) => clearHealth(context, 'namespace-unreachable', siteName),
    onTrouble: (siteName, error) => {
      setHealth(context, {
        code: 'namespace-unreachable',
        subject: siteName,
        severity: 'warning',
        sentence: sentenceOf(error),
      });
    },
  });
  const projects = stack.use(createProjects(context));
  const dispatch = stack.use(createDispatch(context, tracker));

  /** Home and every region are asked for projects with a waybill under way; idle projects only now and then. */
  function targetsAt(_siteName: string): TrackTarget[] {
    return projectsByPath().map((row) => ({
      dir: namespacePathOf(row.namespacePath as TrackTarget['dir'], ''),
      busy: dispatch.isBusy(row.id),
    }));
  }

  for (const row of ledger.projects()) projects.open(row);
  dispatch.resumeAll();
  const background = Promise.all([
    tracker.run(stop.signal),
    followRegions(context, stop.signal),
  ]).catch((error: unknown) => {
    if (!isAbort(error))
      ports.log.error('A background task stopped', { why: sentenceOf(error), error });
  });
  stack.defer(async () => {
    stop.abort();
    await background;
  });
  clearHealth(context, 'engine-starting', 'engine');
  const owned = stack.move();

  return {
    snapshot: () => ({ revision: store.revision(), state: store.get() }),
    watch: (slices, onChange) => store.watch(slices, onChange),

    async addProject(arg, { signal }) {
      const dir = await ports.files.realPath(arg.dir as LocalPath, { signal });
      const stat = await ports.files.stat(dir, { signal });
      if (stat.kind !== 'folder') {
        throw new AgentError('not-a-folder', {
          message: `${arg.dir} is no folder. Choose the folder you work in.`,
          retry: 'never',
          facts: { path: arg.dir },
        });
      }
      const known = ledger.projects().find((row) => row.dir === dir);
      if (!known) {
        await ports.files.list(dir, { signal });
        const row = newProject({ dir, name: arg.name ?? baseNameOf(dir), dev: stat.dev });
        ledger.addProject(row);
        projects.open(row);
      }
      return projectView(
        store,
        (known ?? ledger.projects().find((row) => row.dir === dir))?.id ?? '',
      );
    },
    async removeProject(arg) {
      projectView(store, arg.projectId);
      if (dispatch.isBusy(arg.projectId)) {
        throw new AgentError('bad-argument', {
          message: 'A waybill of this project is under way. Cancel it first.',
          retry: 'never',
        });
      }
      await projects.close(arg.projectId);
      ledger.removeProject(arg.projectId);
    },
    async checkProject(arg, { signal }) {
      projectView(store, arg.projectId);
      await projects.check(arg.projectId, signal);
      return projectView(store, arg.projectId);
    },
    closure: (arg, { signal }) => ports.scenes.read(arg.scene as LocalPath, { signal }),
    async sendScene(arg, { signal }) {
      const scene = await ports.files.realPath(arg.scene as LocalPath, { signal });
      const project = projects.holding(scene);
      if (!project) {
        throw new AgentError('outside-project', {
          message: `${arg.scene} lies in no project of yours. Add its folder as a project first.`,
          retry: 'never',
          facts: { path: arg.scene },
        });
      }
      const region = findRegion(studio.regions, arg.region);
      if (!region) throw unknownRegion(arg.region, studio.regions);
      const request = { requestId: arg.requestId, scenePath: scene, regionId: region.id };
      const before = dispatch.already(request);
      if (before) return dispatch.view(before);
      const closure = await projects.closureOf(scene, signal);
      // Reading takes time; a second drop of the same scene meanwhile must not make a second job.
      const meanwhile = dispatch.already(request);
      return dispatch.view(meanwhile ?? dispatch.send({ ...arg, scene }, project, closure));
    },
    cancelWaybill: (arg) => dispatch.cancel(arg.waybillId),
    retryWaybill: async (arg) => dispatch.retry(arg.waybillId),
    async settleCollision(arg) {
      if (!radar.settle(arg.collisionId)) {
        throw new AgentError('bad-argument', {
          message: `There is no collision ${arg.collisionId}.`,
          retry: 'never',
        });
      }
    },
    ledger: async (arg) => ledger.rows(arg.limit),
    activity: async (arg) => ledger.activity(arg.afterSeq, arg.limit),
    pause: async (arg) => pause.begin(arg.forMinutes),
    resume: async () => pause.end(),
    async dismissNotice(arg) {
      ledger.dismissNotice(arg.noticeId);
      store.set('notices', ledger.openNotices());
    },
    browserLink: async () => ({ url: options.newBrowserLink() }),
    shutdown: async () => options.onShutdown(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };

  function newProject(from: { dir: string; name: string; dev: string }): ProjectRow {
    const taken = new Set(ledger.projects().map((row) => row.namespacePath));
    const wanted = `${studio.share.path}/${slugOf(from.name)}`;
    const suffix = createHash('sha256').update(from.dir).digest('hex').slice(0, 6);
    return {
      id: crypto.randomUUID(),
      ...from,
      namespacePath: taken.has(wanted) ? `${wanted}-${suffix}` : wanted,
      addedAt: ports.clock.now(),
    };
  }
}

function projectView(store: Store, projectId: string): AgentState['projects'][string] {
  const project = store.get().projects[projectId];
  if (project) return project;
  throw new AgentError('unknown-project', {
    message: `There is no project ${projectId}.`,
    retry: 'never',
  });
}

function initialState(options: EngineOptions, ledger: Ledger): AgentState {
  const { studio, identity, ports } = options;
  return {
    agent: {
      version: identity.version,
      pid: identity.pid,
      startedAt: ports.clock.now(),
      user: identity.user,
      workstation: identity.workstation,
      studio: { kind: studio.kind, name: studio.name, homeSite: studio.homeSite },
      paused: null,
    },
    health: {},
    projects: {},
    scenes: {},
    regions: {},
    waybills: {},
    transfers: {},
    jobs: {},
    collisions: {},
    notices: ledger.openNotices(),
    activity: ledger.newestActivity(500),
  };
}

interface Pause {
  begin(forMinutes: number | null): void;
  end(): void;
  whenOver(signal: AbortSignal): Promise<void>;
}

/** Our pause stops new requests; what Hammerspace already moves goes on. */
function createPause(store: Store, ports: EnginePorts): Pause {
  let over = new AbortController();
  over.abort();

  function end(): void {
    over.abort();
    store.set('agent', { ...store.get().agent, paused: null });
  }

  return {
    begin(forMinutes) {
      over.abort();
      const mine = new AbortController();
      over = mine;
      const until = forMinutes === null ? null : ports.clock.now() + forMinutes * 60_000;
      store.set('agent', { ...store.get().agent, paused: { until } });
      if (forMinutes === null) return;
      ports.clock
        .sleep(forMinutes * 60_000, { signal: mine.signal })
        .then(() => {
          if (over === mine) end();
        })
        .catch((error: unknown) => {
          if (!isAbort(error)) throw error;
        });
    },
    end,
    async whenOver(signal) {
      const current = over;
      if (current.signal.aborted) return;
      await new Promise<void>((resolve, reject) => {
        current.signal.addEventListener('abort', () => resolve(), { once: true });
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    },
  };
}
