// An agent that somebody else runs, met over its local socket: one connection for each port.

import type { MessagePortMain } from 'electron';
import type { ClientMessage } from '../../preload/contract.ts';
import { sentenceOf } from '../engine/base/errors.ts';
import { connectSocket } from '../ipc/socket.ts';
import type { EngineHost } from './host.ts';
import { words } from './words.ts';

export function attachEngine(socketPath: string): EngineHost {
  const ports = new Set<MessagePortMain>();
  let why: string = words.engineStarting;

  async function relay(port: MessagePortMain): Promise<void> {
    const link = await connectSocket(socketPath);
    link.onMessage((message) => port.postMessage(message));
    link.onClose(() => {
      why = words.agentGone;
      port.close();
    });
    // Passed on unparsed: the agent parses what any client sends.
    port.on('message', (event) => link.send(event.data as ClientMessage));
    port.once('close', () => link.close());
    port.start();
  }

  return {
    whyDown: () => why,
    connect(port) {
      ports.add(port);
      port.once('close', () => ports.delete(port));
      relay(port).catch((error: unknown) => {
        why = sentenceOf(error);
        port.close();
      });
    },
    async [Symbol.asyncDispose]() {
      for (const port of ports) port.close();
      ports.clear();
    },
  };
}
