// The window in a browser on this machine: the built page and the contract over 127.0.0.1, one-time link first.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, posix, relative, sep } from 'node:path';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AgentState, ServerMessage } from '../../preload/contract.ts';
import type { EngineApi } from '../engine/api.ts';
import { AgentError, sentenceOf } from '../engine/base/errors.ts';
import type { Log } from '../engine/ports/log.ts';
import { serveClient } from './serve.ts';

const LINK_KEEPS_MS = 10 * 60_000;
const SESSION_KEEPS_MS = 12 * 3_600_000;
const MAX_SESSIONS = 8;
const POLL_MS = 25_000;
const BAD_TRIES_FREE = 5;
const BAD_TRY_MS = 1_000;
const BODY_BYTES = 1024 * 1024;

export interface BrowserServer extends AsyncDisposable {
  readonly port: number;
  /** A link that opens the window once, within ten minutes. */
  newLink(): string;
}

const SessionRequest = z.strictObject({ token: z.string().max(200) });
const WatchRequest = z.strictObject({ revision: z.int().nullable() });

/** Serves only pages it sent itself: exact Host, same origin, JSON posts, bearer session, no cookies, no CORS. */
export async function serveBrowser(options: {
  engine: EngineApi;
  /** Folder of the built renderer. */
  rendererDir: string;
  log: Log;
  /** 0 takes a free port. */
  port?: number;
}): Promise<BrowserServer> {
  const { engine, log } = options;
  const pages = readPages(options.rendererDir);
  const doors = createDoors(log);
  const sessions = new Map<string, Session>();
  let origin = '';

  const app = fastify({
    bodyLimit: BODY_BYTES,
    forceCloseConnections: true,
    http: { headersTimeout: 5_000, requestTimeout: 30_000, maxHeaderSize: 8 * 1024 },
    routerOptions: { maxParamLength: 200 },
  });
  // Only JSON: a form or a text body can be sent by any page without asking first.
  app.removeContentTypeParser('text/plain');
  app.server.maxConnections = 32;
  app.server.on('upgrade', (_request, socket) => socket.destroy());

  app.addHook('onRequest', async (request, reply) => {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) reply.header(name, value);
    const refusal = refusalOf(request, origin);
    if (refusal) return reply.code(refusal.status).send({ message: refusal.message });
  });

  app.post('/session', async (request, reply) => {
    const body = SessionRequest.safeParse(request.body);
    if (!body.success || !(await doors.redeem(body.data.token))) {
      return reply.code(403).send({
        message: 'This link was used already or is too old. Run "waybill open" for a new one.',
      });
    }
    dropOldSessions(sessions);
    const key = randomBytes(32).toString('base64url');
    sessions.set(digest(key), openSession(engine));
    return { session: key };
  });

  app.post('/call', async (request, reply) => {
    const session = await sessionOf(request, reply);
    if (!session) return reply;
    const answer = await callOnce(engine, { raw: request.body, gone: goneSignal(reply) }, log);
    return answer ?? reply.code(400).send({ message: 'That is no call.' });
  });

  app.post('/watch', async (request, reply) => {
    const session = await sessionOf(request, reply);
    if (!session) return reply;
    const body = WatchRequest.safeParse(request.body);
    if (!body.success) return reply.code(400).send({ message: 'That is no watch.' });
    return session.next(body.data.revision, goneSignal(reply));
  });

  app.get('/*', async (request, reply) => {
    const path = new URL(request.url, 'http://page.invalid').pathname;
    const page = pages.get(path === '/' ? '/index.html' : path);
    if (!page) return reply.code(404).send({ message: 'There is no such page.' });
    return reply.type(page.type).send(page.body);
  });

  async function sessionOf(request: FastifyRequest, reply: FastifyReply): Promise<Session | null> {
    const key = /^Bearer ([\w-]{20,100})$/.exec(request.headers.authorization ?? '')?.[1];
    // Looked up by digest, so that the comparison takes the same time for any guess.
    const session = key === undefined ? undefined : sessions.get(digest(key));
    if (session) {
      session.usedAt = Date.now();
      return session;
    }
    await doors.slowDown();
    await reply
      .code(401)
      .send({ message: 'This page is not signed in any more. Run "waybill open" for a new link.' });
    return null;
  }

  try {
    await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
  } catch (error) {
    throw new AgentError('port-taken', {
      message: `Port ${options.port ?? 0} of this machine cannot be used (${sentenceOf(error)}). Choose another with --http-port.`,
      retry: 'never',
      cause: error,
    });
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  origin = `http://127.0.0.1:${port}`;
  return {
    port,
    newLink: () => `${origin}/#token=${doors.newToken()}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions.values()) session[Symbol.dispose]();
      await app.close();
    },
  };
}

const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/** DNS rebinding shows in Host, other pages in Origin or Sec-Fetch-Site; neither can be forged by a page. */
function refusalOf(
  request: FastifyRequest,
  origin: string,
): { status: number; message: string } | null {
  if (`http://${request.headers.host}` !== origin) {
    return { status: 421, message: 'Use the address that Waybill printed.' };
  }
  const { origin: from, 'sec-fetch-site': site } = request.headers;
  const isOurs = from === undefined || from === origin;
  const isNavigation = request.method === 'GET' && site === 'none';
  if (!isOurs || (site !== undefined && site !== 'same-origin' && !isNavigation)) {
    return { status: 403, message: 'Only the window itself may ask.' };
  }
  if (request.method !== 'GET' && request.method !== 'POST') {
    return { status: 405, message: 'Only GET and POST are served.' };
  }
  return null;
}

