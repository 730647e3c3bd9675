// A call that the agent refused or could not answer, as it came over the wire.

import type { ErrorCode, Retry, WireError } from '../preload/contract.ts';

export class CallFailure extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly facts: WireError['facts'];

  constructor(wire: WireError) {
    super(wire.message);
    this.name = 'CallFailure';
    this.code = wire.code;
    this.retry = wire.retry;
    this.facts = wire.facts;
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
