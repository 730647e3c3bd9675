// Reads scenes in a worker thread with limits on time and memory: a bad file ends the thread, not the engine.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AgentError } from '../engine/base/errors.ts';
import type { Closure } from '../engine/core/closure.ts';
import type { LocalPath } from '../engine/core/names.ts';
import type { SceneReader } from '../engine/ports/scenes.ts';
import type { WorkerAnswer, WorkerRequest } from './scene-worker.ts';

export interface SceneReaderOptions {
  /**
   * Folders that references may be looked up in. What lies outside is reported as missing and never
   * touched. Null, the default, looks anywhere on this workstation but never at a network address.
   * A function is asked at each read: projects come and go.
   */
  readonly roots?: Roots | (() => Roots);
  readonly timeLimitMs?: number;
  /** Heap of the worker; file contents are held outside it, a few megabytes at a time. */
  readonly memoryLimitMb?: number;
}

type Roots = readonly string[] | null;

const TIME_LIMIT_MS = 120_000;
const MEMORY_LIMIT_MB = 512;
const SCENE_EXTENSIONS = new Set(['.blend']);
/** All built entries lie in one folder; from source the neighbour is TypeScript, as this file is. */
const WORKER_URL = new URL(
  `./scene-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
);

interface Reading {
  readonly path: string;
  resolve(closure: Closure): void;
  reject(error: unknown): void;
}

interface Running {
  readonly id: number;
  readonly reading: Reading;
  readonly timer: NodeJS.Timeout;
}

export function createSceneReader(options: SceneReaderOptions): SceneReader & AsyncDisposable {
  const { roots = null, timeLimitMs = TIME_LIMIT_MS, memoryLimitMb = MEMORY_LIMIT_MB } = options;
  const queue: Reading[] = [];
  const ending = new Set<Promise<number>>();
  let worker: Worker | null = null;
  let running: Running | null = null;
  let lastId = 0;
  let disposed = false;

  function startWorker(): Worker {
    const started = new Worker(WORKER_URL, {
      // Flags of the parent, such as an inspector port, are not for the worker.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb },
    });
    started.unref();
    started.on('message', (answer: WorkerAnswer) => {
      if (started === worker && running?.id === answer.id) settle(answer);
    });
    started.on('error', (error) => {
      if (started === worker) endRunning(crashed(error));
    });
    started.on('exit', () => {
      if (started === worker) endRunning(crashed(null));
    });
    return started;
  }

  /** One scene at a time, so that a limit that is hit is the limit of that scene. */
  function runNext(): void {
    if (running || disposed) return;
    const reading = queue.shift();
    if (!reading) return;
    worker ??= startWorker();
    lastId += 1;
    const timer = setTimeout(() => endRunning(timeUp(reading.path)), timeLimitMs);
    running = { id: lastId, reading, timer };
    // While a scene is read the thread keeps the process alive.
    worker.ref();
    const request: WorkerRequest = {
      id: lastId,
      path: reading.path,
      roots: typeof roots === 'function' ? roots() : roots,
    };
    worker.postMessage(request);
  }

  function release(): Reading | null {
    const done = running;
    running = null;
    if (!done) return null;
    clearTimeout(done.timer);
    worker?.unref();
    return done.reading;
  }

  function settle(answer: WorkerAnswer): void {
    const reading = release();
    switch (answer.kind) {
      case 'read':
        reading?.resolve(answer.closure);
        break;
      case 'failed': {
        const { code, message, retry, facts } = answer;
        reading?.reject(new AgentError(code, { message, retry, facts }));
        break;
      }
      case 'broken':
        if (reading) reading.reject(fault(reading.path, answer.stack));
        break;
    }
    runNext();
  }

  /** Gives the scene up and its thread with it: what the thread is doing cannot be interrupted otherwise. */
  function endRunning(error: unknown): void {
    const reading = release();
    const ended = worker;
    worker = null;
    if (ended) {
      const exit = ended.terminate();
      ending.add(exit);
      void exit.finally(() => ending.delete(exit));
    }
    reading?.reject(error);
    runNext();
  }

  function cancel(reading: Reading, reason: unknown): void {
    if (running?.reading === reading) {
      endRunning(reason);
      return;
    }
    const at = queue.indexOf(reading);
    if (at < 0) return;
    queue.splice(at, 1);
    reading.reject(reason);
  }

  function crashed(error: Error | null): AgentError {
    const path = running?.reading.path ?? 'The scene';
    const outOfMemory =
      error !== null && (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
    return new AgentError('file-unreadable', {
      message: outOfMemory
        ? `${path} needs more than the ${memoryLimitMb} MB that reading a scene may take. Split it, or save it again from its program.`
        : `Reading ${path} ended unexpectedly${error ? ` (${error.message})` : ''}. Retry; if it happens again, report it.`,
      retry: outOfMemory ? 'never' : 'now',
      cause: error ?? undefined,
      facts: { path },
    });
  }

  function timeUp(path: string): AgentError {
    return new AgentError('file-unreadable', {
      message: `${path} could not be read within ${timeLimitMs / 1000} s, so reading was stopped. Check that its disk answers, then retry.`,
      retry: 'later',
      facts: { path },
    });
  }

  return {
    isScene: (name) => SCENE_EXTENSIONS.has(extname(name).toLowerCase()),
    async read(path: LocalPath, { signal } = {}) {
      signal?.throwIfAborted();
      if (disposed) throw closed(path);
      const { promise, resolve, reject } = Promise.withResolvers<Closure>();
      const reading: Reading = { path, resolve, reject };
      const onAbort = (): void => cancel(reading, signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      queue.push(reading);
      runNext();
      try {
        return await promise;
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      for (const reading of queue.splice(0)) reading.reject(closed(reading.path));
      endRunning(closed(running?.reading.path ?? 'a scene'));
      // Bounded: a thread stuck in a call on a dead mount is left to the system.
      await Promise.race([
        Promise.allSettled(ending),
        new Promise<void>((resolve) => setTimeout(resolve, 1_000).unref()),
      ]);
    },
  };
}

/** A bug of ours; the stack is for the log, never for a person. */
function fault(path: string, stack: string): AgentError {
  return new AgentError('internal', {
    message: `Reading ${path} failed through a fault in Waybill. Please report it with the log.`,
    retry: 'never',
    cause: new Error(stack),
    facts: { path },
  });
}

function closed(path: string): AgentError {
  return new AgentError('cancelled', {
    message: `Reading ${path} was stopped because Waybill is closing.`,
    retry: 'never',
    facts: { path },
  });
}
