// The browser's transport: one-time token to session, one POST per call, a long poll for the state.

import type { ClientMessage, ServerMessage, WireError } from '../../preload/contract.ts';
import { isAbort } from '../failure.ts';
import { words } from '../words/en.ts';
import type { Transport, TransportEvents } from './transport.ts';

const SESSION_KEY = 'waybill:session';
const PAUSES_MS = [500, 1_000, 2_000, 5_000];

type Call = Extract<ClientMessage, { kind: 'call' }>;

export function httpTransport(page: Window): Transport {
  const stopped = new AbortController();
  const left = new AbortController();
  const calls = new Map<number, AbortController>();
  let poll = new AbortController();
  let session: string | null = null;
  let revision: number | null = null;
  let events: TransportEvents | null = null;

  async function post(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    return page.fetch(path, {
      method: 'POST',
      credentials: 'omit',
      cache: 'no-store',
      headers: {
        'content-type': 'application/json',
        ...(session === null ? {} : { authorization: `Bearer ${session}` }),
      },
      body: JSON.stringify(body),
      signal,
    });
  }

  /** A link opened just now counts before a session kept from earlier. */
  async function signIn(): Promise<boolean> {
    const token = takeToken(page);
    session = page.sessionStorage.getItem(SESSION_KEY);
    if (token === null) return session !== null;
    const answer = await post('/session', { token }, stopped.signal);
    if (!answer.ok) return session !== null;
    const { session: fresh } = (await answer.json()) as { session: string };
    session = fresh;
    page.sessionStorage.setItem(SESSION_KEY, fresh);
    return true;
  }

  function signOut(): void {
    page.sessionStorage.removeItem(SESSION_KEY);
    stopped.abort();
    events?.onSignedOut();
  }

  async function follow(): Promise<void> {
    let failures = 0;
    while (!stopped.signal.aborted) {
      try {
        poll = new AbortController();
        const signal = AbortSignal.any([stopped.signal, poll.signal]);
        const answer = await post('/watch', { revision }, signal);
        if (answer.status === 401) return signOut();
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const message = (await answer.json()) as Extract<ServerMessage, { revision: number }>;
        signal.throwIfAborted();
        revision = message.revision;
        failures = 0;
        events?.onMessage(message);
      } catch (error) {
        if (isAbort(error)) continue;
        revision = null;
        events?.onLost();
        await rest(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 0, stopped.signal);
        failures += 1;
      }
    }
  }

  async function call(message: Call): Promise<void> {
    const stop = new AbortController();
    calls.set(message.id, stop);
    try {
      const signal = AbortSignal.any([stop.signal, stopped.signal]);
      const answer = await post('/call', message, signal);
      if (answer.status === 401) return signOut();
      events?.onMessage(
        answer.ok
          ? ((await answer.json()) as ServerMessage)
          : refusal(message.id, 'internal', words.calls.notUnderstood),
      );
    } catch (error) {
      if (!isAbort(error))
        events?.onMessage(refusal(message.id, 'agent-not-running', words.calls.agentGone));
    } finally {
      calls.delete(message.id);
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      try {
        if (!(await signIn())) return signOut();
        break;
      } catch (error) {
        if (isAbort(error)) return;
        events?.onLost();
        await rest(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 0, stopped.signal);
      }
    }
    events?.onOpen();
    await follow();
  }

  return {
    start(listener) {
      events = listener;
      // A new link pasted into this tab changes only the hash; the page starts anew with its token.
      page.addEventListener('hashchange', () => page.location.reload(), { signal: left.signal });
      void run();
    },
    send(message) {
      switch (message.kind) {
        case 'call':
          void call(message);
          return;
        case 'cancel':
          calls.get(message.id)?.abort();
          return;
        case 'watch':
          // The next poll asks for the whole; one that already waits is given up.
          if (revision === null) return;
          revision = null;
          poll.abort();
      }
    },
    stop() {
      stopped.abort();
      left.abort();
    },
  };
}

/** Reads the one-time token and removes it from the address, so that no history or screenshot keeps it. */
function takeToken(page: Window): string | null {
  const token = new URLSearchParams(page.location.hash.slice(1)).get('token');
  if (token !== null) page.history.replaceState(null, '', page.location.pathname);
  return token;
}

function refusal(id: number, code: WireError['code'], message: string): ServerMessage {
  return {
    kind: 'result',
    id,
    ok: false,
    error: { code, message, retry: 'later', facts: {}, causes: [] },
  };
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
