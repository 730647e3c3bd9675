// Headless entry: connects the ports, builds the engine and serves the contract until told to stop.

import { mkdirSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAnvil } from './adapters/anvil/client.ts';
import { systemClock } from './adapters/clock/system.ts';
import { createFarm } from './adapters/deadline/client.ts';
import { createFiles } from './adapters/disk/files.ts';
import { createWatcher } from './adapters/disk/watcher.ts';
import { createGateway } from './adapters/gateway/client.ts';
import { directTransport, fileTransport } from './adapters/gateway/transport.ts';
import { memorySecrets } from './adapters/keychain/memory.ts';
import { createLog, rotatingFile } from './adapters/log/log.ts';
import { createObjectStore } from './adapters/s3/client.ts';
import { AgentError, sentenceOf } from './engine/base/errors.ts';
import type { EnginePorts } from './engine/context.ts';
import { createEngine, type Engine } from './engine/engine.ts';
import type { Log } from './engine/ports/log.ts';
import { serveBrowser } from './ipc/http.ts';
import { defaultSocketPath, defaultStateDir } from './ipc/paths.ts';
import { serveSocket } from './ipc/socket.ts';
import { createSceneReader } from './scenes/reader.ts';
import { sandboxConnections, secretName, studioConnections, type Connections } from './studio.ts';
import { VERSION } from './version.ts';

export interface AgentOptions {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly connections: Connections;
  /** Folder of the built renderer; null serves no browser. */
  readonly browserDir: string | null;
  onShutdown(): void;
}

export interface Agent extends AsyncDisposable {
  readonly engine: Engine;
  readonly log: Log;
  readonly socketPath: string;
  readonly browserUrl: string | null;
}

/** Starts everything in the order it depends on each other; disposing ends it in the reverse order. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  await using stack = new AsyncDisposableStack();
  makeStateDir(options.stateDir);
  const file = stack.use(rotatingFile(join(options.stateDir, 'agent.log')));
  const log = createLog({ write: (line) => file.write(line) });
  const ports = connect(options.connections, log, stack);
  // The socket is the lock of the state folder: bound before the ledger is opened, refused when another agent answers.
  const socket = stack.use(
    await serveSocket({ path: options.socketPath, log: log.child('socket') }),
  );
  const engine = stack.use(
    await createEngine({
      stateDir: options.stateDir,
      ports,
      studio: options.connections.studio,
      identity: {
        version: VERSION,
        pid: process.pid,
        user: userInfo().username,
        workstation: hostname(),
      },
      onShutdown: options.onShutdown,
    }),
  );
  socket.serve(engine);
  const browser = options.browserDir
    ? stack.use(
        await serveBrowser({ engine, rendererDir: options.browserDir, log: log.child('browser') }),
      )
    : null;
  log.info('Agent started', {
    socket: options.socketPath,
    studio: options.connections.studio.name,
  });
  const owned = stack.move();
  return {
    engine,
    log,
    socketPath: options.socketPath,
    browserUrl: browser?.url ?? null,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function connect(connections: Connections, log: Log, stack: AsyncDisposableStack): EnginePorts {
  const { studio, sites, s3, farm } = connections;
  const clock = systemClock();
  const secrets = memorySecrets(connections.secrets);
  const gateways = new Map(
    sites.flatMap((site) => {
      if (!site.gateway) return [];
      const transport =
        site.gateway.kind === 'direct'
          ? directTransport({ url: site.gateway.url })
          : stack.use(fileTransport({ mountDir: site.gateway.dir, sharePath: studio.share.path }));
      return [
        [
          site.name,
          createGateway({ siteName: site.name, sharePath: studio.share.path, transport }),
        ] as const,
      ];
    }),
  );
  const anvils = new Map(
    sites.flatMap((site) => {
      if (!site.anvil) return [];
      const anvil = createAnvil({
        siteName: site.name,
        url: site.anvil.url,
        username: site.anvil.username,
        password: () => secrets.get(secretName.anvil(site.name)),
        productVersion: VERSION,
        ...(site.anvil.ca === null ? {} : { ca: site.anvil.ca }),
      });
      return [[site.name, stack.use(anvil)] as const];
    }),
  );
  return {
    clock,
    log,
    gateways,
    anvils,
    files: createFiles(),
    watcher: createWatcher({ log: log.child('watcher') }),
    scenes: stack.use(createSceneReader({})),
    objects: createObjectStore({
      endpoint: s3.endpoint,
      region: s3.region,
      bucket: s3.bucket,
      accessKeyId: s3.accessKeyId,
      secretAccessKey: () => secrets.get(secretName.s3()),
      ...(s3.ca === null ? {} : { ca: s3.ca }),
    }),
    farm: createFarm({
      url: farm.url,
      ...(farm.username === null
        ? {}
        : { username: farm.username, password: () => secrets.get(secretName.farm()) }),
      ...(farm.ca === null ? {} : { ca: farm.ca }),
    }),
  };
}

function makeStateDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AgentError('state-not-writable', {
      message: `The state folder ${dir} cannot be made (${sentenceOf(error)}). Choose another with --state.`,
      retry: 'never',
      cause: error,
      facts: { path: dir },
    });
  }
}

const USAGE = `Usage: waybill agent (--sandbox FILE | --studio FILE) [--state DIR] [--socket PATH] [--http] [--json]
  --sandbox FILE  endpoints document of a running sandbox
  --studio FILE   waybill.studio.json of your studio
  --state DIR     where the ledger and the log live
  --socket PATH   local socket of the contract
  --http          also serve the window to a browser on this machine
  --json          print one line of JSON when up`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sandbox: { type: 'string' },
      studio: { type: 'string' },
      state: { type: 'string' },
      socket: { type: 'string' },
      http: { type: 'boolean', default: false },
      renderer: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const connections = connectionsFrom(values);
  const stateDir = values.state ?? defaultStateDir();
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  await using agent = await startAgent({
    stateDir,
    socketPath: values.socket ?? defaultSocketPath(stateDir),
    connections,
    browserDir: values.http
      ? (values.renderer ?? join(import.meta.dirname, '../out/renderer'))
      : null,
    onShutdown: end,
  });
  const up = { socket: agent.socketPath, http: agent.browserUrl, pid: process.pid };
  console.log(values.json ? JSON.stringify(up) : sentenceUp(up));
  await new Promise<void>((resolve) => ended.signal.addEventListener('abort', () => resolve()));
  agent.log.info('Agent ends');
}

function connectionsFrom(values: {
  sandbox?: string | undefined;
  studio?: string | undefined;
}): Connections {
  if (values.sandbox !== undefined) return sandboxConnections(values.sandbox);
  if (values.studio !== undefined) return studioConnections(values.studio);
  throw new AgentError('bad-argument', {
    message: 'Name a studio with --studio FILE, or a running sandbox with --sandbox FILE.',
    retry: 'never',
  });
}

function sentenceUp(up: { socket: string; http: string | null }): string {
  const browser = up.http === null ? '' : ` Open ${up.http} in a browser on this machine.`;
  return `Waybill's agent is up, listening at ${up.socket}.${browser}`;
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    console.error(error instanceof AgentError ? error.message : sentenceOf(error));
    process.exitCode = 1;
  });
}
