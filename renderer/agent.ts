// The window's client of the contract: one store fed by snapshot and changed slices, and calls by name.

import type {
  AgentState,
  Argument,
  CommandName,
  Result,
  ServerMessage,
  WireError,
} from '../preload/contract.ts';
import { createCell, type Cell } from './cell.ts';
import { CallFailure } from './failure.ts';
import { keepEqual } from './keep-equal.ts';
import type { Transport } from './transports/transport.ts';
import { words } from './words/en.ts';

export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  /** What is shown is the last that was proven. */
  | { readonly kind: 'lost'; readonly since: number }
  | { readonly kind: 'signed-out' };

export interface AgentSnapshot {
  readonly connection: Connection;
  /** Null until the first snapshot. */
  readonly state: AgentState | null;
  /** Epoch ms of the last news, for what is measured against it. */
  readonly at: number;
}

export interface Agent {
  readonly cell: Cell<AgentSnapshot>;
  /** Rejects with CallFailure, or with the signal's reason when cancelled. */
  call<K extends CommandName>(
    command: K,
    argument: Argument<K>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Result<K>>;
  stop(): void;
}

export function startAgent(transport: Transport, now: () => number = () => Date.now()): Agent {
  const cell = createCell<AgentSnapshot>({
    connection: { kind: 'connecting' },
    state: null,
    at: now(),
  });
  const calls = createCalls(transport, () => cell.get().connection.kind === 'connected');
  let revision: number | null = null;

  function show(change: Partial<AgentSnapshot>): void {
    cell.set({ ...cell.get(), ...change, at: now() });
  }

  function onMessage(message: ServerMessage): void {
    switch (message.kind) {
      case 'result':
        return calls.settle(message);
      case 'snapshot':
        revision = message.revision;
        return show({
          connection: { kind: 'connected' },
          state: keepEqual(cell.get().state, message.state),
        });
      case 'changes':
        return onChanges(message);
    }
  }

  function onChanges(message: Extract<ServerMessage, { kind: 'changes' }>): void {
    const { state } = cell.get();
    // The whole was asked for already and comes after this.
    if (state === null || revision === null) return;
    if (revision !== message.base) {
      // Something was missed: only the whole is true again.
      revision = null;
      return transport.send({ kind: 'watch' });
    }
    revision = message.revision;
    if (Object.keys(message.slices).length === 0) return;
    show({ state: keepEqual(state, { ...state, ...message.slices }) });
  }

  transport.start({
    onMessage,
    onOpen() {
      calls.rejectAll();
      revision = null;
      transport.send({ kind: 'watch' });
    },
    onLost() {
      calls.rejectAll();
      revision = null;
      if (cell.get().connection.kind !== 'lost')
        show({ connection: { kind: 'lost', since: now() } });
    },
    onSignedOut() {
      calls.rejectAll();
      show({ connection: { kind: 'signed-out' } });
    },
  });
  return { cell, call: calls.call, stop: () => transport.stop() };
}

interface Calls {
  readonly call: Agent['call'];
  settle(message: Extract<ServerMessage, { kind: 'result' }>): void;
  rejectAll(): void;
}

function createCalls(transport: Transport, isConnected: () => boolean): Calls {
  const waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: unknown): void }
  >();
  let lastId = 0;

  return {
    call<K extends CommandName>(
      command: K,
      argument: Argument<K>,
      { signal }: { readonly signal?: AbortSignal } = {},
    ): Promise<Result<K>> {
      if (!isConnected()) return Promise.reject(new CallFailure(agentGone()));
      lastId += 1;
      const id = lastId;
      return new Promise<unknown>((resolve, reject) => {
        signal?.throwIfAborted();
        const onAbort = (): void => {
          waiting.delete(id);
          transport.send({ kind: 'cancel', id });
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        waiting.set(id, {
          resolve(value) {
            signal?.removeEventListener('abort', onAbort);
            resolve(value);
          },
          reject(error) {
            signal?.removeEventListener('abort', onAbort);
            reject(error);
          },
        });
        transport.send({ kind: 'call', id, command, argument });
      }) as Promise<Result<K>>;
    },
    settle(message) {
      const waiter = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.ok) waiter?.resolve(message.value);
      else waiter?.reject(new CallFailure(message.error));
    },
    rejectAll() {
      const lost = [...waiting.values()];
      waiting.clear();
      for (const waiter of lost) waiter.reject(new CallFailure(agentGone()));
    },
  };
}

function agentGone(): WireError {
  return {
    code: 'agent-not-running',
    message: words.calls.agentGone,
    retry: 'later',
    facts: {},
    causes: [],
  };
}
