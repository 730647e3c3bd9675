// The shell's own view of the engine: its state, kept up to date over every restart, and calls to it.

import { MessageChannelMain, type MessagePortMain } from 'electron';
import type {
  AgentState,
  Argument,
  CommandName,
  Result,
  ServerMessage,
} from '../../preload/contract.ts';
import { AgentError } from '../engine/base/errors.ts';
import { contractClient, type ContractClient, type Link } from '../ipc/client.ts';
import type { EngineHost } from './host.ts';
import { words } from './words.ts';

const RETRY_MS = 500;

/** Whether there is an engine, and what it shows when there is. */
export type AgentPresence =
  | { readonly kind: 'starting' }
  | { readonly kind: 'up'; readonly state: AgentState }
  | { readonly kind: 'down'; readonly why: string };

export interface AgentClient extends Disposable {
  presence(): AgentPresence;
  onChange(listener: (presence: AgentPresence) => void): void;
  /** Errors: those of the contract; 'agent-not-running' while the engine is away. */
  call<K extends CommandName>(command: K, argument: Argument<K>): Promise<Result<K>>;
}

export function followAgent(host: EngineHost): AgentClient {
  const listeners = new Set<(presence: AgentPresence) => void>();
  let presence: AgentPresence = { kind: 'starting' };
  let client: ContractClient | null = null;
  let retry: NodeJS.Timeout | null = null;
  let stopped = false;

  function show(next: AgentPresence): void {
    presence = next;
    for (const listener of listeners) listener(next);
  }

  function connect(): void {
    const { port1, port2 } = new MessageChannelMain();
    const opened = contractClient(linkOver(port1));
    client = opened;
    opened.watch((state) => show({ kind: 'up', state }));
    void opened.closed.then(() => {
      if (stopped) return;
      show({ kind: 'down', why: host.whyDown() });
      retry = setTimeout(connect, RETRY_MS);
    });
    host.connect(port2);
  }

  connect();
  return {
    presence: () => presence,
    onChange: (listener) => void listeners.add(listener),
    call(command, argument) {
      if (client && presence.kind === 'up') return client.call(command, argument);
      return Promise.reject(
        new AgentError('agent-not-running', { message: words.agentGone, retry: 'later' }),
      );
    },
    [Symbol.dispose]() {
      stopped = true;
      if (retry) clearTimeout(retry);
      client?.close();
    },
  };
}

function linkOver(port: MessagePortMain): Link {
  let onMessage: (message: ServerMessage) => void = () => undefined;
  port.on('message', (event) => onMessage(event.data as ServerMessage));
  port.start();
  return {
    send: (message) => port.postMessage(message),
    onMessage: (listener) => void (onMessage = listener),
    onClose: (listener) => void port.once('close', listener),
    close: () => port.close(),
  };
}
