// Faults at a server's door, switched on from outside: a request that is held, a reply that is lost, an error instead.

import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';

export const DoorFault = z.strictObject({
  /** 's3', 'farm', 'gateway' or 'anvil:<site>'. */
  door: z.string().min(1).max(80),
  kind: z.enum(['hold', 'drop-reply', 'fail']),
  method: z.string().max(10).optional(),
  /** What the request's path, query included, must hold. */
  path: z.string().max(500).optional(),
  /** How many requests it meets; every one when absent. */
  times: z.int().min(1).optional(),
  status: z.int().min(400).max(599).default(500),
});
export type DoorFault = z.infer<typeof DoorFault>;

export interface Faults {
  /** Puts a door before a server; call it once per server. */
  guard(server: EventEmitter, door: string): void;
  /** Returns the id by which the fault is taken away. */
  add(fault: DoorFault): string;
  /** Takes one fault away, or all; what it holds goes on. */
  remove(id: string | null): void;
}

interface Standing {
  readonly fault: DoorFault;
  left: number;
  readonly held: Set<() => void>;
}

export function createFaults(): Faults {
  const standing = new Map<string, Standing>();

  function meets(door: string, request: IncomingMessage): Standing | undefined {
    return [...standing.values()].find(
      ({ fault, left }) =>
        left > 0 &&
        fault.door === door &&
        (fault.method === undefined || fault.method === request.method) &&
        (fault.path === undefined || (request.url ?? '').includes(fault.path)),
    );
  }

  function pass(
    found: Standing,
    request: IncomingMessage,
    response: ServerResponse,
    serve: () => void,
  ): void {
    found.left -= 1;
    switch (found.fault.kind) {
      case 'hold': {
        // Given up by the client while it waited: nobody is left to serve.
        found.held.add(() => void (request.socket.destroyed || serve()));
        return;
      }
      case 'drop-reply':
        loseReply(request, response);
        return serve();
      case 'fail':
        request.resume();
        response.writeHead(found.fault.status, { 'Content-Type': 'text/plain' });
        response.end('The request failed because the sandbox was told so.');
    }
  }

  return {
    guard(server, door) {
      const emit = server.emit.bind(server) as (name: string, ...args: unknown[]) => boolean;
      server.emit = ((name: string, ...args: unknown[]): boolean => {
        const [request, response] = args as [IncomingMessage, ServerResponse];
        const found = name === 'request' ? meets(door, request) : undefined;
        if (!found) return emit(name, ...args);
        pass(found, request, response, () => emit(name, ...args));
        return true;
      }) as EventEmitter['emit'];
    },
    add(fault) {
      const id = randomUUID();
      standing.set(id, { fault, left: fault.times ?? Infinity, held: new Set() });
      return id;
    },
    remove(id) {
      for (const [key, { held }] of standing) {
        if (id !== null && key !== id) continue;
        standing.delete(key);
        for (const go of held) go();
      }
    },
  };
}

/** The request is carried out; its answer never leaves the machine. */
function loseReply(request: IncomingMessage, response: ServerResponse): void {
  const lose = (): ServerResponse => {
    request.socket.destroy();
    return response;
  };
  response.write = () => true;
  response.end = lose as ServerResponse['end'];
}
