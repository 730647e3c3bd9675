// Who may ask: form login with a session cookie, or HTTP Basic on each call.

import { randomBytes, timingSafeEqual } from 'node:crypto';

/** Lifetime is documented nowhere; half an hour since the last call is assumed. */
const SESSION_MS = 30 * 60_000;
/** Name of the session cookie is documented nowhere; JSESSIONID is assumed. */
const COOKIE = 'JSESSIONID';
const MAX_SESSIONS = 10_000;

export interface Sessions {
  /** Value of Set-Cookie, or null for a wrong name or password. */
  login(username: string, password: string): string | null;
  logout(cookie: string | undefined): void;
  isSignedIn(headers: {
    readonly authorization?: string | undefined;
    readonly cookie?: string | undefined;
  }): boolean;
  /** Ends every session, as a restart of the Anvil does. */
  expireAll(): void;
}

export function createSessions(
  credentials: { readonly username: string; readonly password: string },
  now: () => number,
): Sessions {
  const until = new Map<string, number>();
  const pair = `${credentials.username}:${credentials.password}`;
  const idIn = (cookie: string | undefined): string | undefined =>
    new RegExp(`(?:^|;\\s*)${COOKIE}=([0-9a-f]{32})(?:;|$)`).exec(cookie ?? '')?.[1];

  function prune(): void {
    const time = now();
    for (const [id, end] of until) if (end <= time || until.size >= MAX_SESSIONS) until.delete(id);
  }

  return {
    login(username, password) {
      if (!sameText(`${username}:${password}`, pair)) return null;
      if (until.size >= MAX_SESSIONS / 2) prune();
      const id = randomBytes(16).toString('hex');
      until.set(id, now() + SESSION_MS);
      return `${COOKIE}=${id}; Path=/; Secure; HttpOnly`;
    },
    logout(cookie) {
      until.delete(idIn(cookie) ?? '');
    },
    isSignedIn({ authorization = '', cookie }) {
      const [scheme, token = ''] = authorization.split(' ');
      if (scheme?.toLowerCase() === 'basic')
        return sameText(Buffer.from(token, 'base64').toString('utf8'), pair);
      const id = idIn(cookie);
      const end = id === undefined ? undefined : until.get(id);
      if (id === undefined || end === undefined || end <= now()) return false;
      until.set(id, now() + SESSION_MS);
      return true;
    },
    expireAll: () => until.clear(),
  };
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
