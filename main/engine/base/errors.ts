// The failure type of the engine. Expected outcomes are values, bugs are assertions, cancel is neither.

export type ErrorCode =
  | 'agent-not-running'
  | 'agent-already-running'
  | 'bad-argument'
  | 'cancelled'
  | 'closure-incomplete'
  | 'connection-refused'
  | 'connection-timeout'
  | 'farm-rejected'
  | 'file-changed'
  | 'file-missing'
  | 'file-unreadable'
  | 'internal'
  | 'mark-not-answered'
  | 'not-a-folder'
  | 'not-a-scene'
  | 'not-hammerspace'
  | 'object-exists'
  | 'output-taken'
  | 'outside-project'
  | 'port-taken'
  | 'sign-in-failed'
  | 'state-newer'
  | 'state-not-writable'
  | 'tls-untrusted'
  | 'unexpected-answer'
  | 'unknown-project'
  | 'unknown-region'
  | 'unknown-waybill';

export type Retry = 'now' | 'later' | 'never' | 'sign-in';

export interface AgentErrorInit {
  /** One sentence for a person: what failed, where, why, what to do. No stack, no secret. */
  readonly message: string;
  readonly retry: Retry;
  readonly cause?: unknown;
  /** Values the UI may show beside the sentence, such as a path or a URL. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

/** A failure with a code a program can branch on and a sentence a person can act on. */
export class AgentError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly facts: Readonly<Record<string, string | number>>;

  constructor(code: ErrorCode, init: AgentErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'AgentError';
    this.code = code;
    this.retry = init.retry;
    this.facts = init.facts ?? {};
  }
}

/** A bug, not a failure: something the types could not rule out but the code relies on. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`);
}

export function assertNever(value: never): never {
  throw new Error(`invariant: unhandled case ${JSON.stringify(value)}`);
}

/** True for the error an AbortSignal raises; cancel is not a failure. */
export function isAbort(error: unknown): boolean {
  return (
    (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) ||
    (error instanceof AgentError && error.code === 'cancelled')
  );
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
