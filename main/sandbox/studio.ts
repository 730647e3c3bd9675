// Puts the studio together: the world, its trees and movers, and the servers through which clients meet it.

import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { utimes, writeFile, mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { delimiter, dirname, join, resolve } from 'node:path';
import { generate } from 'selfsigned';
import { z } from 'zod';
import { ANVIL_PATH, startAnvil } from './anvil.ts';
import { startFarm } from './deadline.ts';
import { createActs } from './acts.ts';
import { createGateway } from './gateway.ts';
import { lockFolder, StudioError } from './lock.ts';
import { mountTools, startMount } from './mount.ts';
import { startMovers } from './movers.ts';
import { listen, startS3 } from './s3.ts';
import { createTree, type Tree } from './tree.ts';
import { SAVED_VERSION, World, WorldError, type SavedWorld, type SiteSpec } from './world.ts';

export interface StudioOptions {
  readonly dir: string;
  readonly intervalMs: number;
  /** Bytes a second between any two sites. */
  readonly bandwidth: number;
  /** 0 takes free ports; else base, base+1, … */
  readonly portBase: number;
  readonly seed: number;
  /** False hides an installed Blender, to run as a machine without one. */
  readonly useBlender: boolean;
  /**
   * How users reach a site's files: a FUSE mount where the machine can make one ('auto'), one for certain ('fuse'),
   * the site's plain folder, in which a gateway file just lies there ('plain'), or only the direct transport ('none').
   */
  readonly mount: 'auto' | 'fuse' | 'plain' | 'none';
}

const SITES: readonly (SiteSpec & { readonly home: boolean })[] = [
  { name: 'london', place: 'London', participantId: 0, home: true },
  { name: 'oregon', place: 'Boardman, US', participantId: 2, home: false },
  { name: 'mumbai', place: 'Mumbai, IN', participantId: 5, home: false },
];
const REGIONS = [
  {
    id: 'us-west-2',
    name: 'Oregon',
    place: 'Boardman, US',
    site: 'oregon',
    groups: ['cpu-us-west-2'],
  },
  {
    id: 'ap-south-1',
    name: 'Mumbai',
    place: 'Mumbai, IN',
    site: 'mumbai',
    groups: ['cpu-ap-south-1'],
  },
] as const;
const SHARE = { name: 'shots', path: '/shots' } as const;
const FARM_ROOT = '/mnt/hs';
const SAVE_MS = 1_000;
/** A command that nobody reads is forgotten after this long. */
const GATEWAY_KEEP_MS = 5 * 60_000;

export type StudioDocument = Readonly<Record<string, unknown>> & { readonly dir: string };

export interface Studio {
  /** The endpoints document, as printed and as kept in `<dir>/studio.json`. */
  readonly document: StudioDocument;
  stop(): Promise<void>;
}

export async function startStudio(given: StudioOptions): Promise<Studio> {
  // Workers run in a folder of their own, so no path may depend on where the sandbox was started.
  const options = { ...given, dir: resolve(given.dir) };
  makeDir(options.dir);
  const lock = lockFolder(options.dir);
  const stops: (() => Promise<void> | void)[] = [() => lock.release()];
  const stop = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const end of stops.splice(0).toReversed()) {
      // What fails to end must not keep the rest running.
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
  };
  try {
    return { document: await open(options, stops), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Opens every part, and leaves with each what ends it. */
async function open(
  options: StudioOptions,
  stops: (() => Promise<void> | void)[],
): Promise<StudioDocument> {
  const home = 'london';
  const secrets = await readSecrets(options.dir);
  const world = new World({
    sites: SITES,
    share: SHARE,
    intervalMs: options.intervalMs,
    now: () => Date.now(),
    newUuid: () => randomUUID(),
  });
  loadWorld(world, options.dir);
  const port = (at: number): number => (options.portBase === 0 ? 0 : options.portBase + at);
  const trees = new Map<string, Tree>();
  for (const site of SITES) {
    const tree = createTree(world, site.name, join(options.dir, 'sites', site.name));
    trees.set(site.name, tree);
    stops.push(() => tree.close());
  }
  const homeTree = trees.get(home);
  if (!homeTree) throw new Error('the studio has no home');
  const s3Credentials = {
    accessKeyId: secrets.accessKeyId,
    secretAccessKey: secrets.secretAccessKey,
  };
  const s3 = await startS3({
    world,
    homeSite: home,
    homeTree,
    stagingDir: join(options.dir, 'staging'),
    credentials: s3Credentials,
    region: 'eu-west-2',
    port: port(0),
  });
  stops.push(() => s3.stop());
  const endpoint = `http://127.0.0.1:${s3.port}`;
  let bandwidth = options.bandwidth;
  const movers = startMovers({
    world,
    trees,
    s3: { endpoint, region: 'eu-west-2', credentials: s3Credentials },
    bandwidth: () => bandwidth,
  });
  stops.push(() => movers.stop());

  const replication = setInterval(() => world.replicate(), options.intervalMs);
  stops.push(() => clearInterval(replication));
  const saver = startSaver(world, options.dir);
  stops.push(() => saver.stop());

  const blender = options.useBlender ? onPath('blender') : null;
  const renderers = {
    blender,
    preview: {
      executable: process.execPath,
      script: join(
        import.meta.dirname,
        `preview-render${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`,
      ),
    },
  };
  const regions = REGIONS.map((region) => ({
    ...region,
    groups: [...region.groups],
    root: trees.get(region.site)?.root ?? '',
  }));
  const farm = await startFarm({
    dir: join(options.dir, 'farm'),
    port: port(1),
    farmRoot: FARM_ROOT,
    regions,
    renderers,
    seed: options.seed,
    // In a global namespace metadata is enough for a file to exist, wherever its payload is.
    exists: (path) => {
      const below = path.startsWith(`${FARM_ROOT}/`)
        ? belowShare(path.slice(FARM_ROOT.length))
        : null;
      return below !== null && world.find(home, below) !== null;
    },
  });
  stops.push(() => farm.stop());

  const acts = createActs(world, trees);
  const gatewayOptions = {
    isMoving: movers.progress,
    isWanted: movers.isWanted,
    removeBelow: acts.removeBelow,
    clone: acts.clone,
  };
  const gateway = createGateway(world, gatewayOptions);
  async function ask(site: string, folder: string, command: string): Promise<string | null> {
    // A mount shows at once what was written on it, so the tree is looked at before the answer.
    await trees.get(site)?.notice(folder, { deep: /\?\.(?:sum|\w*_rec)/.test(command) });
    if (world.find(site, folder)?.kind !== 'folder') return null;
    return gateway.answer(site, folder, command);
  }
  const mounts = new Map<string, string>();
  const tools = mountTools();
  if (options.mount === 'fuse' && typeof tools === 'string')
    throw new StudioError(`The sites cannot be mounted: ${tools}.`);
  const isFuse =
    options.mount === 'fuse' || (options.mount === 'auto' && typeof tools !== 'string');
  for (const [site, tree] of trees) {
    if (options.mount === 'plain') mounts.set(site, join(tree.root, SHARE.path));
    if (!isFuse || typeof tools === 'string') continue;
    const mount = await startMount({
      world,
      site,
      tree,
      acts,
      tools,
      gateway: gatewayOptions,
      dir: join(options.dir, 'mounts', site, SHARE.path),
      ask: (folder, command) => ask(site, folder, command),
    });
    mounts.set(site, mount.dir);
    stops.push(() => mount.stop());
  }
  const door = await startDoor({
    port: port(2),
    token: secrets.controlToken,
    ask,
    hasSite: (site) => world.site(site) !== undefined,
    control: {
      counters: () => ({ links: world.counters() }),
      async write(site, path, text) {
        const tree = trees.get(site);
        const below = belowShare(path);
        if (!tree || below === null)
          throw new WorldError('not-found', `${site}:${path} is not in the studio`);
        await writeAsUser(world, tree, { site, below, text });
      },
      fault(change) {
        if (change.bandwidth !== undefined) bandwidth = change.bandwidth;
        if (change.cut) world.cutLinks.add(`${change.cut[0]}>${change.cut[1]}`);
        if (change.join) {
          world.cutLinks.delete(`${change.join[0]}>${change.join[1]}`);
          world.cutLinks.delete(`${change.join[1]}>${change.join[0]}`);
        }
      },
    },
  });
  stops.push(() => door.stop());

  const anvils = new Map<string, number>();
  for (const [at, site] of SITES.entries()) {
    const anvil = await startAnvil({
      world,
      site,
      credentials: { username: 'artist', password: secrets.anvilPassword },
      tls: { key: secrets.tlsKey, cert: secrets.tlsCert },
      port: port(3 + at),
      s3: () => ({ port: s3.port, accessKeyId: secrets.accessKeyId }),
      isWanted: movers.isWanted,
    });
    anvils.set(site.name, anvil.port);
    stops.push(() => anvil.stop());
  }

  const caPath = join(options.dir, 'ca.pem');
  writeFileSync(caPath, secrets.tlsCert);
  const document = {
    kind: 'waybill-sandbox',
    version: 1,
    pid: process.pid,
    dir: options.dir,
    ca: caPath,
    share: SHARE,
    sites: SITES.map((site) => ({
      ...site,
      root: trees.get(site.name)?.root,
      /** The share as this site's users see it; null where it is not mounted. */
      mount: mounts.get(site.name) ?? null,
      anvil: {
        url: `https://127.0.0.1:${anvils.get(site.name)}${ANVIL_PATH}`,
        username: 'artist',
        password: secrets.anvilPassword,
      },
      gateway: { kind: 'direct', url: `http://127.0.0.1:${door.port}/gateway/${site.name}` },
    })),
    s3: { endpoint, region: 'eu-west-2', bucket: SHARE.name, ...s3Credentials },
    farm: { url: farm.url, farmRoot: FARM_ROOT },
    regions: REGIONS,
    renderers,
    control: { url: `http://127.0.0.1:${door.port}/control`, token: secrets.controlToken },
  };
  writeWhole(join(options.dir, 'studio.json'), `${JSON.stringify(document, null, 2)}\n`);
  return document;
}

/** What a user at a site does who saves a file on the mount: the file, and at once its metadata there. */
async function writeAsUser(
  world: World,
  tree: Tree,
  write: { site: string; below: string; text: string },
): Promise<void> {
  const modified = Date.now();
  const node = world.writeFile(write.site, write.below, {
    size: Buffer.byteLength(write.text),
    modified,
    owner: 'someone',
  });
  const temp = tree.tempPath();
  await mkdir(dirname(temp), { recursive: true });
  await writeFile(temp, write.text);
  await utimes(temp, modified / 1000, modified / 1000);
  await tree.place(temp, node);
}

interface Door {
  readonly port: number;
  readonly token: string;
  /** Null where there is no such folder to write the command into. */
  ask(site: string, folder: string, command: string): Promise<string | null>;
  hasSite(site: string): boolean;
  readonly control: {
    counters(): unknown;
    write(site: string, path: string, text: string): Promise<void>;
    fault(change: z.infer<typeof Fault>): void;
  };
}

const Write = z.object({ site: z.string(), path: z.string(), text: z.string().max(1_000_000) });
const Pair = z.tuple([z.string(), z.string()]);
const Fault = z.object({
  bandwidth: z.number().positive().optional(),
  cut: Pair.optional(),
  join: Pair.optional(),
});

/** Serves the gateway's direct transport and the control of the world on one port. */
async function startDoor(door: Door): Promise<{ port: number; stop(): Promise<void> }> {
  const answers = new Map<string, { text: string; until: number }>();

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const segments = new URL(`http://door.invalid${request.url ?? '/'}`).pathname
      .split('/')
      .slice(1)
      .map(decodeURIComponent);
    if (segments[0] === 'gateway') return gatewayCall(request, response, segments.slice(1));
    if (segments[0] === 'control') return controlCall(request, response, segments[1] ?? '');
    end(response, 404, { message: 'No such door.' });
  }

  async function gatewayCall(
    request: IncomingMessage,
    response: ServerResponse,
    segments: readonly string[],
  ): Promise<void> {
    const [site = '', ...rest] = segments;
    const file = rest.at(-1) ?? '';
    const folder = belowShare(`/${rest.slice(0, -1).join('/')}`);
    if (
      !door.hasSite(site) ||
      folder === null ||
      !/^\.fs_command_gateway 0x[0-9a-fA-F]{1,32}$/.test(file)
    ) {
      return end(response, 404, { message: 'No such gateway file.' });
    }
    const key = segments.join('/');
    if (request.method === 'PUT') {
      const command = (await bodyOf(request)).toString('utf8');
      const text = await door.ask(site, folder, command);
      if (text === null) return end(response, 404, { message: 'No such folder.' });
      answers.set(key, { text, until: Date.now() + GATEWAY_KEEP_MS });
      response.writeHead(204).end();
      return;
    }
    const answer = answers.get(key);
    if (request.method !== 'GET' || !answer)
      return end(response, 404, { message: 'No command was written to this file.' });
    response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(answer.text);
  }

  async function controlCall(
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
  ): Promise<void> {
    const token = Buffer.from((request.headers.authorization ?? '').replace(/^Bearer /, ''));
    const wanted = Buffer.from(door.token);
    if (token.length !== wanted.length || !timingSafeEqual(token, wanted))
      return end(response, 401, { message: 'The control token is missing or wrong.' });
    if (name === 'counters' && request.method === 'GET')
      return end(response, 200, door.control.counters());
    if (request.method !== 'POST') return end(response, 404, { message: `No control ${name}.` });
    const body = JSON.parse((await bodyOf(request)).toString('utf8')) as unknown;
    if (name === 'write') {
      const { site, path, text } = Write.parse(body);
      await door.control.write(site, path, text);
    } else if (name === 'fault') door.control.fault(Fault.parse(body));
    else return end(response, 404, { message: `No control ${name}.` });
    end(response, 200, { ok: true });
  }

  const server: Server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      const isTheirs =
        error instanceof WorldError ||
        error instanceof z.ZodError ||
        error instanceof SyntaxError ||
        error instanceof URIError;
      if (!isTheirs)
        process.stderr.write(`sandbox: ${request.method} ${request.url}: ${String(error)}\n`);
      end(response, isTheirs ? 400 : 500, {
        message: isTheirs ? error.message : 'Internal error.',
      });
    });
  });
  const sweep = setInterval(() => {
    for (const [key, answer] of answers) if (answer.until < Date.now()) answers.delete(key);
  }, 60_000);
  const port = await listen(server, door.port);
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        clearInterval(sweep);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function end(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > 2_000_000) throw new WorldError('bad-name', 'The body is larger than 2 MB.');
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}

