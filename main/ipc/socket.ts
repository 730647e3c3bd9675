// The local socket of the contract: a Unix socket in a folder only its owner may enter, a named pipe on Windows.

import { lstatSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { ClientMessage, ServerMessage } from '../../preload/contract.ts';
import type { EngineApi } from '../engine/api.ts';
import { AgentError, sentenceOf } from '../engine/base/errors.ts';
import { makeFolders } from '../engine/base/folders.ts';
import type { Log } from '../engine/ports/log.ts';
import { overLines } from './lines.ts';
import { serveClient } from './serve.ts';

const MAX_REQUEST_BYTES = 1024 * 1024;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const MAX_CLIENTS = 64;
const CONNECT_MS = 3_000;

export interface SocketServer extends AsyncDisposable {
  /** Starts to answer; until then clients wait. */
  serve(engine: EngineApi): void;
}

/** Binds the socket, which also shows that no other agent has it. Errors: 'agent-already-running', 'state-not-writable'. */
export async function serveSocket(options: { path: string; log: Log }): Promise<SocketServer> {
  const { path, log } = options;
  let serve: (engine: EngineApi) => void = () => undefined;
  const ready = new Promise<EngineApi>((resolve) => (serve = resolve));
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.on('error', (error) => log.info('A client went away', { why: sentenceOf(error) }));
    socket.once('close', () => clients.delete(socket));
    ready
      .then((engine) => serveOne(engine, socket, log))
      .catch((error: unknown) => log.error('A client could not be served', { error }));
  });
  server.maxConnections = MAX_CLIENTS;
  makePrivateFolder(path);
  await bind(server, path);
  return {
    serve: (engine) => serve(engine),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Answers already written, such as the one to `shutdown`, still reach their client.
      for (const client of clients) client.destroySoon();
      await closed;
    },
  };
}

function serveOne(engine: EngineApi, socket: Socket, log: Log): void {
  const client = serveClient(engine, { send: (message) => lines.send(message) }, log);
  const lines = overLines(socket, {
    maxBytes: MAX_REQUEST_BYTES,
    onMessage: (message) => client.receive(message),
  });
  socket.once('close', () => client.close());
}

async function bind(server: Server, path: string): Promise<void> {
  try {
    await listen(server, path);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw notWritable(path, error);
    if (await answers(path)) {
      throw new AgentError('agent-already-running', {
        message: `A Waybill agent already runs for this state folder (${path}). Use it, or choose another folder with --state.`,
        retry: 'never',
        facts: { path },
      });
    }
    // Left by an agent that was killed. Two starters may both come here; the ledger's lock lets one live.
    rmSync(path, { force: true });
    await listen(server, path).catch((again: unknown) => {
      throw notWritable(path, again);
    });
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, readableAll: false, writableAll: false }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function answers(path: string): Promise<boolean> {
  return open(path).then(
    (socket) => {
      socket.destroy();
      return true;
    },
    () => false,
  );
}

/** Other users of the machine may not even see the socket. */
function makePrivateFolder(path: string): void {
  if (process.platform === 'win32') return;
  const dir = dirname(path);
  try {
    makeFolders(dir, 0o700);
  } catch (error) {
    throw notWritable(path, error);
  }
  const stat = lstatSync(dir);
  if (stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0) return;
  throw new AgentError('state-not-writable', {
    message: `The folder ${dir} is open to others, so no socket is made in it. Run "chmod 700 ${dir}", or choose another with --socket.`,
    retry: 'never',
    facts: { path: dir },
  });
}

function notWritable(path: string, cause: unknown): AgentError {
  return new AgentError('state-not-writable', {
    message: `The socket ${path} cannot be made (${sentenceOf(cause)}). Choose another place with --state or --socket.`,
    retry: 'never',
    cause,
    facts: { path },
  });
}

/** A connection to a running agent. */
export interface AgentLink {
  send(message: ClientMessage): void;
  onMessage(listener: (message: ServerMessage) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

/** Errors: 'agent-not-running'. */
export async function connectSocket(path: string): Promise<AgentLink> {
  const socket = await open(path);
  let onMessage: (message: ServerMessage) => void = () => undefined;
  // The agent's own answers are trusted: it is the same user's process, behind the same folder.
  const lines = overLines(socket, {
    maxBytes: MAX_ANSWER_BYTES,
    onMessage: (message) => onMessage(message as ServerMessage),
  });
  socket.on('error', () => socket.destroy());
  return {
    send: (message) => lines.send(message),
    onMessage(listener) {
      onMessage = listener;
    },
    onClose: (listener) => void socket.once('close', listener),
    close: () => lines.close(),
  };
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (cause: unknown): void => {
      socket.destroy();
      reject(
        new AgentError('agent-not-running', {
          message: `No Waybill agent answers at ${path}. Start the app, or run "waybill agent".`,
          retry: 'later',
          cause,
          facts: { path },
        }),
      );
    };
    const timer = setTimeout(() => fail(new Error('no answer in time')), CONNECT_MS);
    socket.once('error', fail);
    socket.once('close', () => clearTimeout(timer));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', fail);
      resolve(socket);
    });
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
