// The window's client of the contract: snapshot and changes, gaps, lost links, and calls.

import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startAgent, type Agent } from '../../renderer/agent.ts';
import { keepEqual } from '../../renderer/keep-equal.ts';
import { portTransport } from '../../renderer/transports/port.ts';
import type { Transport, TransportEvents } from '../../renderer/transports/transport.ts';
import type { AgentState, ClientMessage } from '../../preload/contract.ts';
import { SHELL_CHANNELS } from '../../preload/shell.ts';
import { createFakeAgent, type FakeAgent } from './fake-agent.ts';
import { busyState, emptyState, quietState } from './fixtures.ts';

interface Wire {
  readonly agent: Agent;
  readonly sent: ClientMessage[];
  readonly events: TransportEvents;
}

/** A transport that does nothing by itself. */
function wired(): Wire {
  const sent: ClientMessage[] = [];
  let events: TransportEvents | null = null;
  const transport: Transport = {
    start: (listener) => (events = listener),
    send: (message) => sent.push(message),
    stop: () => undefined,
  };
  const agent = startAgent(transport, () => 77);
  if (!events) throw new Error('the agent starts its transport');
  return { agent, sent, events };
}

function joined(state: AgentState = quietState()): Wire {
  const wire = wired();
  wire.events.onOpen();
  wire.events.onMessage({ kind: 'snapshot', revision: 5, state });
  wire.sent.length = 0;
  return wire;
}

describe('state', () => {
  test('it is connecting until the first snapshot, and connected after it', () => {
    const { agent, sent, events } = wired();
    expect(agent.cell.get()).toEqual({ connection: { kind: 'connecting' }, state: null, at: 77 });
    events.onOpen();
    expect(sent).toEqual([{ kind: 'watch' }]);
    expect(agent.cell.get().connection.kind).toBe('connecting');
    events.onMessage({ kind: 'snapshot', revision: 1, state: emptyState() });
    expect(agent.cell.get()).toMatchObject({
      connection: { kind: 'connected' },
      state: emptyState(),
    });
  });

  test('changed slices replace theirs and leave the others the same objects', () => {
    const { agent, events } = joined();
    const before = agent.cell.get().state;
    const { waybills } = busyState();
    events.onMessage({ kind: 'changes', base: 5, revision: 6, slices: { waybills } });
    const after = agent.cell.get().state;
    expect(after?.waybills).toEqual(waybills);
    expect(after?.scenes).toBe(before?.scenes);
  });

  test('rows that came again unchanged stay the same objects', () => {
    const { agent, events } = joined();
    const before = agent.cell.get().state?.scenes;
    const scenes = structuredClone(quietState().scenes);
    const changed = { ...scenes, s1: { ...scenes['s1'], size: 1 } } as AgentState['scenes'];
    events.onMessage({ kind: 'changes', base: 5, revision: 6, slices: { scenes: changed } });
    const after = agent.cell.get().state?.scenes;
    expect(after?.['s2']).toBe(before?.['s2']);
    expect(after?.['s1']).not.toBe(before?.['s1']);
  });

  test('a gap in revisions asks for the whole once and shows nothing half true', () => {
    const { agent, sent, events } = joined();
    events.onMessage({ kind: 'changes', base: 8, revision: 9, slices: { waybills: {} } });
    events.onMessage({ kind: 'changes', base: 9, revision: 10, slices: { scenes: {} } });
    expect(sent).toEqual([{ kind: 'watch' }]);
    expect(Object.keys(agent.cell.get().state?.scenes ?? {})).toHaveLength(3);
    events.onMessage({ kind: 'snapshot', revision: 10, state: emptyState() });
    events.onMessage({ kind: 'changes', base: 10, revision: 11, slices: { notices: [] } });
    expect(sent).toHaveLength(1);
  });

  test('an empty change moves the revision and tells nobody', () => {
    const { agent, sent, events } = joined();
    const listener = vi.fn();
    agent.cell.subscribe(listener);
    events.onMessage({ kind: 'changes', base: 5, revision: 6, slices: {} });
    expect(listener).not.toHaveBeenCalled();
    events.onMessage({ kind: 'changes', base: 6, revision: 7, slices: { waybills: {} } });
    expect(sent).toEqual([]);
  });

  test('a lost link keeps the last state and says since when; a new link asks again', () => {
    const { agent, sent, events } = joined();
    events.onLost();
    events.onLost();
    expect(agent.cell.get()).toMatchObject({
      connection: { kind: 'lost', since: 77 },
      state: quietState(),
    });
    events.onOpen();
    expect(sent).toEqual([{ kind: 'watch' }]);
    expect(agent.cell.get().connection.kind).toBe('lost');
    events.onMessage({ kind: 'snapshot', revision: 1, state: emptyState() });
    expect(agent.cell.get().connection.kind).toBe('connected');
  });
});

