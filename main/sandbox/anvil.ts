// The Anvil's REST service of one site: base path /mgmt/v1.2/rest over TLS. Shapes: reference §2.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { ExpressionError, parseExpression } from './hammerscript.ts';
import { volumeOf } from './gateway/place.ts';
import { KEEP_ALIVE_MS } from './s3.ts';
import type { Node, SiteName, SiteSpec, World } from './world.ts';

export const ANVIL_PATH = '/mgmt/v1.2/rest';
const SESSION_MS = 30 * 60_000;

export interface AnvilOptions {
  readonly world: World;
  readonly site: SiteSpec;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly tls: { readonly key: string; readonly cert: string };
  readonly port: number;
  /** What GET /s3server answers. */
  s3(): { readonly port: number; readonly accessKeyId: string };
  isWanted(site: SiteName, node: Node): boolean;
}

interface ErrorView {
  readonly errorCode: string;
  readonly args: readonly string[];
  readonly message: string;
}

class AnvilError extends Error {
  readonly status: number;
  readonly view: ErrorView;
  constructor(status: number, errorCode: string, message: string, args: readonly string[] = []) {
    super(message);
    this.status = status;
    this.view = { errorCode, args, message };
  }
}

export async function startAnvil(
  options: AnvilOptions,
): Promise<{ port: number; stop(): Promise<void> }> {
  const { world, site } = options;
  const local = site.name;
  const startedAt = world.options.now();
  const sessions = new Map<string, number>();
  const app = Fastify({
    https: options.tls,
    bodyLimit: 1024 * 1024,
    forceCloseConnections: true,
    keepAliveTimeout: KEEP_ALIVE_MS,
    routerOptions: { ignoreTrailingSlash: true },
  });

  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    },
  );
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof AnvilError) return reply.code(error.status).send([error.view]);
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    const message = status < 500 ? (error as Error).message : 'Internal server error';
    if (status >= 500) process.stderr.write(`sandbox anvil ${local}: ${String(error)}\n`);
    return reply
      .code(status)
      .send([
        { errorCode: status < 500 ? 'BAD_REQUEST' : 'INTERNAL_SERVER_ERROR', args: [], message },
      ]);
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send([
      {
        errorCode: 'ENTITY_NOT_FOUND',
        args: [request.url],
        message: `No such resource ${request.url}`,
      },
    ]),
  );
  app.addHook('onRequest', async (request) => {
    const path = request.url.split('?')[0];
    if (path === `${ANVIL_PATH}/login` || path === `${ANVIL_PATH}/sites/local`) return;
    if (!isSignedIn(request))
      throw new AnvilError(401, 'INSUFFICIENT_AUTHORIZATION', 'Login required');
  });

  function isSignedIn(request: FastifyRequest): boolean {
    const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
    if (scheme?.toLowerCase() === 'basic') {
      return sameText(
        Buffer.from(token, 'base64').toString('utf8'),
        `${options.credentials.username}:${options.credentials.password}`,
      );
    }
    // Name of the session cookie is documented nowhere; JSESSIONID is assumed.
    const id = /(?:^|;\s*)JSESSIONID=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1];
    const until = id === undefined ? undefined : sessions.get(id);
    return until !== undefined && until > Date.now();
  }

  app.post(`${ANVIL_PATH}/login`, async (request, reply) => {
    const { username = '', password = '' } = (request.body ?? {}) as Record<string, string>;
    const known = sameText(
      `${username}:${password}`,
      `${options.credentials.username}:${options.credentials.password}`,
    );
    if (!known) throw new AnvilError(401, 'INSUFFICIENT_AUTHORIZATION', 'Bad credentials');
    const id = randomBytes(16).toString('hex');
    sessions.set(id, Date.now() + SESSION_MS);
    return reply
      .header('Set-Cookie', `JSESSIONID=${id}; Path=/; Secure; HttpOnly`)
      .code(200)
      .send();
  });

  const entity = (uuid: string, objectType: string): Record<string, unknown> => ({
    uoid: { uuid, objectType },
    created: startedAt,
    modified: startedAt,
    extendedInfo: {},
    comment: '',
    unclearedEvents: [],
    errors: [],
  });
  const siteView = (other: SiteSpec): Record<string, unknown> => ({
    ...entity(uuidOf(`site:${other.name}`), 'SITE'),
    name: other.name,
    type: other.name === local ? 'LOCAL' : 'REMOTE',
    siteMgmtAddress: '127.0.0.1',
    siteDataAddress: '127.0.0.1',
    mgmtAddress: '127.0.0.1',
    dataAddress: '127.0.0.1',
    physicalLocation: other.place,
    swVersion: '5.3.0',
    internalId: other.participantId,
  });
  const sites = (): Record<string, unknown>[] => world.options.sites.map(siteView);

  const participants = (): Record<string, unknown>[] =>
    world.options.sites.map((other) => ({
      ...entity(uuidOf(`participant:${other.name}`), 'SHARE_PARTICIPANT'),
      shareName: world.options.share.name,
      name: other.name,
      participantId: other.participantId,
      updateInterval: world.options.intervalMs / 1000,
      operState: other.name !== local && world.isCut(local, other.name) ? 'DOWN' : 'UP',
      adminState: 'UP',
      latency: {
        timestamp: world.sendTimes.get(`${local}>${other.name}`) ?? null,
        sendLatencySecs: 0,
        receiveLatencySecs: 0,
        participantId: other.participantId,
      },
    }));

  const shareView = (): Record<string, unknown> => {
    const files = [...world.nodes()].filter((node) => node.kind === 'file' && !node.head.deleted);
    const used = files.reduce(
      (sum, node) => sum + (node.instances.has(local) ? node.head.size : 0),
      0,
    );
    const total = 1024 ** 4;
    return {
      ...entity(uuidOf(`share:${world.options.share.name}`), 'SHARE'),
      name: world.options.share.name,
      path: world.options.share.path,
      internalId: 12,
      shareState: 'PUBLISHED',
      exportOptions: [{ subnet: '*', accessPermissions: 'RW', rootSquash: false, insecure: false }],
      shareObjectives: objectivesOn(),
      shareParticipants: participants(),
      isOrWasReplicated: true,
      participantId: site.participantId,
      replicationLatencyAlertThreshold: 60,
      totalNumberOfFiles: files.length,
      space: { total, used, available: total - used, percent: Math.floor((used / total) * 100) },
    };
  };

  /** Default share objectives (reference §4.3), the ones this studio evaluates. */
  const objectivesOn = (): Record<string, unknown>[] => [
    {
      objective: { name: 'keep-online' },
      applicability: 'IS_BEING_CREATED OR (HAS_ONLINE_INSTANCE AND IS_RECENTLY_USED)?ALWAYS',
      removable: false,
    },
    {
      objective: { name: 'keep-online' },
      applicability: 'IS_BEING_CREATED OR HAS_KEEP_ON_THIS_SITE',
      removable: true,
    },
    {
      objective: { name: 'durability-1-nine' },
      applicability: 'DATA_ORIGIN_LOCAL?ALWAYS',
      removable: false,
    },
  ];

  const collections: Readonly<Record<string, () => Record<string, unknown>[]>> = {
    sites,
    shares: () => [shareView()],
    'share-participants': participants,
    objectives: () =>
      ['keep-online', 'durability-1-nine', 'do-not-move', 'optimize-for-capacity'].map(
        (name, at) => ({
          ...entity(uuidOf(`objective:${name}`), 'OBJECTIVE'),
          name,
          basic: true,
          priority: 'MEDIUM',
          internalId: at + 1,
          hidden: false,
          appliedObjectives: [],
        }),
      ),
    'base-storage-volumes': () => [volumeView()],
    'storage-volumes': () => [volumeView()],
    'object-storage-volumes': () => [
      {
        ...entity(uuidOf('osv'), 'OBJECT_STORAGE_VOLUME'),
        _type: 'OBJECT_STORAGE_VOLUME',
        name: 'staging',
        shared: true,
        sites: world.options.sites.map((other) => ({ name: other.name })),
      },
    ],
    'volume-groups': () => [],
    labels: () => [],
    events: () => [],
    'data-portals': () => [
      {
        ...entity(uuidOf(`portal:${local}`), 'DATA_PORTAL'),
        operState: 'UP',
        adminState: 'UP',
        dataPortalType: 'S3',
        exported: [world.options.share.path],
        node: { name: `dsx-${local}-1`, mgmtIpAddress: { address: '127.0.0.1', prefixLength: 8 } },
      },
    ],
    s3server: () => [
      {
        ...entity(uuidOf('s3server'), 'S3_SERVER'),
        name: 's3',
        endpoints: ['127.0.0.1'],
        ports: [options.s3().port],
        identityProvider: 'LOCAL',
        users: [
          {
            user: options.credentials.username,
            accessKey: options.s3().accessKeyId,
            enabled: true,
          },
        ],
        buckets: [
          {
            share: world.options.share.name,
            path: '/',
            alias: world.options.share.name,
            acl: 'GROUP',
          },
        ],
      },
    ],
  };

  function volumeView(): Record<string, unknown> {
    return {
      ...entity(uuidOf(`volume:${local}`), 'STORAGE_VOLUME'),
      _type: 'STORAGE_VOLUME',
      name: volumeOf(local),
      internalId: 4,
      operState: 'UP',
    };
  }

  app.get(`${ANVIL_PATH}/sites/local`, async () => siteView(site));
  app.get(`${ANVIL_PATH}/users/_current`, async () => ({
    ...entity(uuidOf('user'), 'USER'),
    name: options.credentials.username,
  }));
  app.get(`${ANVIL_PATH}/users/_current/permitted-operations`, async () => ['GET', 'POST']);
  app.get(`${ANVIL_PATH}/cntl/state`, async () => ({
    name: local,
    capacity: { total: 1024 ** 4, used: 0, free: 1024 ** 4 },
    portalFloatingIps: [{ address: '127.0.0.1', prefixLength: 8 }],
  }));
  app.get(`${ANVIL_PATH}/system/health`, async () => ({ status: 'OK' }));
  app.get<{ Params: { '*': string } }>(`${ANVIL_PATH}/objectives/validate/*`, async (request) => {
    try {
      parseExpression(request.params['*']);
      return { ok: true, result: 'OK', errors: [], completions: [], alternatives: [] };
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return {
        ok: false,
        result: '',
        errors: [{ line: 1, column: 1, message: error.message }],
        completions: [],
        alternatives: [],
      };
    }
  });
  app.get<{ Params: { id: string } }>(`${ANVIL_PATH}/shares/:id/mount-details`, async (request) => {
    find('shares', request.params.id);
    return {
      published: true,
      mountOptions: [
        {
          enabled: true,
          exportHost: '127.0.0.1',
          type: 'FLOATING',
          protocol: 'NFS',
          mountPath: world.options.share.path,
        },
      ],
      exportOptions: [],
    };
  });
  app.get<{ Params: { id: string }; Querystring: { path?: string } }>(
    `${ANVIL_PATH}/shares/:id/objective-list`,
    async (request) => {
      find('shares', request.params.id);
      return {
        shareName: world.options.share.name,
        shareInternalId: 12,
        path: request.query.path ?? '/',
        appliedObjectives: objectivesOn(),
        appliedLocalObjectives: [],
        activeObjectives: [],
      };
    },
  );
  app.get<{ Querystring: { path?: string; includeReplicationDetails?: string } }>(
    `${ANVIL_PATH}/files`,
    async (request) => {
      const path = request.query.path ?? '';
      const share = world.options.share.path;
      const below =
        path === share ? '' : path.startsWith(`${share}/`) ? path.slice(share.length + 1) : null;
      const node = below === null ? null : world.find(local, below);
      // A missing path is answered with 500; the vendor's own CSI client carries a FIXME for it.
      if (!node)
        throw new AnvilError(
          500,
          'INTERNAL_SERVER_ERROR',
          `Failed to get file information for ${path}`,
        );
      return {
        ...fileView(node),
        children: world.list(local, node).map((entry) => fileView(entry.node)),
      };
    },
  );

  function fileView(node: Node): Record<string, unknown> {
    const known = node.seen.get(local) ?? node.head;
    const below = world.pathAt(local, node);
    const isLocal = node.instances.get(local) === known.version;
    return {
      path: `${world.options.share.path}${below === '' ? '' : `/${below}`}`,
      name: below.split('/').at(-1),
      sharePath: world.options.share.path,
      shareName: world.options.share.name,
      type: node.kind === 'file' ? 'FILE' : 'DIRECTORY',
      lastModified: known.modified,
      lastChanged: known.modified,
      createTime: known.created,
      size: known.size,
      logicalSize: known.size,
      physicalSize: isLocal ? known.size : 0,
      readable: true,
      writable: true,
      permanentDataLoss: false,
      remote: known.origin !== local,
      objectives: {
        appliedObjectives: objectivesOn(),
        appliedLocalObjectives: [],
        activeObjectives: [],
      },
      volumes:
        isLocal && node.kind === 'file'
          ? [
              {
                uoid: { uuid: uuidOf(`volume:${local}`), objectType: 'STORAGE_VOLUME' },
                internalId: 4,
                name: volumeOf(local),
              },
            ]
          : [],
      movers: [],
      replicationDetails: {
        siteName: known.origin,
        participantId: world.site(known.origin)?.participantId,
        cachedCopy: isLocal && known.origin !== local,
        versioningEnabled: false,
        accessDependency: isLocal ? 'LOCAL' : 'REMOTE',
      },
      // The scale of compliance is not documented; 100 for met is assumed.
      compliance: [
        {
          dimension: 'DIMENSION_LOC_MAKE_LOCAL',
          compliance: options.isWanted(local, node) && !isLocal ? 0 : 100,
        },
      ],
      sloTargets: [],
    };
  }

  function find(collection: string, id: string): Record<string, unknown> {
    const all = collections[collection]?.() ?? [];
    const found = all.find(
      (view) => view['name'] === id || (view['uoid'] as { uuid: string }).uuid === id,
    );
    if (found) return found;
    throw new AnvilError(404, 'ENTITY_NOT_FOUND', `No ${collection} named ${id}`, [
      collection.toUpperCase(),
      id,
    ]);
  }

  for (const name of Object.keys(collections)) {
    app.get<{ Querystring: Record<string, string | string[]> }>(
      `${ANVIL_PATH}/${name}`,
      async (request) => pageOf(collections[name]?.() ?? [], request.query),
    );
    app.get<{ Params: { id: string } }>(`${ANVIL_PATH}/${name}/:id`, async (request) =>
      find(name, request.params.id),
    );
  }
  app.get<{ Params: { id: string } }>(
    `${ANVIL_PATH}/tasks/:id`,
    async (request: FastifyRequest<{ Params: { id: string } }>, _reply: FastifyReply) => {
      throw new AnvilError(404, 'ENTITY_NOT_FOUND', `No task ${request.params.id}`, [
        'TASK',
        request.params.id,
      ]);
    },
  );

  await app.listen({ host: '127.0.0.1', port: options.port });
  const address = app.server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    stop: () => app.close(),
  };
}

