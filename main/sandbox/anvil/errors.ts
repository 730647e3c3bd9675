// Errors as an Anvil answers them: a code, its arguments and a sentence, in either of the two bodies clients have met.

export type ErrorCode =
  | 'BAD_REQUEST'
  | 'ENTITY_ALREADY_EXISTS'
  | 'ENTITY_NOT_FOUND'
  | 'FORBIDDEN'
  | 'BAD_MODIFICATION_TIME'
  | 'VALIDATION_VIOLATION'
  | 'ENTITY_IN_USE'
  | 'DELETE_FORBIDDEN_ENTITY_USED_BY'
  | 'INSUFFICIENT_AUTHORIZATION'
  | 'INVALID_STATE_ERROR'
  | 'INTERNAL_SERVER_ERROR';

/** Codes are the spec's; the status each comes with is assumed where no client shows it. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  // A share that exists is answered with 400 [C csi]; the other entities are assumed to be.
  ENTITY_ALREADY_EXISTS: 400,
  ENTITY_NOT_FOUND: 404,
  FORBIDDEN: 403,
  BAD_MODIFICATION_TIME: 400,
  VALIDATION_VIOLATION: 400,
  ENTITY_IN_USE: 400,
  DELETE_FORBIDDEN_ENTITY_USED_BY: 400,
  INSUFFICIENT_AUTHORIZATION: 401,
  INVALID_STATE_ERROR: 400,
  INTERNAL_SERVER_ERROR: 500,
};

export interface ErrorView {
  readonly errorCode: string;
  readonly args: readonly string[];
  readonly message: string;
}

export class AnvilError extends Error {
  readonly status: number;
  readonly view: ErrorView;
  constructor(errorCode: ErrorCode, message: string, args: readonly string[] = []) {
    super(message);
    this.status = STATUS[errorCode];
    this.view = { errorCode, args, message };
  }
}

export function notFound(objectType: string, id: string): AnvilError {
  const words = objectType.toLowerCase().replaceAll('_', ' ');
  return new AnvilError('ENTITY_NOT_FOUND', `No ${words} named ${id}`, [objectType, id]);
}

/** One client reads an array of errors, another an object with `errors` and `message` [C SDK; portal]. */
export function errorBody(view: ErrorView, form: 'array' | 'object'): unknown {
  return form === 'array' ? [view] : { ...view, errors: [view] };
}
