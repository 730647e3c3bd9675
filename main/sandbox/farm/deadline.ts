// The render farm of the sandbox: a Deadline Web Service over HTTP, its repository and its fleet.

import { timingSafeEqual } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from '../s3.ts';
import { CallError, type Answer, type Call, type Method, type Routes } from './call.ts';
import { isTruth } from './document-text.ts';
import { createFaultBox, type FarmChange, type FaultBox } from './faults.ts';
import { startFleet, type FleetTiming, type RegionSpec } from './fleet.ts';
import { makeDirectoriesFirst } from './hammerspace-event.ts';
import { openLists } from './lists.ts';
import { mapPath, type PathRule } from './path-mapping.ts';
import type { Renderers } from './plugin-run.ts';
import { pluginNames } from './plugins.ts';
import { FarmError, Repository, type JobRecord } from './repository.ts';
import { farmRoutes } from './routes.ts';
import { runScript } from './scripts.ts';

export interface FarmOptions {
  readonly dir: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The same service over TLS on a port of its own; off by default as in the product. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly port: number };
  /** What a job's paths start with; each region maps it to its own mount. */
  readonly farmRoot: string;
  readonly regions: readonly RegionSpec[];
  /** Global path mapping rules of the studio, which turn other spellings into paths below `farmRoot`. */
  readonly pathRules?: readonly PathRule[];
  readonly renderers: Renderers;
  readonly seed: number;
  /** Whether the namespace shows a path, payload or not: what asset dependencies go by (reference §4.3). */
  exists(path: string): boolean;
  /** When metadata of a folder was last sent from a site to each peer; without it nothing is on Hammerspace. */
  sendTimes?(site: string, path: string): Promise<readonly number[] | null>;
  /** The mount of the machine that scans for pending jobs: where its script dependencies lie. */
  readonly scanRoot?: string;
  /** Basic authentication, off by default as in the product. */
  readonly credentials?: { readonly user: string; readonly password: string };
  readonly timing?: Partial<FleetTiming & { readonly pendingScanMs: number }>;
  /** Puts a door before the server, at which faults can be set. */
  guard?(server: EventEmitter): void;
  /** The clock of schedules and cleanup. */
  readonly now?: () => number;
}

export interface Farm {
  readonly url: string;
  readonly tlsUrl: string | null;
  /** Faults and switches; see `FarmChange`. */
  control(change: FarmChange): void;
  stop(): Promise<void>;
}

