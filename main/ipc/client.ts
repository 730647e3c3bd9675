// The asking end of the contract, over any link: calls by name, and the state kept up to date.

import type {
  AgentState,
  Argument,
  ClientMessage,
  CommandName,
  Result,
  ServerMessage,
} from '../../preload/contract.ts';
import { AgentError } from '../engine/base/errors.ts';
import { fromWire } from './errors.ts';

export interface Link {
  send(message: ClientMessage): void;
  onMessage(listener: (message: ServerMessage) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

export interface ContractClient {
  call<K extends CommandName>(
    command: K,
    argument: Argument<K>,
    options?: { signal?: AbortSignal },
  ): Promise<Result<K>>;
  /** Calls back with the whole state, first as it is and then after every change. */
  watch(onState: (state: AgentState) => void): void;
  /** Resolves when the link is gone. */
  readonly closed: Promise<void>;
  close(): void;
}

export function contractClient(link: Link): ContractClient {
  const waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: unknown): void }
  >();
  let lastId = 0;
  let known: { revision: number; state: AgentState } | null = null;
  let onState: ((state: AgentState) => void) | null = null;
  let isOpen = true;

  link.onMessage((message) => {
    switch (message.kind) {
      case 'result': {
        const waiter = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.ok) waiter?.resolve(message.value);
        else waiter?.reject(fromWire(message.error));
        return;
      }
      case 'snapshot':
        known = { revision: message.revision, state: message.state };
        onState?.(known.state);
        return;
      case 'changes':
        // A gap means something was missed: ask for the whole again.
        if (known?.revision !== message.base) return link.send({ kind: 'watch' });
        known = { revision: message.revision, state: { ...known.state, ...message.slices } };
        onState?.(known.state);
    }
  });
  const closed = new Promise<void>((resolve) => {
    link.onClose(() => {
      isOpen = false;
      for (const waiter of waiting.values()) waiter.reject(gone());
      waiting.clear();
      resolve();
    });
  });

  return {
    call(command, argument, options = {}) {
      const { signal } = options;
      signal?.throwIfAborted();
      if (!isOpen) return Promise.reject(gone());
      lastId += 1;
      const id = lastId;
      return new Promise<Result<typeof command>>((resolve, reject) => {
        const onAbort = (): void => {
          waiting.delete(id);
          link.send({ kind: 'cancel', id });
          reject(signal?.reason as Error);
        };
        const settle =
          <T>(end: (value: T) => void) =>
          (value: unknown): void => {
            signal?.removeEventListener('abort', onAbort);
            end(value as T);
          };
        waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
        signal?.addEventListener('abort', onAbort, { once: true });
        link.send({ kind: 'call', id, command, argument });
      });
    },
    watch(listener) {
      onState = listener;
      link.send({ kind: 'watch' });
    },
    closed,
    close: () => link.close(),
  };
}

function gone(): AgentError {
  return new AgentError('agent-not-running', {
    message: 'The Waybill agent went away. It starts again by itself where the app runs it.',
    retry: 'later',
  });
}
