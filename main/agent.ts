// Headless entry: connects the ports, builds the engine and serves the contract until told to stop.

import { renameSync, rmSync, writeFileSync } from 'node:fs';
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
import { makeFolders } from './engine/base/folders.ts';
import type { EnginePorts } from './engine/context.ts';
import { createEngine, type Engine } from './engine/engine.ts';
import type { Log } from './engine/ports/log.ts';
import { serveBrowser, type BrowserServer } from './ipc/http.ts';
import { defaultSocketPath, defaultStateDir } from './ipc/paths.ts';
import { servePort, type Port } from './ipc/ports.ts';
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
  /** A new link that opens the window once in a browser; null when none is served. */
  newBrowserLink(): string | null;
}

/** Starts everything in the order it depends on each other; disposing ends it in the reverse order. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  await using stack = new AsyncDisposableStack();
  makeStateDir(options.stateDir);
  const file = stack.use(rotatingFile(join(options.stateDir, 'agent.log')));
  const log = createLog({ write: (line) => file.write(line) });
  const projectDirs = { current: (): readonly string[] => [] };
  const ports = connect({ connections: options.connections, log, projectDirs }, stack);
  // The socket is the lock of the state folder: bound before the ledger is opened, refused when another agent answers.
  const socket = stack.use(
    await serveSocket({ path: options.socketPath, log: log.child('socket') }),
  );
  let browser: BrowserServer | null = null;
  const newBrowserLink = (): string | null => browser?.newLink() ?? null;
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
      newBrowserLink,
    }),
  );
  projectDirs.current = () =>
    Object.values(engine.snapshot().state.projects).map((project) => project.dir);
  socket.serve(engine);
  browser = options.browserDir
    ? stack.use(
        await serveBrowser({ engine, rendererDir: options.browserDir, log: log.child('browser') }),
      )
    : null;
  stack.defer(announce(options));
  log.info('Agent started', {
    socket: options.socketPath,
    studio: options.connections.studio.name,
  });
  const owned = stack.move();
  return {
    engine,
    log,
    socketPath: options.socketPath,
    newBrowserLink,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Wiring {
  readonly connections: Connections;
  readonly log: Log;
  /** Known once the engine is up; what a scene names outside of them is never touched. */
  readonly projectDirs: { current(): readonly string[] };
}

function connect(wiring: Wiring, stack: AsyncDisposableStack): EnginePorts {
  const { connections, log, projectDirs } = wiring;
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
    scenes: stack.use(createSceneReader({ roots: () => projectDirs.current() })),
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
    makeFolders(dir, 0o700);
  } catch (error) {
    throw new AgentError('state-not-writable', {
      message: `The state folder ${dir} cannot be made (${sentenceOf(error)}). Choose another with --state.`,
      retry: 'never',
      cause: error,
      facts: { path: dir },
    });
  }
}

/** Tells other programs of this user where the agent listens; gone again when the agent ends. */
function announce(options: Pick<AgentOptions, 'stateDir' | 'socketPath'>): () => void {
  const path = join(options.stateDir, 'agent.json');
  const facts = {
    socket: options.socketPath,
    pid: process.pid,
    startedAt: Date.now(),
    version: VERSION,
  };
  writeFileSync(`${path}.part`, `${JSON.stringify(facts)}\n`, { mode: 0o600 });
  renameSync(`${path}.part`, path);
  return () => rmSync(path, { force: true });
}

const USAGE = `Usage: waybill agent (--sandbox FILE | --studio FILE) [options]

  --sandbox FILE        endpoints document of a running sandbox
  --studio FILE         waybill.studio.json of your studio
  --state DIR           where the ledger and the log live
  --socket PATH         local socket of the contract
  --http                also serve the window to a browser on this machine
  --renderer DIR        the built window, when it is not beside the program
  --until-stdin-closes  also end when standard input closes
  --json                print one line of JSON when up`;

/** Runs the agent until a signal, a client's shutdown, or the end of standard input when asked for. */
export async function runAgent(args: readonly string[]): Promise<void> {
  const values = argumentsFrom(args);
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
  if (values['until-stdin-closes']) process.stdin.once('close', end).resume();
  await using agent = await startAgent({
    stateDir,
    socketPath: values.socket ?? defaultSocketPath(stateDir),
    connections,
    browserDir: values.http ? (values.renderer ?? defaultRendererDir()) : null,
    onShutdown: end,
  });
  serveShell(agent);
  const up = { socket: agent.socketPath, http: agent.newBrowserLink(), pid: process.pid };
  console.log(values.json ? JSON.stringify(up) : sentenceUp(up));
  await new Promise<void>((resolve) => ended.signal.addEventListener('abort', () => resolve()));
  agent.log.info('Agent ends');
}

function argumentsFrom(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        sandbox: { type: 'string' },
        studio: { type: 'string' },
        state: { type: 'string' },
        socket: { type: 'string' },
        http: { type: 'boolean', default: false },
        renderer: { type: 'string' },
        'until-stdin-closes': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new AgentError('bad-argument', {
      message: `${sentenceOf(error)} See "waybill agent --help".`,
      retry: 'never',
      cause: error,
    });
  }
}

/** The window's page lies beside the built program, and under `out` when run from source. */
function defaultRendererDir(): string {
  const isBuilt = import.meta.filename.endsWith('.js');
  return join(import.meta.dirname, isBuilt ? '../renderer' : '../out/renderer');
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

/** Electron's utility process; absent under plain Node. */
interface ParentPort {
  on(event: 'message', listener: (event: { data: unknown; ports: Port[] }) => void): void;
}

const parentPort = (process as { parentPort?: ParentPort }).parentPort;

/** Under the shell each window brings a port of its own. */
function serveShell(agent: Agent): void {
  parentPort?.on('message', (event) => {
    for (const port of event.ports) servePort(agent.engine, port, agent.log.child('window'));
  });
}

function sentenceUp(up: { socket: string; http: string | null }): string {
  const browser = up.http === null ? '' : `\nOpen in a browser on this machine: ${up.http}`;
  return `Waybill's agent is up, listening at ${up.socket}.${browser}`;
}

// Electron imports the entry of a utility process, so that it is never its own main module there.
if (import.meta.main || parentPort !== undefined) {
  runAgent(process.argv.slice(2))
    .catch((error: unknown) => {
      console.error(error instanceof AgentError ? error.message : sentenceOf(error));
      process.exitCode = 1;
    })
    .finally(() => {
      // A utility process does not end by itself when nothing is left to do.
      if (parentPort !== undefined) process.exit();
    });
}
