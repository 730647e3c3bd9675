// File calls on a mounted root, made in a child process with deadlines: a child that hangs is killed and replaced.

import { fork, type ChildProcess } from 'node:child_process';
import { AgentError } from '../../engine/base/errors.ts';

interface StatRequest {
  readonly kind: 'stat';
  readonly path: string;
}
interface ExchangeRequest {
  readonly kind: 'exchange';
  readonly path: string;
  readonly body: string;
  readonly padded: boolean;
}
type MountCall = StatRequest | ExchangeRequest;
export type MountRequest = MountCall & { readonly id: number };
export type MountAnswer =
  | {
      readonly id: number;
      readonly kind: 'exchanged';
      readonly text: string;
      readonly echoed: boolean;
    }
  | { readonly id: number; readonly kind: 'stat'; readonly folder: boolean }
  | { readonly id: number; readonly kind: 'failed'; readonly errno: string; readonly text: string };

export interface MountProcess extends AsyncDisposable {
  /** The child's answer; 'connection-timeout' when it takes longer than `deadlineMs`. */
  call(
    request: MountCall,
    options: { deadlineMs: number; signal?: AbortSignal | undefined },
  ): Promise<MountAnswer>;
  /** Process id of the child, or null before the first call. */
  pid(): number | null;
}

interface Running {
  readonly process: ChildProcess;
  readonly waiting: Map<number, { resolve(answer: MountAnswer): void; reject(error: Error): void }>;
}

/** The built app names its bundled child; from source the neighbour file is run as it is. */
export function createMountProcess(options: { mountDir: string; childUrl?: URL }): MountProcess {
  const childUrl =
    options.childUrl ??
    new URL(`./mount-child${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
  let running: Running | null = null;
  let lastId = 0;
  let disposed = false;

  function start(): Running {
    // execArgv empty: flags of the parent, such as an inspector port, are not for the child.
    const child = fork(childUrl, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
    const started: Running = { process: child, waiting: new Map() };
    child.unref();
    child.channel?.unref();
    child.on('message', (answer: MountAnswer) => {
      const waiter = started.waiting.get(answer.id);
      started.waiting.delete(answer.id);
      waiter?.resolve(answer);
    });
    child.on('error', (error) => giveUp(started, ended(error)));
    child.on('exit', () => giveUp(started, ended(null)));
    return started;
  }

  /** Everything that waits on this child fails, and the next call starts a new one. */
  function giveUp(child: Running, error: AgentError): void {
    if (running === child) running = null;
    const waiters = [...child.waiting.values()];
    child.waiting.clear();
    for (const waiter of waiters) waiter.reject(error);
    // A child in an uninterruptible call dies when the call ends; nobody waits for that.
    child.process.kill('SIGKILL');
  }

  function ended(cause: Error | null): AgentError {
    return new AgentError('connection-refused', {
      message: `The process that works on the mount ${options.mountDir} ended. It is started again.`,
      retry: 'later',
      cause: cause ?? undefined,
      facts: { mount: options.mountDir },
    });
  }

  function timeUp(deadlineMs: number): AgentError {
    return new AgentError('connection-timeout', {
      message: `The mount ${options.mountDir} did not answer within ${deadlineMs / 1000} s. Check that its server is up; it is tried again.`,
      retry: 'later',
      facts: { mount: options.mountDir },
    });
  }

  return {
    pid: () => running?.process.pid ?? null,
    call(request, { deadlineMs, signal }) {
      signal?.throwIfAborted();
      if (disposed) return Promise.reject(ended(null));
      const child = (running ??= start());
      lastId += 1;
      const id = lastId;
      // While a call is under way the child keeps the parent alive.
      child.process.channel?.ref();
      return new Promise<MountAnswer>((resolve, reject) => {
        const timer = setTimeout(() => giveUp(child, timeUp(deadlineMs)), deadlineMs);
        // A cancelled call leaves its caller at once, but its deadline goes on: it may hang the child.
        const onAbort = (): void => reject(signal?.reason as Error);
        signal?.addEventListener('abort', onAbort, { once: true });
        function settle(): void {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          if (child.waiting.size === 0) child.process.channel?.unref();
        }
        child.waiting.set(id, {
          resolve(answer) {
            settle();
            resolve(answer);
          },
          reject(error) {
            settle();
            reject(error);
          },
        });
        child.process.send({ ...request, id }, (error) => {
          if (error) giveUp(child, ended(error));
        });
      });
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      const child = running;
      if (!child) return;
      const gone = new Promise<void>((resolve) => child.process.once('exit', () => resolve()));
      child.process.ref();
      giveUp(child, ended(null));
      // Bounded: a child stuck in the kernel is left to the kernel.
      await Promise.race([
        gone,
        new Promise<void>((resolve) => setTimeout(resolve, 1_000).unref()),
      ]);
    },
  };
}
