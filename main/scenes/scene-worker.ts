// Worker thread that reads scenes: a hostile or huge file can end this thread, and only this thread.

import { parentPort } from 'node:worker_threads';
import { AgentError, type ErrorCode, type Retry } from '../engine/base/errors.ts';
import type { Closure } from '../engine/core/closure.ts';
import { createSceneLibrary, type ReadRequest } from './read-scene.ts';

export interface WorkerRequest extends ReadRequest {
  readonly id: number;
}

export type WorkerAnswer =
  | { readonly id: number; readonly kind: 'read'; readonly closure: Closure }
  | {
      readonly id: number;
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly retry: Retry;
      readonly facts: AgentError['facts'];
    }
  | { readonly id: number; readonly kind: 'broken'; readonly stack: string };

const library = createSceneLibrary();

parentPort?.on('message', (request: WorkerRequest) => {
  void answer(request).then((reply) => parentPort?.postMessage(reply));
});

async function answer(request: WorkerRequest): Promise<WorkerAnswer> {
  const { id } = request;
  try {
    return { id, kind: 'read', closure: await library.read(request) };
  } catch (error) {
    if (error instanceof AgentError) {
      const { code, message, retry, facts } = error;
      return { id, kind: 'failed', code, message, retry, facts };
    }
    const stack = error instanceof Error ? String(error.stack) : String(error);
    return { id, kind: 'broken', stack };
  }
}
