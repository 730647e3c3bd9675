// Child processes of the tests: started, waited for, and ended by their own process id.

import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const END_MS = 5_000;

export interface Ended {
  readonly child: ChildProcess;
  /** Resolves with the exit code, or null for a signal. */
  readonly exited: Promise<number | null>;
  end(): Promise<void>;
}

export function run(command: string, args: readonly string[], options: SpawnOptions = {}): Ended {
  return watched(spawn(command, args, options));
}

/** Starts a command that ends even when the tests are cut off. Its output is piped where asked for. */
export function runLeashed(
  command: string,
  args: readonly string[],
  output: { readonly stdout?: 'pipe'; readonly stderr?: 'pipe' },
): Ended {
  const { stdout = 'ignore', stderr = 'ignore' } = output;
  const leash = join(import.meta.dirname, 'leash.ts');
  return run(process.execPath, [leash, command, ...args], { stdio: ['pipe', stdout, stderr] });
}

export function watched(child: ChildProcess): Ended {
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
    child.once('error', () => resolve(null));
  });
  return {
    child,
    exited,
    async end() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** The first group of `pattern` in what the stream says. */
export function waitForText(stream: Readable | null, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream?.on('data', (part: Buffer) => {
      text = (text + part.toString()).slice(-20_000);
      const found = pattern.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    stream?.once('close', () => reject(new Error(`${pattern} was not said: ${text}`)));
  });
}
