// The contract over each of its carriers: the same promises on a message port, the local socket and HTTP.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLog } from '../../main/adapters/log/log.ts';
import type { Engine } from '../../main/engine/engine.ts';
import { contractClient, type ContractClient, type Link } from '../../main/ipc/client.ts';
import { servePort } from '../../main/ipc/ports.ts';
import { connectSocket, serveSocket } from '../../main/ipc/socket.ts';
import type { AgentState, ServerMessage } from '../../preload/contract.ts';
import { COMMANDS } from '../../preload/contract.ts';
import { makeProject, startFakeEngine } from '../harness/fake-engine.ts';
import { createFakeWorld } from '../harness/fake-studio.ts';

const log = createLog({ write: () => undefined });

let root: string;
let engine: Engine;
const stack: { current: AsyncDisposableStack } = { current: new AsyncDisposableStack() };

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'waybill-ipc-'));
  stack.current = new AsyncDisposableStack();
  engine = stack.current.use(
    await startFakeEngine({ stateDir: join(root, 'state'), world: createFakeWorld() }),
  );
});
afterEach(async () => {
  await stack.current.disposeAsync();
  rmSync(root, { recursive: true, force: true });
});

interface Carrier {
  readonly name: string;
  open(): Promise<Link>;
}

const carriers: readonly Carrier[] = [
  {
    name: 'a message port',
    open: async () => {
      const { port1, port2 } = new MessageChannel();
      servePort(engine, electronLike(port1), log);
      stack.current.defer(() => port2.close());
      return {
        send: (message) => port2.postMessage(message),
        onMessage: (listener) => void port2.on('message', (data: ServerMessage) => listener(data)),
        onClose: (listener) => void port2.on('close', listener),
        close: () => port2.close(),
      };
    },
  },
  {
    name: 'the local socket',
    open: async () => {
      const path = join(root, 'run', 'agent.sock');
      const server = stack.current.use(await serveSocket({ path, log }));
      server.serve(engine);
      return connectSocket(path);
    },
  },
];

/** Electron wraps what arrives in an event; Node hands it over bare. */
function electronLike(port: MessagePort): Parameters<typeof servePort>[1] {
  return {
    postMessage: (message) => port.postMessage(message),
    on(event, listener) {
      if (event === 'close') return port.on('close', () => listener({ data: undefined }));
      return port.on('message', (data: unknown) => listener({ data }));
    },
    start: () => port.start(),
    close: () => port.close(),
  };
}

describe.each(carriers)('the contract over $name', ({ open }) => {
  async function connect(): Promise<ContractClient> {
    const client = contractClient(await open());
    stack.current.defer(() => client.close());
    return client;
  }

  function nextState(
    client: ContractClient,
    pick: (state: AgentState) => boolean,
  ): Promise<AgentState> {
    return new Promise((resolve) => client.watch((state) => pick(state) && resolve(state)));
  }

  test('a watcher gets the whole state first and changed slices after', async () => {
    const client = await connect();
    const states: AgentState[] = [];
    const two = new Promise<void>((resolve) =>
      client.watch((state) => {
        states.push(state);
        if (states.length === 2) resolve();
      }),
    );
    await client.call('pause', { forMinutes: 5 });
    await two;
    expect(states[0]).toEqual({ ...states[1], agent: states[0]?.agent });
    expect(states[0]?.agent.paused).toBeNull();
    expect(states[1]?.agent.paused).toEqual({ until: expect.any(Number) as number });
  });

  test('a call returns what the engine returns', async () => {
    const client = await connect();
    const { dir } = makeProject(join(root, 'show'));
    const project = await client.call('addProject', { dir, name: 'The Show' });
    expect(project).toMatchObject({ name: 'The Show', namespacePath: '/shots/the-show' });
    await nextState(client, (state) => Object.keys(state.scenes).length === 1);
  });

  test('a failure keeps its code, its sentence, its advice and its facts', async () => {
    const client = await connect();
    await expect(client.call('addProject', { dir: '/nowhere/at/all' })).rejects.toMatchObject({
      code: 'file-missing',
      retry: 'never',
      message: expect.stringContaining('/nowhere/at/all') as string,
    });
  });

  test('an argument that was not agreed on is refused by its field name', async () => {
    const client = await connect();
    await expect(client.call('ledger', { limit: -1 })).rejects.toMatchObject({
      code: 'bad-argument',
      message: expect.stringContaining('ledger: limit') as string,
    });
    const extra = { limit: 1, andThen: 'rm' } as unknown as { limit: number };
    await expect(client.call('ledger', extra)).rejects.toMatchObject({ code: 'bad-argument' });
  });

  test('names that every object has are no commands', async () => {
    const client = await connect();
    for (const name of ['constructor', '__proto__', 'toString', 'watch', 'snapshot']) {
      await expect(client.call(name as 'resume', {})).rejects.toMatchObject({
        code: 'bad-argument',
      });
    }
  });

  test('a cancelled call ends at once and at the engine too', async () => {
    const client = await connect();
    const { dir, scene } = makeProject(join(root, 'show'));
    await client.call('addProject', { dir });
    const stop = new AbortController();
    const call = client.call('closure', { scene }, { signal: stop.signal });
    stop.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    expect(await client.call('ledger', { limit: 1 })).toEqual(expect.any(Array));
  });

  test('rubbish does not disturb the calls of others', async () => {
    const link = await open();
    const client = contractClient(link);
    for (const rubbish of [
      null,
      7,
      'call',
      [],
      { kind: 'call' },
      { kind: 'call', id: -1, command: 'x' },
      { kind: 'nonsense' },
    ]) {
      link.send(rubbish as never);
    }
    expect(await client.call('ledger', { limit: 1 })).toEqual(expect.any(Array));
    client.close();
  });

  test('many calls under way each get their own answer', async () => {
    const client = await connect();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => client.call('activity', { afterSeq: at, limit: 1 })),
    );
    expect(answers).toHaveLength(100);
  });

  test('a call on a link that is gone says so', async () => {
    const client = await connect();
    client.close();
    await client.closed;
    await expect(client.call('ledger', { limit: 1 })).rejects.toMatchObject({
      code: 'agent-not-running',
    });
  });
});

test('every command of the contract is one the engine answers', () => {
  for (const name of Object.keys(COMMANDS)) {
    expect(typeof engine[name as keyof typeof COMMANDS], name).toBe('function');
  }
});