/** `spec=<field>=<op>=<value>` filters, then `page` and `page.size`; lists are bare arrays. */
function pageOf(
  all: Record<string, unknown>[],
  query: Record<string, string | string[]>,
): Record<string, unknown>[] {
  const specs = [query['spec'] ?? []].flat();
  const kept = all.filter((view) => specs.every((spec) => matchesSpec(view, spec)));
  const size = Number(query['page.size'] ?? 0);
  if (!(size > 0)) return kept;
  const page = Math.max(0, Number(query['page'] ?? 0));
  return kept.slice(page * size, (page + 1) * size);
}

function matchesSpec(view: Record<string, unknown>, spec: string): boolean {
  const match = /^([\w.]+)=(eq|neq|gt|lt|ge|le|like|nlike|sw|nsw|in|nin)=(.*)$/.exec(spec);
  if (!match) throw new AnvilError(400, 'BAD_REQUEST', `Malformed spec ${spec}`);
  const [, field = '', op = '', wanted = ''] = match;
  const value = field
    .split('.')
    .reduce<unknown>(
      (at, name) =>
        typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined,
      view,
    );
  const shown = typeof value === 'string' ? value : JSON.stringify(value ?? '');
  const order =
    typeof value === 'number'
      ? value - Number(wanted)
      : shown < wanted
        ? -1
        : shown > wanted
          ? 1
          : 0;
  switch (op) {
    case 'eq':
      return shown === wanted;
    case 'neq':
      return shown !== wanted;
    case 'gt':
      return order > 0;
    case 'lt':
      return order < 0;
    case 'ge':
      return order >= 0;
    case 'le':
      return order <= 0;
    case 'like':
      return shown.toLowerCase().includes(wanted.replaceAll('%', '').toLowerCase());
    case 'nlike':
      return !shown.toLowerCase().includes(wanted.replaceAll('%', '').toLowerCase());
    case 'sw':
      return shown.startsWith(wanted);
    case 'nsw':
      return !shown.startsWith(wanted);
    case 'in':
      return wanted.split(',').includes(shown);
    default:
      return !wanted.split(',').includes(shown);
  }
}

/** Same name, same uuid, on every start: clients keep them. */
function uuidOf(name: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(name))
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  const hex = hash.toString(16).padStart(16, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(0, 3)}-${hex.slice(4, 16)}`;
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
