// utilityProcess of the stand-in: a child Node process with a parentPort, ports bridged over its IPC channel.

import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { ForkOptions } from 'electron';
import { app } from './app.ts';
import type { ChannelEnd, MessagePortMain } from './ports.ts';
import { nodePath, plainFork } from './pretend.ts';
import { strict } from './strict.ts';
import type { FromUtility, ToUtility } from './utility-messages.ts';

/** Electron asks by SIGTERM and follows up with SIGKILL (base::EnsureProcessTerminated). */
const KILL_AFTER_MS = 2_000;

const children = new Set<ChildProcess>();
let lastPortId = 0;

class UtilityProcess extends EventEmitter {
  readonly stdout: PassThrough | null;
  readonly stderr: PassThrough | null;
  readonly #child: ChildProcess;
  readonly #ends = new Map<number, ChannelEnd>();
  #ended = false;

  constructor(modulePath: string, args: readonly string[], options: ForkOptions) {
    super();
    const stdio = options.stdio ?? 'inherit';
    if (!Array.isArray(stdio) || stdio[0] !== 'ignore')
      throw new Error('electron stand-in: stdio of a utility process other than [ignore, …]');
    this.#child = plainFork(join(import.meta.dirname, 'utility-child.ts'), [modulePath, ...args], {
      execPath: nodePath,
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', stdio[1] ?? 'inherit', stdio[2] ?? 'inherit', 'ipc'],
      ...(options.env ? { env: options.env as NodeJS.ProcessEnv } : {}),
    });
    children.add(this.#child);
    this.stdout = this.#child.stdout?.pipe(new PassThrough()) ?? null;
    this.stderr = this.#child.stderr?.pipe(new PassThrough()) ?? null;
    this.#child.once('spawn', () => this.emit('spawn'));
    this.#child.on('message', (message: FromUtility) => this.#receive(message));
    this.#child.once('exit', (code) => this.#end(code ?? 1));
    this.#child.once('error', () => this.#end(1));
  }

  get pid(): number | undefined {
    return this.#ended ? undefined : this.#child.pid;
  }

  postMessage(data: unknown, transfer: readonly MessagePortMain[] = []): void {
    if (this.#ended) return;
    const ends = transfer.map((port) => port.neuter());
    const portIds = ends.map((end) => {
      lastPortId += 1;
      this.#ends.set(lastPortId, end);
      return lastPortId;
    });
    this.#send({ kind: 'message', data: structuredClone(data), portIds });
    for (const [at, end] of ends.entries()) {
      const portId = portIds[at] ?? 0;
      end.listen({
        onMessage: (message) => this.#send({ kind: 'port-message', portId, data: message }),
        onClose: () => this.#send({ kind: 'port-close', portId }),
      });
    }
  }

  kill(): boolean {
    if (this.#ended) return false;
    setTimeout(() => {
      if (!this.#ended) this.#child.kill('SIGKILL');
    }, KILL_AFTER_MS).unref();
    return this.#child.kill('SIGTERM');
  }

  #send(message: ToUtility): void {
    if (this.#child.connected) this.#child.send(message);
  }

  #receive(message: FromUtility): void {
    switch (message.kind) {
      case 'message':
        this.emit('message', message.data);
        return;
      case 'port-message':
        return this.#ends.get(message.portId)?.send(message.data);
      case 'port-close':
        this.#ends.get(message.portId)?.close();
        this.#ends.delete(message.portId);
    }
  }

  #end(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    children.delete(this.#child);
    for (const end of this.#ends.values()) end.close();
    this.emit('exit', code);
  }
}

export const utilityProcess = strict('utilityProcess', {
  fork(modulePath: string, args: readonly string[] = [], options: ForkOptions = {}) {
    if (!app.isReady())
      throw new TypeError('utilityProcess cannot be created before app is ready.');
    return strict('UtilityProcess', new UtilityProcess(modulePath, args, options));
  },
});

/** Process ids of the utility processes that run now. */
export function utilityPids(): number[] {
  return [...children].flatMap((child) => child.pid ?? []);
}
