// Serves the contract over a message port: the window's way to the engine.

import type { ServerMessage } from '../../preload/contract.ts';
import type { EngineApi } from '../engine/api.ts';
import type { Log } from '../engine/ports/log.ts';
import { serveClient } from './serve.ts';

/** What Electron's MessagePortMain offers; a type of our own keeps Electron out of the engine's process. */
export interface Port {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  start(): void;
  close(): void;
}

export function servePort(engine: EngineApi, port: Port, log: Log): void {
  const send = (message: ServerMessage): void => port.postMessage(message);
  const client = serveClient(engine, { send }, log);
  port.on('message', (event) => client.receive(event.data));
  port.on('close', () => client.close());
  port.start();
}
