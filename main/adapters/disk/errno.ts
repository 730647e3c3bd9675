// Errno by number: Node has no name for ESTALE and EDQUOT and reports them as "Unknown system error".

import { constants } from 'node:os';
import { AgentError, sentenceOf } from '../../engine/base/errors.ts';

const NAME_BY_NUMBER = new Map(
  // EAGAIN and EWOULDBLOCK share a number; the first name listed wins.
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name] as const),
);

/** The symbolic name, e.g. 'ESTALE', or '' when the error carries no errno. */
export function errnoName(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { errno, code } = error as NodeJS.ErrnoException;
  const named = typeof errno === 'number' ? NAME_BY_NUMBER.get(Math.abs(errno)) : undefined;
  return named ?? (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : '');
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'you have no permission',
  EPERM: 'the system does not permit it',
  EROFS: 'the disk is mounted read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your quota is used up',
  EIO: 'the disk reports an error',
  ESTALE: 'the mount is stale; mount it again',
  ENOTCONN: 'the mount has lost its server',
  EHOSTDOWN: 'the mount has lost its server',
  ETIMEDOUT: 'the mount does not answer',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EBUSY: 'another program holds it',
  ELOOP: 'it is a symbolic link, which is not followed here',
  ENAMETOOLONG: 'its name is too long for this disk',
  EISDIR: 'it is a folder',
};

const PASSING = new Set([
  'EBUSY',
  'EIO',
  'ESTALE',
  'ENOTCONN',
  'EHOSTDOWN',
  'ETIMEDOUT',
  'EMFILE',
  'ENFILE',
  'EAGAIN',
  'EINTR',
  'ENOSPC',
  'EDQUOT',
]);

/** Only ENOENT and ENOTDIR prove absence; every other errno leaves it unknown. */
export function fileFailure(error: unknown, what: { doing: string; path: string }): unknown {
  if (error instanceof AgentError) return error;
  const name = errnoName(error);
  if (name === '') return error;
  const facts = { path: what.path, errno: name };
  if (name === 'ENOENT' || name === 'ENOTDIR') {
    return new AgentError('file-missing', {
      message: `${what.path} is not there, so ${what.doing} failed. Check the path.`,
      retry: 'never',
      cause: error,
      facts,
    });
  }
  const reason = REASONS[name] ?? sentenceOf(error);
  return new AgentError('file-unreadable', {
    message: `${what.path}: ${what.doing} failed because ${reason} (${name}). Correct that and retry.`,
    retry: PASSING.has(name) ? 'later' : 'never',
    cause: error,
    facts,
  });
}
