// Runs the embedded sandbox as a utility process and tells where its endpoints document is.

import { join } from 'node:path';
import { utilityProcess, type UtilityProcess } from 'electron';
import type { Log } from '../engine/ports/log.ts';
import { gatherComplaint } from './complaint.ts';
import { words } from './words.ts';

const END_MS = 3_000;

export interface SandboxProcess extends AsyncDisposable {
  /** Path of the endpoints document; starts the sandbox when it does not run. */
  document(): Promise<string>;
}

export function runSandbox(options: {
  readonly modulePath: string;
  readonly dir: string;
  readonly log: Log;
  /** The sandbox died; whoever was connected to it has to ask for the document again. */
  onLost(): void;
}): SandboxProcess {
  const { log } = options;
  let child: UtilityProcess | null = null;
  let isUp = false;
  let stopping = false;

  function start(): Promise<string> {
    return new Promise((resolve, reject) => {
      const started = utilityProcess.fork(
        options.modulePath,
        ['--dir', options.dir, '--json', '--mount', 'none'],
        {
          serviceName: 'Waybill sandbox',
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      child = started;
      const complaint = gatherComplaint(started.stderr);
      // Its first line says that every door is open; the same document stands in its folder.
      started.stdout?.once('data', () => {
        isUp = true;
        started.stdout?.resume();
        log.info('The sandbox started', { pid: started.pid });
        resolve(documentPath());
      });
      started.once('exit', (code) => {
        const wasUp = isUp;
        child = null;
        isUp = false;
        reject(new Error(complaint() ?? words.sandboxEnded(code)));
        if (stopping || !wasUp) return;
        log.warn('The sandbox ended', { code });
        options.onLost();
      });
    });
  }

  function documentPath(): string {
    return join(options.dir, 'studio.json');
  }

  return {
    document: () => (isUp ? Promise.resolve(documentPath()) : start()),
    async [Symbol.asyncDispose]() {
      stopping = true;
      const last = child;
      if (!last) return;
      const gone = new Promise<void>((resolve) => last.once('exit', () => resolve()));
      last.kill();
      // Electron follows up with a kill of its own; waiting is bounded all the same.
      await Promise.race([gone, new Promise<void>((resolve) => setTimeout(resolve, END_MS))]);
    },
  };
}
