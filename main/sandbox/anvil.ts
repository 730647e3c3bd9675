// The Anvil's REST service of one site: base path /mgmt/v1.2/rest over TLS. Shapes: reference §2.

import type { EventEmitter } from 'node:events';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { definitionRoutes } from './anvil/definitions.ts';
import { createTotals, type Desk, type Quirks } from './anvil/desk.ts';
import { AnvilError, errorBody, type ErrorView } from './anvil/errors.ts';
import { createEvents } from './anvil/events.ts';
import { fileRoutes } from './anvil/files.ts';
import { reportRoutes, watchCrossings } from './anvil/reports.ts';
import { Reply, type Query, type Route } from './anvil/routes.ts';
import { createSessions } from './anvil/session.ts';
import { shareRoutes } from './anvil/shares.ts';
import { siteRoutes } from './anvil/sites.ts';
import { systemRoutes } from './anvil/system.ts';
import { createTasks } from './anvil/tasks.ts';
import { volumeRoutes } from './anvil/volumes.ts';
import type { Objectives } from './objectives.ts';
import { KEEP_ALIVE_MS } from './s3.ts';
import type { Node, SiteName, SiteSpec, World } from './world.ts';

export const ANVIL_PATH = '/mgmt/v1.2/rest';
const BODY_BYTES = 1024 * 1024;
/** A real share takes seconds to make; here it is long enough to be seen running. */
const TASK_MS = 400;
const LOOK_MS = 500;

export interface AnvilOptions {
  readonly world: World;
  readonly site: SiteSpec;
  readonly objectives: Objectives;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly tls: { readonly key: string; readonly cert: string };
  readonly port: number;
  readonly quirks?: Partial<Quirks>;
  readonly taskMs?: number;
  /** What GET /s3server answers. */
  s3(): { readonly port: number; readonly accessKeyId: string };
  /** Share of a file's payload that has come here, null when none is on its way. */
  progress(site: SiteName, node: Node): number | null;
  /** Puts a door before the server, at which faults can be set. */
  guard?(server: EventEmitter): void;
}

export interface Anvil {
  readonly port: number;
  /** Switches that take effect at once. */
  readonly quirks: Quirks;
  expireSessions(): void;
  stop(): Promise<void>;
}