function belowShare(path: string): string | null {
  if (path.split('/').includes('..')) return null;
  if (path === SHARE.path) return '';
  return path.startsWith(`${SHARE.path}/`) ? path.slice(SHARE.path.length + 1) : null;
}

const Secrets = z.object({
  anvilPassword: z.string(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
  controlToken: z.string(),
  tlsKey: z.string(),
  tlsCert: z.string(),
});

/** Node's recursive mkdir never returns where the file system refuses a child of a folder it has (seen in /proc). */
function makeDir(dir: string): void {
  if (existsSync(dir)) {
    if (statSync(dir).isDirectory()) return;
    throw new StudioError(`${dir} is not a folder. Choose another with --dir.`);
  }
  if (dirname(dir) !== dir) makeDir(dirname(dir));
  mkdirSync(dir, { mode: 0o700 });
}

/** Made once per folder, so that clients can come back after a restart. */
async function readSecrets(dir: string): Promise<z.infer<typeof Secrets>> {
  const path = join(dir, 'secrets.json');
  if (existsSync(path)) return Secrets.parse(JSON.parse(readFileSync(path, 'utf8')));
  const tls = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 7, ip: '127.0.0.1' },
          { type: 2, value: 'localhost' },
        ],
      },
    ],
  });
  const secrets = {
    anvilPassword: randomBytes(12).toString('base64url'),
    accessKeyId: `WB${randomBytes(9).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
    controlToken: randomBytes(24).toString('base64url'),
    tlsKey: tls.private,
    tlsCert: tls.cert,
  };
  writeWhole(path, JSON.stringify(secrets));
  return secrets;
}

function loadWorld(world: World, dir: string): void {
  const path = join(dir, 'world.json');
  if (!existsSync(path)) return;
  const saved = readSaved(path);
  if (saved.version > SAVED_VERSION)
    throw new StudioError(
      `The folder ${dir} was written by a newer version (${saved.version}, this one reads ${SAVED_VERSION}). Use that version, or another folder with --dir.`,
    );
  world.load(saved);
}

function readSaved(path: string): SavedWorld {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SavedWorld;
  } catch (error) {
    throw new StudioError(
      `${path} cannot be read (${error instanceof Error ? error.message : String(error)}). Choose another folder with --dir, or delete this one.`,
      { cause: error },
    );
  }
}

/** Saves the world when it changed; a large one less often, so that saving stays a tenth of the time. */
function startSaver(world: World, dir: string): { stop(): void } {
  let saved = world.changes;
  let timer = setTimeout(tick, SAVE_MS);
  function save(): void {
    if (saved === world.changes) return;
    saved = world.changes;
    writeWhole(join(dir, 'world.json'), JSON.stringify(world.save()));
  }
  function tick(): void {
    const startedAt = performance.now();
    try {
      save();
    } catch (error) {
      process.stderr.write(`sandbox: the world could not be saved: ${String(error)}\n`);
    }
    timer = setTimeout(tick, Math.max(SAVE_MS, 9 * (performance.now() - startedAt)));
  }
  return {
    stop() {
      clearTimeout(timer);
      save();
    },
  };
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.part`, text, { mode: 0o600 });
  renameSync(`${path}.part`, path);
}

function onPath(command: string): string | null {
  const name = process.platform === 'win32' ? `${command}.exe` : command;
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(dir, name);
    if (dir !== '' && existsSync(path)) return path;
  }
  return null;
}
