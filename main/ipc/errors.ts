// Failures on their way over the contract: code, sentence, retry advice and causes; never a stack.

import { AgentError, isAbort, sentenceOf } from '../engine/base/errors.ts';
import type { Log } from '../engine/ports/log.ts';
import type { WireError } from '../../preload/contract.ts';

const MAX_CAUSES = 5;

/** A bug reaches the log whole and the person as one sentence. */
export function toWire(error: unknown, log: Log): WireError {
  if (error instanceof AgentError) {
    const { code, message, retry, facts } = error;
    return { code, message, retry, facts, causes: causesOf(error) };
  }
  if (isAbort(error)) {
    return { code: 'cancelled', message: 'Cancelled.', retry: 'now', facts: {}, causes: [] };
  }
  log.error('A call failed for a reason nobody foresaw', { error });
  return {
    code: 'internal',
    message: `Something in Waybill failed (${sentenceOf(error)}). It is in the log; try again.`,
    retry: 'now',
    facts: {},
    causes: causesOf(error),
  };
}

export function fromWire(error: WireError): AgentError {
  const { code, message, retry, facts, causes } = error;
  const [cause] = causes;
  return new AgentError(code, {
    message,
    retry,
    facts,
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
  });
}

function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  let at = error instanceof Error ? error.cause : undefined;
  while (at !== undefined && at !== null && causes.length < MAX_CAUSES) {
    causes.push(sentenceOf(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return causes;
}
