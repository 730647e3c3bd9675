// The serving end of the contract for one client, whatever carries its messages.

import { COMMANDS, ClientMessage } from '../../preload/contract.ts';
import type { CommandName, ServerMessage, SliceName } from '../../preload/contract.ts';
import type { Call, EngineApi } from '../engine/api.ts';
import { AgentError } from '../engine/base/errors.ts';
import type { Log } from '../engine/ports/log.ts';
import { toWire } from './errors.ts';

/** More calls than this under way at once are a client gone wrong. */
const MAX_CALLS = 256;

export interface ServedClient {
  /** A message as it arrived, unparsed. */
  receive(raw: unknown): void;
  /** Cancels what is under way; the client is gone. */
  close(): void;
}

export function serveClient(
  engine: EngineApi,
  client: { send(message: ServerMessage): void },
  log: Log,
): ServedClient {
  const calls = new Map<number, AbortController>();
  let watch: Disposable | null = null;

  function startCall(message: Extract<ClientMessage, { kind: 'call' }>): void {
    const { id } = message;
    const stop = new AbortController();
    const isRefused = calls.has(id) || calls.size >= MAX_CALLS;
    if (!isRefused) calls.set(id, stop);
    const result = isRefused
      ? Promise.reject(badCall(`call id ${id} is under way already, or too many calls are`))
      : runCommand(engine, message, { signal: stop.signal });
    result
      .then(
        (value): ServerMessage => ({ kind: 'result', id, ok: true, value }),
        (error: unknown): ServerMessage => ({
          kind: 'result',
          id,
          ok: false,
          error: toWire(error, log),
        }),
      )
      .then((answer) => {
        if (!isRefused) calls.delete(id);
        client.send(answer);
      })
      .catch((error: unknown) => log.warn('An answer could not be sent', { error }));
  }

  function startWatch(slices: readonly string[] | undefined): void {
    watch?.[Symbol.dispose]();
    const { revision, state } = engine.snapshot();
    let base = revision;
    client.send({ kind: 'snapshot', revision, state });
    watch = engine.watch((slices as readonly SliceName[] | undefined) ?? 'all', (change) => {
      if (Object.keys(change.slices).length === 0) return;
      client.send({ kind: 'changes', base, ...change });
      base = change.revision;
    });
  }

  return {
    receive(raw) {
      const parsed = ClientMessage.safeParse(raw);
      if (!parsed.success) {
        log.warn('A message of a client was not understood', { why: parsed.error.message });
        const id = callIdOf(raw);
        if (id === null) return;
        const error = toWire(badCall(parsed.error.issues[0]?.message ?? 'not as agreed'), log);
        client.send({ kind: 'result', id, ok: false, error });
        return;
      }
      switch (parsed.data.kind) {
        case 'call':
          return startCall(parsed.data);
        case 'cancel':
          return calls.get(parsed.data.id)?.abort();
        case 'watch':
          return startWatch(parsed.data.slices);
      }
    },
    close() {
      watch?.[Symbol.dispose]();
      for (const call of calls.values()) call.abort();
      calls.clear();
    },
  };
}

/** Parses the argument at this door, so that the engine never sees anything it did not agree to. */
async function runCommand(
  engine: EngineApi,
  message: { command: string; argument?: unknown },
  call: Call,
): Promise<unknown> {
  const { command } = message;
  if (!Object.hasOwn(COMMANDS, command)) {
    throw badCall(`there is no command "${command.slice(0, 60)}"`);
  }
  const name = command as CommandName;
  const argument = COMMANDS[name].safeParse(message.argument);
  if (!argument.success) {
    const [issue] = argument.error.issues;
    throw badCall(`${name}: ${issue?.path.join('.') || 'argument'}: ${issue?.message ?? 'wrong'}`);
  }
  const run = engine[name] as (argument: unknown, call: Call) => Promise<unknown>;
  return (await run(argument.data, call)) ?? null;
}

function badCall(why: string): AgentError {
  return new AgentError('bad-argument', {
    message: `Waybill did not understand the request: ${why}. Update the client and try again.`,
    retry: 'never',
  });
}

function callIdOf(raw: unknown): number | null {
  if (typeof raw !== 'object' || raw === null || !('id' in raw)) return null;
  return typeof raw.id === 'number' && Number.isSafeInteger(raw.id) && raw.id >= 0 ? raw.id : null;
}