const TIMING = { bootMs: 1_500, idleMs: 60_000, pollMs: 500, pendingScanMs: 5_000 } as const;
/** A job document may be large, a body larger than this is a mistake. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

export async function startFarm(options: FarmOptions): Promise<Farm> {
  mkdirSync(options.dir, { recursive: true });
  const timing = { ...TIMING, ...options.timing };
  const { regions, farmRoot, renderers, exists, pathRules = [] } = options;
  const scratchDir = join(options.dir, 'scratch');
  const lists = openLists(
    join(options.dir, 'lists.json'),
    regions.flatMap((region) => region.groups),
  );
  const stopped = new AbortController();
  const box = createFaultBox();
  let credentials = options.credentials ?? null;
  let submitDelayMs = 0;
  const repository = new Repository({
    dir: options.dir,
    service: { user: 'deadline', machine: hostname() },
    exists,
    limits: () => lists.limits(),
    ...(options.now ? { now: options.now } : {}),
    async askScript({ path, record, taskIds }) {
      const here = mapPath({ root: options.scanRoot ?? farmRoot, farmRoot }, path);
      const jobId = record.job._id;
      const { answer: said, problem } =
        here === null
          ? { answer: false, problem: 'it is not on the mount of the scanning machine' }
          : await runScript(renderers.python ?? null, scratchDir, { path: here, jobId, taskIds });
      if (problem !== null) repository.noteOnce(record, `Script dependency ${path}: ${problem}`);
      return said;
    },
  });
  const fleet = startFleet({
    repository,
    regions,
    renderers,
    farmRoot,
    pathRules,
    scratchDir,
    seed: options.seed,
    timing,
    exists,
    sendTimes: async (site, path) => (await options.sendTimes?.(site, path)) ?? null,
    groupsOf: (name, own) => lists.assigned('groups', name) ?? own,
    poolsOf: (name) => lists.assigned('pools', name) ?? lists.names('pools'),
    settingsOf: (name) => lists.workerSettings(name),
  });
  const scan = setInterval(() => {
    repository.scanPending().catch((error: unknown) => {
      process.stderr.write(`sandbox farm: the pending-job scan failed: ${String(error)}\n`);
    });
  }, timing.pendingScanMs);
  const routes = farmRoutes({
    repository,
    fleet,
    lists,
    plugins: pluginNames(renderers),
    eventPlugins: () => [...(lists.hammerspace() === null ? [] : ['Hammerspace']), 'Spot'],
    archiveDir: join(options.dir, 'jobs'),
    pathRules: { studio: pathRules, mounts: regions.map((region) => mountRule(farmRoot, region)) },
    submitted,
    pulse: { name: hostname(), startedAt: Date.now() },
  });

  /** Event plug-ins run in the process that submits, so the POST waits for them (§6.1). */
  async function submitted(record: JobRecord): Promise<void> {
    if (isTruth(record.job.Props['NoEvnt'])) return;
    if (submitDelayMs > 0) await sleep(submitDelayMs, undefined, { signal: stopped.signal });
    const settings = lists.hammerspace();
    if (settings === null) return;
    try {
      makeDirectoriesFirst(repository, settings, record);
    } catch (error) {
      repository.note(record, `The event plug-in Hammerspace failed: ${String(error)}`);
    }
  }

  function control(change: FarmChange): void {
    if (change.faults) box.set(change.faults);
    if (change.credentials !== undefined) credentials = change.credentials;
    if (change.submitDelayMs !== undefined) submitDelayMs = change.submitDelayMs;
    if (change.hammerspace !== undefined) lists.setHammerspace(change.hammerspace);
    if (change.interrupt !== undefined) fleet.interrupt(change.interrupt);
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const answered = (): Promise<Answer> =>
      answer(request, routes, credentials).catch(failed(request));
    serve({ request, response, box, answered, signal: stopped.signal }).catch((error: unknown) => {
      if (!stopped.signal.aborted) complain(request, error);
    });
  }

  const server = createServer(handle);
  const tlsServer = options.tls ? createTlsServer(options.tls, handle) : null;
  options.guard?.(server);
  if (tlsServer) options.guard?.(tlsServer);

  async function stop(): Promise<void> {
    clearInterval(scan);
    stopped.abort();
    for (const each of tlsServer ? [server, tlsServer] : [server])
      await new Promise<void>((resolve) => {
        each.close(() => resolve());
        each.closeAllConnections();
      });
    await fleet.stop();
    repository.close();
  }

  try {
    const port = await listen(server, options.port);
    const tlsPort = tlsServer && options.tls ? await listen(tlsServer, options.tls.port) : null;
    return {
      url: `http://127.0.0.1:${port}`,
      tlsUrl: tlsPort === null ? null : `https://127.0.0.1:${tlsPort}`,
      control,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Workers of a region see the farm's root at their own mount, and no other region's. */
function mountRule(farmRoot: string, region: RegionSpec): PathRule {
  return {
    Path: farmRoot,
    WindowsPath: '',
    LinuxPath: region.root,
    MacPath: '',
    CaseSensitive: true,
    RegularExpression: false,
    Region: region.id,
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly box: FaultBox;
  /** Does what the call says and gives its answer. */
  answered(): Promise<Answer>;
  readonly signal: AbortSignal;
}

/** Answers a call, or does to it what the fault in its way says. */
async function serve({ request, response, box, answered, signal }: Exchange): Promise<void> {
  const fault = box.take(request.method ?? '', pathOf(request));
  switch (fault?.kind) {
    case 'hang':
      request.resume();
      return;
    case 'error':
      return send(request, response, { kind: 'text', status: 500, text: fault.text });
    case 'garbage':
      return send(request, response, { kind: 'text', status: 200, text: fault.text });
    case 'slow': {
      const late = await answered();
      await sleep(fault.delayMs, undefined, { signal });
      return send(request, response, late);
    }
    case 'drop':
      await answered();
      request.socket.destroy();
      return;
    case undefined:
      return send(request, response, await answered());
  }
}

function pathOf(request: IncomingMessage): string {
  const { pathname } = new URL(`http://farm.invalid${request.url ?? '/'}`);
  return pathname.length > 1 ? pathname.replace(/\/+$/, '') : pathname;
}

async function answer(
  request: IncomingMessage,
  routes: Routes,
  credentials: Credentials | null,
): Promise<Answer> {
  if (credentials && !isKnown(request, credentials)) throw new CallError('Unauthorized.', 401);
  const path = pathOf(request);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (!route) throw new CallError(`There is no "${path.slice(0, 200)}" here.`, 404);
  const method = request.method as Method;
  const handler = Object.hasOwn(route, method) ? route[method] : undefined;
  if (!handler) throw new CallError(`${request.method} is not implemented for ${path}.`, 501);
  const hasBody = method === 'PUT' || method === 'POST';
  const query = new URL(`http://farm.invalid${request.url ?? '/'}`).searchParams;
  const call: Call = { query, body: hasBody ? await bodyOf(request) : {} };
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

type Credentials = NonNullable<FarmOptions['credentials']>;

function isKnown(request: IncomingMessage, credentials: Credentials): boolean {
  const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ');
  const given = Buffer.from(token, 'base64');
  const wanted = Buffer.from(`${credentials.user}:${credentials.password}`);
  return (
    scheme.toLowerCase() === 'basic' &&
    given.length === wanted.length &&
    timingSafeEqual(given, wanted)
  );
}
