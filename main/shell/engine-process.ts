// Runs the engine as a utility process: starts it again when it dies, hands it ports, ends it with the shell.

import { setTimeout as delay } from 'node:timers/promises';
import {
  MessageChannelMain,
  utilityProcess,
  type MessagePortMain,
  type UtilityProcess,
} from 'electron';
import type { ClientMessage } from '../../preload/contract.ts';
import { isAbort, sentenceOf } from '../engine/base/errors.ts';
import type { Log } from '../engine/ports/log.ts';
import { gatherComplaint } from './complaint.ts';
import type { EngineHost } from './host.ts';
import { words } from './words.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** An engine that lived this long was well, so its next death starts the pauses anew. */
const STEADY_MS = 60_000;
/** The engine drains for at most 5 s; past this it is ended the hard way. */
const END_MS = 7_000;

export interface EngineProcess extends EngineHost {
  /** Ends the running engine, so that it starts anew with fresh arguments. */
  restart(): void;
}

export function runEngine(options: {
  readonly modulePath: string;
  /** Asked before each start: the sandbox may have moved. */
  arguments(): Promise<readonly string[]>;
  readonly log: Log;
}): EngineProcess {
  const { log } = options;
  const stop = new AbortController();
  const waitingPorts: MessagePortMain[] = [];
  let child: UtilityProcess | null = null;
  let why: string = words.engineStarting;

  async function keepRunning(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!stop.signal.aborted) {
      const startedAt = performance.now();
      why = await runOnce().catch((error: unknown) => sentenceOf(error));
      // Whoever still waits for an engine that did not even start learns the reason now.
      for (const port of waitingPorts.splice(0)) port.close();
      if (stop.signal.aborted) return;
      log.warn('The engine ended', { why, pauseMs });
      if (performance.now() - startedAt > STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      await delay(pauseMs, undefined, { signal: stop.signal });
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Resolves with the reason when the process is gone. */
  async function runOnce(): Promise<string> {
    const args = await options.arguments();
    stop.signal.throwIfAborted();
    const started = utilityProcess.fork(options.modulePath, [...args], {
      serviceName: 'Waybill engine',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    started.stdout?.resume();
    const complaint = gatherComplaint(started.stderr);
    started.once('spawn', () => log.info('The engine started', { pid: started.pid }));
    // What is posted before the process is up waits in its pipe.
    for (const port of waitingPorts.splice(0)) hand(started, port);
    const code = await new Promise<number>((resolve) => started.once('exit', resolve));
    child = null;
    return complaint() ?? words.engineEnded(code);
  }

  const running = keepRunning().catch((error: unknown) => {
    if (!isAbort(error)) log.error('The engine is no longer looked after', { error });
  });

  return {
    whyDown: () => why,
    connect(port) {
      if (stop.signal.aborted) port.close();
      else if (child) hand(child, port);
      else waitingPorts.push(port);
    },
    restart: () => void child?.kill(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      for (const port of waitingPorts.splice(0)) port.close();
      const last = child;
      if (last) askToEnd(last);
      const hard = setTimeout(() => {
        log.warn('The engine did not end in time', { pid: last?.pid });
        last?.kill();
      }, END_MS);
      await running;
      clearTimeout(hard);
    },
  };
}

function hand(child: UtilityProcess, port: MessagePortMain): void {
  child.postMessage({ kind: 'connect' }, [port]);
}

/** By the contract rather than by a signal: a signal would be followed by a kill two seconds later. */
function askToEnd(child: UtilityProcess): void {
  const { port1, port2 } = new MessageChannelMain();
  const message: ClientMessage = { kind: 'call', id: 0, command: 'shutdown', argument: {} };
  port1.postMessage(message);
  hand(child, port2);
}