interface Doors {
  newToken(): string;
  redeem(token: string): Promise<boolean>;
  slowDown(): Promise<void>;
}

function createDoors(log: Log): Doors {
  const tokens = new Map<string, number>();
  let badTries = 0;

  async function slowDown(): Promise<void> {
    badTries += 1;
    if (badTries <= BAD_TRIES_FREE) return;
    log.warn('A wrong link or session was tried', { tries: badTries });
    await new Promise((resolve) => setTimeout(resolve, BAD_TRY_MS));
  }

  return {
    slowDown,
    newToken() {
      for (const [token, until] of tokens) if (until < Date.now()) tokens.delete(token);
      const token = randomBytes(32).toString('base64url');
      tokens.set(token, Date.now() + LINK_KEEPS_MS);
      return token;
    },
    async redeem(token) {
      const found = [...tokens.keys()].find((known) => sameText(known, token));
      if (found === undefined || (tokens.get(found) ?? 0) < Date.now()) {
        await slowDown();
        return false;
      }
      tokens.delete(found);
      return true;
    },
  };
}

interface Session extends Disposable {
  usedAt: number;
  /** What changed since `revision`, as soon as something did; the whole state when that is not known. */
  next(revision: number | null, gone: AbortSignal): Promise<ServerMessage>;
}

function openSession(engine: EngineApi): Session {
  let delivered: number | null = null;
  let revision = 0;
  let changed: Partial<AgentState> = {};
  let wake: () => void = () => undefined;
  const watch = engine.watch('all', (change) => {
    changed = { ...changed, ...change.slices };
    revision = change.revision;
    wake();
  });

  function snapshot(): ServerMessage {
    const now = engine.snapshot();
    changed = {};
    revision = now.revision;
    delivered = now.revision;
    return { kind: 'snapshot', ...now };
  }

  return {
    usedAt: Date.now(),
    async next(known, gone) {
      if (known === null || known !== delivered) return snapshot();
      if (revision === known) {
        await new Promise<void>((resolve) => {
          const end = (): void => {
            clearTimeout(timer);
            resolve();
          };
          const timer = setTimeout(end, POLL_MS);
          wake = end;
          gone.addEventListener('abort', end, { once: true });
        });
      }
      const slices = changed;
      changed = {};
      delivered = revision;
      return { kind: 'changes', base: known, revision, slices };
    },
    [Symbol.dispose]() {
      watch[Symbol.dispose]();
      wake();
    },
  };
}

/** One call over one request; the page going away cancels it. Null when the body is no call. */
function callOnce(
  engine: EngineApi,
  request: { raw: unknown; gone: AbortSignal },
  log: Log,
): Promise<ServerMessage | null> {
  const { raw, gone } = request;
  if (typeof raw !== 'object' || raw === null || !('kind' in raw) || raw.kind !== 'call') {
    return Promise.resolve(null);
  }
  return new Promise((resolve) => {
    const client = serveClient(engine, { send: resolve }, log);
    gone.addEventListener('abort', () => client.close(), { once: true });
    client.receive(raw);
  });
}

function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

function dropOldSessions(sessions: Map<string, Session>): void {
  const byUse = [...sessions].toSorted(([, a], [, b]) => b.usedAt - a.usedAt);
  for (const [index, [key, session]] of byUse.entries()) {
    const isOld = Date.now() - session.usedAt > SESSION_KEEPS_MS;
    if (!isOld && index < MAX_SESSIONS - 1) continue;
    session[Symbol.dispose]();
    sessions.delete(key);
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function sameText(a: string, b: string): boolean {
  const left = createHash('sha256').update(a).digest();
  const right = createHash('sha256').update(b).digest();
  return timingSafeEqual(left, right);
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** The page is a handful of files, read once: a request names one of them or nothing. */
function readPages(dir: string): Map<string, { type: string; body: Buffer }> {
  const pages = new Map<string, { type: string; body: Buffer }>();
  try {
    for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      const type = TYPES[extname(entry.name)];
      if (!entry.isFile() || type === undefined) continue;
      const path = join(entry.parentPath, entry.name);
      const name = posix.join('/', relative(dir, path).split(sep).join('/'));
      pages.set(name, { type, body: readFileSync(path) });
    }
  } catch (error) {
    throw pageMissing(dir, error);
  }
  if (!pages.has('/index.html')) throw pageMissing(dir, undefined);
  return pages;
}

function pageMissing(dir: string, cause: unknown): AgentError {
  return new AgentError('file-missing', {
    message: `The window's page is not in ${dir}. Run "npm run build" and start again.`,
    retry: 'never',
    cause,
    facts: { path: dir },
  });
}
