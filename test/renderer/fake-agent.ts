// An agent with no engine behind it: a state that a test sets, served over the real contract.

import type { MessagePort } from 'node:worker_threads';
import { createStore, type Store } from '../../main/engine/base/store.ts';
import { systemClock } from '../../main/adapters/clock/system.ts';
import { createLog } from '../../main/adapters/log/log.ts';
import { AgentError } from '../../main/engine/base/errors.ts';
import type { Call, EngineApi, SendScene } from '../../main/engine/api.ts';
import { serveBrowser } from '../../main/ipc/http.ts';
import { servePort } from '../../main/ipc/ports.ts';
import type {
  AgentState,
  Argument,
  CommandName,
  ProjectView,
  SceneView,
  WaybillView,
} from '../../preload/contract.ts';
import { project, waybill } from './fixtures.ts';

export interface FakeAgent extends Disposable {
  readonly engine: EngineApi;
  readonly store: Store;
  /** Every command asked for, in order. */
  readonly calls: { readonly command: CommandName; readonly argument: unknown }[];
  /** Until called, answers to `sendScene` wait; returns the way on. */
  holdSends(): () => void;
  /** Serves one window over a message port of Node. */
  servePort(port: MessagePort): void;
}

export function createFakeAgent(initial: AgentState): FakeAgent {
  const store = createStore(initial, systemClock());
  const calls: { command: CommandName; argument: unknown }[] = [];
  let held: Promise<void> = Promise.resolve();

  function note<K extends CommandName>(command: K, argument: Argument<K>): void {
    calls.push({ command, argument });
  }

  async function sendScene(arg: SendScene, call: Call): Promise<WaybillView> {
    note('sendScene', arg);
    await Promise.race([held, aborted(call.signal)]);
    const state = store.get();
    const scene = Object.values(state.scenes).find(({ path }) => path === arg.scene);
    if (!scene) {
      throw new AgentError('outside-project', {
        message: `${arg.scene} lies in no project of yours. Add its folder as a project first.`,
        retry: 'never',
      });
    }
    refuseIncomplete(scene, arg.allowMissing);
    const known = Object.values(state.waybills).find(
      (other) =>
        other.sceneId === scene.id &&
        other.regionId === arg.region &&
        !other.cancelled &&
        other.step !== 'done',
    );
    if (known) return known;
    const written = waybill({
      id: `w-${calls.length}`,
      sceneId: scene.id,
      sceneName: scene.name,
      regionId: arg.region,
      submit: arg.submit,
      framesTotal: arg.submit ? 48 : 0,
      createdAt: Date.now(),
      timeline: [{ step: 'queued', at: Date.now(), proof: 'written to the ledger' }],
    });
    store.put('waybills', written.id, written);
    return written;
  }

  function changeWaybill(id: string, change: Partial<WaybillView>): WaybillView {
    const before = store.get().waybills[id];
    if (!before) {
      throw new AgentError('unknown-waybill', {
        message: `There is no waybill ${id}.`,
        retry: 'never',
      });
    }
    const after = { ...before, ...change };
    store.put('waybills', id, after);
    return after;
  }

  function projectOf(id: string): ProjectView {
    const found = store.get().projects[id];
    if (found) return found;
    throw new AgentError('unknown-project', {
      message: `There is no project ${id}.`,
      retry: 'never',
    });
  }

  const engine: EngineApi = {
    snapshot: () => ({ revision: store.revision(), state: store.get() }),
    watch: (slices, onChange) => store.watch(slices, onChange),
    async addProject(arg) {
      note('addProject', arg);
      if (arg.dir.includes('nowhere')) {
        throw new AgentError('not-a-folder', {
          message: `${arg.dir} is no folder. Choose the folder you work in.`,
          retry: 'never',
        });
      }
      const added = project({ id: 'p1', name: arg.dir.split('/').at(-1) ?? '', dir: arg.dir });
      store.put('projects', added.id, added);
      return added;
    },
    async removeProject(arg) {
      note('removeProject', arg);
      store.put('projects', arg.projectId, undefined);
    },
    async checkProject(arg) {
      note('checkProject', arg);
      return projectOf(arg.projectId);
    },
    async closure(arg) {
      note('closure', arg);
      throw new AgentError('not-a-scene', { message: 'The fake reads no scenes.', retry: 'never' });
    },
    sendScene,
    async cancelWaybill(arg) {
      note('cancelWaybill', arg);
      return changeWaybill(arg.waybillId, { cancelled: true, trouble: null });
    },
    async retryWaybill(arg) {
      note('retryWaybill', arg);
      return changeWaybill(arg.waybillId, { trouble: null });
    },
    async settleCollision(arg) {
      note('settleCollision', arg);
      const before = store.get().collisions[arg.collisionId];
      if (before) store.put('collisions', arg.collisionId, { ...before, settled: true });
    },
    ledger: async () => [],
    activity: async () => [],
    async pause(arg) {
      note('pause', arg);
      const until = arg.forMinutes === null ? null : Date.now() + arg.forMinutes * 60_000;
      store.set('agent', { ...store.get().agent, paused: { until } });
    },
    async resume(arg) {
      note('resume', arg);
      store.set('agent', { ...store.get().agent, paused: null });
    },
    async dismissNotice(arg) {
      note('dismissNotice', arg);
    },
    browserLink: async () => ({ url: null }),
    shutdown: async () => undefined,
  };

  return {
    engine,
    store,
    calls,
    holdSends() {
      let goOn: () => void = () => undefined;
      held = new Promise((resolve) => (goOn = resolve));
      return goOn;
    },
    servePort(port) {
      // Electron wraps what Node hands over plain.
      servePort(
        engine,
        {
          postMessage: (message) => port.postMessage(message),
          on(event: 'message' | 'close', listener: (event: { data: unknown }) => void) {
            port.on(event, (data: unknown) => listener({ data }));
          },
          start: () => port.start(),
          close: () => port.close(),
        },
        silentLog(),
      );
    },
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}

/** The page and the contract over HTTP, as `waybill open` serves them. */
export function serveFakeAgent(
  agent: FakeAgent,
  options: { readonly rendererDir: string; readonly port?: number },
): ReturnType<typeof serveBrowser> {
  return serveBrowser({ engine: agent.engine, log: silentLog(), ...options });
}

function refuseIncomplete(scene: SceneView, allowMissing: boolean): void {
  const missing = scene.closure.kind === 'read' ? scene.closure.missing : [];
  const [first] = missing;
  if (!first || allowMissing) return;
  throw new AgentError('closure-incomplete', {
    message: `${scene.name} needs ${first.raw}, which is not on disk. Add it, or send although files are missing.`,
    retry: 'never',
    facts: { missing: missing.length, path: first.path },
  });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function silentLog(): ReturnType<typeof createLog> {
  return createLog({ write: () => undefined });
}
