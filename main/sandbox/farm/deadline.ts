// The render farm of the sandbox: a Deadline Web Service over HTTP, its repository and its fleet.

import { timingSafeEqual } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { openLists } from './lists.ts';
import {
  CallError,
  farmRoutes,
  type Answer,
  type Call,
  type Method,
  type Routes,
} from './routes.ts';
import { startFleet, type FleetTiming, type RegionSpec } from './fleet.ts';
import { FarmError, Repository } from './repository.ts';
import { listen } from '../s3.ts';
import type { Renderers } from './worker.ts';

export interface FarmOptions {
  readonly dir: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What a job's paths start with; each region maps it to its own mount. */
  readonly farmRoot: string;
  readonly regions: readonly RegionSpec[];
  readonly renderers: Renderers;
  readonly seed: number;
  /** Whether the namespace shows a path, payload or not: what asset dependencies go by (reference §4.3). */
  exists(path: string): boolean;
  /** Basic authentication, off by default as in the product. */
  readonly credentials?: { readonly user: string; readonly password: string };
  readonly timing?: Partial<FleetTiming & { readonly pendingScanMs: number }>;
}

const TIMING = { bootMs: 1_500, idleMs: 60_000, pollMs: 500, pendingScanMs: 5_000 } as const;
/** A job document may be large, a body larger than this is a mistake. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

export async function startFarm(
  options: FarmOptions,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  mkdirSync(options.dir, { recursive: true });
  const timing = { ...TIMING, ...options.timing };
  const lists = openLists(
    join(options.dir, 'lists.json'),
    options.regions.flatMap((region) => region.groups),
  );
  const repository = new Repository({
    dir: options.dir,
    service: { user: 'deadline', machine: hostname() },
    exists: options.exists,
  });
  const fleet = startFleet({
    repository,
    regions: options.regions,
    renderers: options.renderers,
    farmRoot: options.farmRoot,
    scratchDir: join(options.dir, 'scratch'),
    seed: options.seed,
    timing,
    exists: options.exists,
    groupsOf: (name, own) => lists.assigned('groups', name) ?? own,
    poolsOf: (name) => lists.assigned('pools', name) ?? lists.names('pools'),
  });
  const scan = setInterval(() => repository.scanPending(), timing.pendingScanMs);
  const routes = farmRoutes({
    repository,
    fleet,
    lists,
    regions: options.regions,
    farmRoot: options.farmRoot,
    plugins: [...(options.renderers.blender === null ? [] : ['Blender']), 'CommandLine'],
    archiveDir: join(options.dir, 'jobs'),
  });
  const server = createServer((request, response) => {
    answer(request, routes, options.credentials)
      .catch(failed(request))
      .then((result) => send(request, response, result))
      .catch((error: unknown) => complain(request, error));
  });

  async function stop(): Promise<void> {
    clearInterval(scan);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    await fleet.stop();
    repository.close();
  }

  try {
    const port = await listen(server, options.port);
    return { url: `http://127.0.0.1:${port}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function answer(
  request: IncomingMessage,
  routes: Routes,
  credentials: FarmOptions['credentials'],
): Promise<Answer> {
  if (credentials && !isKnown(request, credentials)) throw new CallError('Unauthorized.', 401);
  const url = new URL(`http://farm.invalid${request.url ?? '/'}`);
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/+$/, '') : url.pathname;
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (!route) throw new CallError(`There is no "${path.slice(0, 200)}" here.`, 404);
  const method = request.method as Method;
  const handler = Object.hasOwn(route, method) ? route[method] : undefined;
  if (!handler) throw new CallError(`${request.method} is not implemented for ${path}.`, 501);
  const hasBody = method === 'PUT' || method === 'POST';
  const call: Call = { query: url.searchParams, body: hasBody ? await bodyOf(request) : {} };
  return handler(call);
}

/** Whatever the content type says or leaves out, the body is JSON: the vendor's own samples send none. */
async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    // Read to its end all the same: an answer in the middle of a body is lost by most clients.
    if (size <= MAX_BODY_BYTES) parts.push(part as Buffer);
  }
  if (size > MAX_BODY_BYTES) throw new CallError('The message body is too large.', 413);
  const text = Buffer.concat(parts)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  if (text.trim() === '') throw new CallError('There was no message body in the request.');
  try {
    const body = JSON.parse(text) as unknown;
    if (typeof body === 'object' && body !== null && !Array.isArray(body))
      return body as Record<string, unknown>;
  } catch (error) {
    // That text that is no JSON is answered like no body is assumed.
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new CallError('The message body is not a JSON object.');
}

function failed(request: IncomingMessage): (error: unknown) => Answer {
  return (error) => {
    if (error instanceof CallError)
      return { kind: 'text', status: error.status, text: error.message };
    if (!(error instanceof FarmError) && request.complete) complain(request, error);
    const why = error instanceof Error ? error.message : String(error);
    return { kind: 'text', status: 500, text: why };
  };
}

function send(request: IncomingMessage, response: ServerResponse, result: Answer): void {
  // What is left of a body that was not read would be taken for the next request.
  request.resume();
  if (response.headersSent || response.destroyed) return;
  const isJson = result.kind === 'json';
  const status = isJson ? 200 : result.status;
  const body = Buffer.from(isJson ? JSON.stringify(result.value) : result.text);
  response.writeHead(status, {
    'Content-Type': isJson ? 'application/json' : 'text/plain',
    'Content-Length': body.length,
    // The vendor's older client sends its password only when it is challenged.
    ...(status === 401 ? { 'WWW-Authenticate': 'Basic realm="Deadline"' } : {}),
  });
  response.end(body);
}

function complain(request: IncomingMessage, error: unknown): void {
  process.stderr.write(`sandbox farm: ${request.method} ${request.url}: ${String(error)}\n`);
}

function isKnown(
  request: IncomingMessage,
  credentials: NonNullable<FarmOptions['credentials']>,
): boolean {
  const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ');
  const given = Buffer.from(token, 'base64');
  const wanted = Buffer.from(`${credentials.user}:${credentials.password}`);
  return (
    scheme.toLowerCase() === 'basic' &&
    given.length === wanted.length &&
    timingSafeEqual(given, wanted)
  );
}