describe('calls', () => {
  test('a call resolves with its own answer, whatever the order', async () => {
    const { agent, sent, events } = joined();
    const first = agent.call('ledger', { limit: 1 });
    const second = agent.call('browserLink', {});
    expect(sent).toMatchObject([{ command: 'ledger' }, { command: 'browserLink' }]);
    events.onMessage({ kind: 'result', id: idOf(sent[1]), ok: true, value: { url: 'x' } });
    events.onMessage({ kind: 'result', id: idOf(sent[0]), ok: true, value: [] });
    await expect(second).resolves.toEqual({ url: 'x' });
    await expect(first).resolves.toEqual([]);
  });

  test('a refusal keeps code, sentence and retry advice', async () => {
    const { agent, sent, events } = joined();
    const call = agent.call('removeProject', { projectId: 'p' });
    const error = {
      code: 'unknown-project',
      message: 'There is no project p.',
      retry: 'never',
      facts: { p: 1 },
      causes: [],
    } as const;
    events.onMessage({ kind: 'result', id: idOf(sent[0]), ok: false, error });
    await expect(call).rejects.toMatchObject({
      name: 'CallFailure',
      code: 'unknown-project',
      message: 'There is no project p.',
      retry: 'never',
      facts: { p: 1 },
    });
  });

  test('a cancelled call tells the agent and ends with the reason', async () => {
    const { agent, sent } = joined();
    const stop = new AbortController();
    const call = agent.call('closure', { scene: '/a' }, { signal: stop.signal });
    stop.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    expect(sent[1]).toEqual({ kind: 'cancel', id: idOf(sent[0]) });
  });

  test('calls under way end when the link goes, and none starts without one', async () => {
    const { agent, events } = joined();
    const call = agent.call('ledger', { limit: 1 });
    events.onLost();
    await expect(call).rejects.toMatchObject({ code: 'agent-not-running', retry: 'later' });
    await expect(agent.call('ledger', { limit: 1 })).rejects.toMatchObject({
      code: 'agent-not-running',
    });
  });
});

test('structural sharing keeps what is equal and takes what is not', () => {
  const before = { a: { x: 1 }, list: [{ y: 1 }, { y: 2 }], gone: 1 };
  const after = { a: { x: 1 }, list: [{ y: 1 }, { y: 3 }, { y: 4 }] };
  const kept = keepEqual(before, after);
  expect(kept).toEqual(after);
  expect(kept.a).toBe(before.a);
  expect(kept.list[0]).toBe(before.list[0]);
  expect(keepEqual(before, structuredClone(before))).toBe(before);
  expect(keepEqual({ a: undefined }, {})).toEqual({});
});

describe('over a message port, as in the app', () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  /** The shell's part: answers each request with a port to whichever engine is up. */
  function openWindow(first: FakeAgent): {
    readonly agent: Agent;
    /** The engine's process dies, and another is started. */
    restart(next: FakeAgent): void;
  } {
    const page = new EventTarget() as unknown as Window;
    let engine: FakeAgent | null = first;
    let last: MessageChannel | null = null;
    const join = (): void => {
      if (!engine) return;
      const { port1, port2 } = new MessageChannel();
      last = { port1, port2 };
      engine.servePort(port2);
      page.dispatchEvent(
        Object.assign(new Event('message'), {
          data: { channel: SHELL_CHANNELS.port },
          source: page,
          ports: [port1],
        }),
      );
    };
    const agent = startAgent(portTransport({ connect: join }, page));
    stops.push(() => agent.stop());
    return {
      agent,
      restart(next) {
        engine = null;
        last?.port2.close();
        engine = next;
      },
    };
  }

  test('the state arrives, follows changes, and calls come back', async () => {
    using fake = createFakeAgent(quietState());
    const { agent } = openWindow(fake);
    await vi.waitFor(() => expect(agent.cell.get().state).toEqual(quietState()));
    await agent.call('pause', { forMinutes: null });
    await vi.waitFor(() => expect(agent.cell.get().state?.agent.paused).toEqual({ until: null }));
    await expect(agent.call('checkProject', { projectId: 'nope' })).rejects.toMatchObject({
      code: 'unknown-project',
    });
  });

  test('an engine that restarts is followed: lost first, then the new state', async () => {
    using before = createFakeAgent(quietState());
    using after = createFakeAgent(busyState());
    const { agent, restart } = openWindow(before);
    await vi.waitFor(() => expect(agent.cell.get().connection.kind).toBe('connected'));
    const seen: string[] = [];
    agent.cell.subscribe(() => seen.push(agent.cell.get().connection.kind));
    restart(after);
    await vi.waitFor(() => expect(agent.cell.get().state).toEqual(busyState()), 5_000);
    expect(seen[0]).toBe('lost');
    expect(seen.at(-1)).toBe('connected');
  });
});

function idOf(message: ClientMessage | undefined): number {
  if (message?.kind !== 'call') throw new Error('a call was sent');
  return message.id;
}