export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  const { world, site, objectives } = options;
  const local = site.name;
  const now = (): number => world.nowAt(local);
  const quirks: Quirks = {
    errorBody: 'array',
    taskProgress: 'fraction',
    missingFile: 500,
    ...options.quirks,
  };
  const sessions = createSessions(options.credentials, () => performance.now());
  const tasks = createTasks({
    now,
    durationMs: options.taskMs ?? TASK_MS,
    progress: () => quirks.taskProgress,
  });
  const desk: Desk = {
    world,
    site,
    local,
    objectives,
    tasks,
    quirks,
    username: options.credentials.username,
    startedAt: now(),
    now,
    progress: options.progress,
    s3: options.s3,
    ...createTotals(world, local, objectives),
  };
  const crossings = watchCrossings(world, local);
  const events = createEvents(desk);
  const routes: Route[] = [
    ...shareRoutes(desk),
    ...fileRoutes(desk),
    ...definitionRoutes(desk),
    ...siteRoutes(desk),
    ...volumeRoutes(desk),
    ...reportRoutes(desk, crossings),
    ...events.routes,
    ...tasks.routes,
    ...systemRoutes(desk, () => operations),
  ];
  const operations = routes.map(({ method, path }) => `${method} ${path}`).toSorted();

  const app = Fastify({
    https: options.tls,
    bodyLimit: BODY_BYTES,
    forceCloseConnections: true,
    keepAliveTimeout: KEEP_ALIVE_MS,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 8_192 },
    frameworkErrors: (error, _request, reply) => {
      sendError(reply, error.statusCode ?? 400, {
        errorCode: 'BAD_REQUEST',
        args: [],
        message: error.message,
      });
    },
  });

  function sendError(reply: FastifyReply, status: number, view: ErrorView): FastifyReply {
    return reply.code(status).type('application/json').send(errorBody(view, quirks.errorBody));
  }

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, { form: Object.fromEntries(new URLSearchParams(String(body))) });
    },
  );
  // Clients name JSON as the type of bodies that are empty, too [C csi].
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    const given = String(body);
    if (given.trim() === '') return done(null, undefined);
    try {
      done(null, { json: JSON.parse(given) as unknown });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      done(new AnvilError('BAD_REQUEST', `The body is no JSON: ${error.message}`));
    }
    return undefined;
  });

  app.setErrorHandler((error, request, reply) => {
    if (error instanceof AnvilError) return sendError(reply, error.status, error.view);
    const { statusCode: status = 500, message } = error as {
      statusCode?: number;
      message: string;
    };
    if (status < 500)
      return sendError(reply, status, { errorCode: 'BAD_REQUEST', args: [], message });
    process.stderr.write(
      `sandbox anvil ${local}: ${request.method} ${request.url}: ${String(error)}\n`,
    );
    return sendError(reply, 500, {
      errorCode: 'INTERNAL_SERVER_ERROR',
      args: [],
      message: 'Internal server error',
    });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = (request.url.split('?')[0] ?? '').slice(ANVIL_PATH.length);
    const isKnown = routes.some((route) => fits(route.path, path));
    return sendError(reply, isKnown ? 405 : 404, {
      errorCode: isKnown ? 'BAD_REQUEST' : 'ENTITY_NOT_FOUND',
      args: [request.url],
      message: isKnown
        ? `${request.method} is not allowed here`
        : `No such resource ${request.url}`,
    });
  });

  app.addHook('onRequest', async (request) => {
    tasks.settle();
    const path = (request.url.split('?')[0] ?? '').replace(/\/+$/, '');
    // `GET /sites/local` answers without login on newer releases [C sdk].
    const isOpen =
      path === `${ANVIL_PATH}/login` ||
      (path === `${ANVIL_PATH}/sites/local` && request.method === 'GET');
    if (!isOpen && !sessions.isSignedIn(request.headers))
      throw new AnvilError('INSUFFICIENT_AUTHORIZATION', 'Login required');
  });

  app.post(`${ANVIL_PATH}/login`, async (request, reply) => {
    const { form } = (request.body ?? {}) as { form?: Record<string, string> };
    const cookie = sessions.login(form?.['username'] ?? '', form?.['password'] ?? '');
    if (cookie === null) throw new AnvilError('INSUFFICIENT_AUTHORIZATION', 'Bad credentials');
    return reply.header('Set-Cookie', cookie).code(200).send();
  });
  // Method of the logout is in no public client; both are taken, which is assumed.
  for (const method of ['GET', 'POST'] as const)
    app.route({
      method,
      url: `${ANVIL_PATH}/logout`,
      handler: async (request, reply) => {
        sessions.logout(request.headers.cookie);
        return reply.code(200).send();
      },
    });

  for (const route of routes)
    app.route({
      method: route.method,
      url: `${ANVIL_PATH}${route.path}`,
      handler: async (request: FastifyRequest, reply) => {
        const { json } = (request.body ?? {}) as { json?: unknown };
        const answer = route.answer({
          params: request.params as Record<string, string>,
          query: request.query as Query,
          body: json,
        });
        if (!(answer instanceof Reply)) {
          if (answer === undefined) return reply.code(200).send();
          return reply.code(200).type('application/json').send(JSON.stringify(answer));
        }
        if (answer.task !== null)
          reply.header(
            'Location',
            `https://${request.headers.host ?? '127.0.0.1'}${ANVIL_PATH}/tasks/${answer.task}`,
          );
        reply.code(answer.status);
        if (answer.isText) return reply.type('text/plain').send(answer.body);
        return answer.body === undefined
          ? reply.send()
          : reply.type('application/json').send(JSON.stringify(answer.body));
      },
    });

  const looking = setInterval(() => {
    tasks.settle();
    events.look();
  }, LOOK_MS);
  options.guard?.(app.server);
  try {
    await app.listen({ host: '127.0.0.1', port: options.port });
  } catch (error) {
    clearInterval(looking);
    crossings.stop();
    throw error;
  }
  const address = app.server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    quirks,
    expireSessions: sessions.expireAll,
    async stop() {
      clearInterval(looking);
      crossings.stop();
      await app.close();
    },
  };
}

/** Whether a path has the form of a route, whatever the verb. */
function fits(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.replace(/\/+$/, '').split('/')];
  if (wanted.at(-1) === '*')
    return (
      given.length >= wanted.length &&
      fits(wanted.slice(0, -1).join('/'), given.slice(0, wanted.length - 1).join('/'))
    );
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => part.startsWith(':') || part === given[at])
  );
}
