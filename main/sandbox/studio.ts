// Puts the studio together: the world, its trees and movers, and the servers through which clients meet it.

import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { utimes, writeFile, mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { delimiter, dirname, join, resolve } from 'node:path';
import { generate } from 'selfsigned';
import { z } from 'zod';
import { ANVIL_PATH, startAnvil } from './anvil.ts';
import { machineClock, steppedClock, type SteppedClock } from './clock.ts';
import { createFaults, DoorFault, type Faults } from './faults.ts';
import { startFarm } from './farm/deadline.ts';
import { FarmChange } from './farm/faults.ts';
import { createActs } from './acts.ts';
import { createGateway } from './gateway.ts';
import { createObjectives, type Objectives } from './objectives.ts';
import { lockFolder, StudioError } from './lock.ts';
import { mountTools, startMount } from './mount.ts';
import { startMovers } from './movers.ts';
import { SETUP_VERSION, type SavedSetup } from './setup.ts';
import { listen, startS3 } from './s3.ts';
import { S3Faults } from './s3/service.ts';
import { createTree, type Tree } from './tree.ts';
import { defaultWorld, readWorldFile, type WorldSpec } from './world-file.ts';
import { loadWorld, saveWorld } from './world-store.ts';
import { World, WorldError, type Volume } from './world.ts';

export interface StudioOptions {
  readonly dir: string;
  /** A file that describes the world; the default studio when absent. */
  readonly worldPath?: string | undefined;
  /** Over what the world's file says, where given. */
  readonly intervalMs?: number | undefined;
  /** Bytes a second between any two sites, likewise. */
  readonly bandwidth?: number | undefined;
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

const INTERVAL_MS = 5_000;
const BANDWIDTH = 4_000_000;
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
  const spec = options.worldPath === undefined ? defaultWorld() : readWorldFile(options.worldPath);
  const home = spec.sites.find((site) => site.home)?.name ?? '';
  const { share, farmRoot } = spec;
  const stepped = spec.clock === 'machine' ? null : steppedClock(Date.parse(spec.clock));
  const clock = stepped ?? machineClock();
  const links = createLinks(spec, options.bandwidth);
  const volumes = new Map(spec.sites.map((site) => [site.name, volumeOf(site)]));
  const faults = createFaults();
  stops.push(() => faults.remove(null));
  const secrets = await readSecrets(options.dir);
  const sites = spec.sites.map((site) => ({
    name: site.name,
    place: site.place,
    participantId: site.id,
    home: site.home,
    clockSkewMs: site.clockSkewMs,
  }));
  const world = new World({
    sites,
    share,
    intervalMs: options.intervalMs ?? spec.intervalMs ?? INTERVAL_MS,
    now: () => clock.now(),
    newUuid: () => randomUUID(),
    latencyMs: links.latencyMs,
    volume: (site) => volumes.get(site),
  });
  loadWorld(world, options.dir);
  const port = (at: number): number => (options.portBase === 0 ? 0 : options.portBase + at);
  const trees = new Map<string, Tree>();
  for (const site of sites) {
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
    guard: (server) => faults.guard(server, 's3'),
  });
  stops.push(() => s3.stop());
  const endpoint = `http://127.0.0.1:${s3.port}`;
  const objectives = createObjectives(world, loadSetup(options.dir));
  const movers = startMovers({
    world,
    clock,
    objectives,
    trees,
    s3: { endpoint, region: 'eu-west-2', credentials: s3Credentials },
    bandwidth: links.bandwidth,
  });
  stops.push(() => movers.stop());

  stops.push(clock.every(world.options.intervalMs, () => world.replicate()));
  const saver = startSaver(world, objectives, options.dir);
  stops.push(() => saver.stop());

  const blender = options.useBlender ? onPath('blender') : null;
  const renderers = {
    blender,
    // A shim of a version manager needs its user's home, which a worker does not have.
    python: ['/usr/bin/python3'].find((path) => existsSync(path)) ?? onPath('python3'),
    preview: {
      executable: process.execPath,
      script: join(
        import.meta.dirname,
        `preview-render${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`,
      ),
    },
  };
  const regions = spec.sites.flatMap(({ name, place, region }) =>
    region ? [{ ...region, place, site: name, root: trees.get(name)?.root ?? '' }] : [],
  );
  const farm = await startFarm({
    dir: join(options.dir, 'farm'),
    port: port(1),
    tls: { key: secrets.tlsKey, cert: secrets.tlsCert, port: port(40) },
    farmRoot,
    now: () => clock.now(),
    regions,
    renderers,
    scanRoot: homeTree.root,
    seed: options.seed,
    guard: (server) => faults.guard(server, 'farm'),
    // In a global namespace metadata is enough for a file to exist, wherever its payload is.
    exists: (path) => {
      const below = path.startsWith(`${farmRoot}/`)
        ? belowShare(share.path, path.slice(farmRoot.length))
        : null;
      return below !== null && world.find(home, below) !== null;
    },
    async sendTimes(site, path) {
      const below = path.startsWith(`${farmRoot}/`)
        ? belowShare(share.path, path.slice(farmRoot.length))
        : null;
      if (below === null) return null;
      await trees.get(site)?.notice(below.split('/').slice(0, -1).join('/'), { deep: false });
      // Workers date their folders by this machine's clock, and the world may run on another.
      const ahead = Date.now() - clock.now();
      return sites
        .filter((peer) => peer.name !== site)
        .flatMap((peer) => world.sendTimes.get(`${site}>${peer.name}`) ?? [])
        .map((sent) => sent + ahead);
    },
  });
  stops.push(() => farm.stop());

  const acts = createActs(world, trees);
  const gatewayOptions = {
    isMoving: movers.progress,
    isWanted: movers.isWanted,
    alignment: objectives.alignment,
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
    if (options.mount === 'plain') mounts.set(site, join(tree.root, share.path));
    if (!isFuse || typeof tools === 'string') continue;
    const mount = await startMount({
      world,
      site,
      tree,
      acts,
      tools,
      gateway: gatewayOptions,
      dir: join(options.dir, 'mounts', site, share.path),
      ask: (folder, command) => ask(site, folder, command),
    });
    mounts.set(site, mount.dir);
    stops.push(() => mount.stop());
  }
  const door = await startDoor({
    port: port(2),
    sharePath: share.path,
    faults,
    token: secrets.controlToken,
    ask,
    hasSite: (site) => world.site(site) !== undefined,
    control: {
      counters: () => ({ links: world.counters() }),
      async write(site, path, text) {
        const tree = trees.get(site);
        const below = belowShare(share.path, path);
        if (!tree || below === null)
          throw new WorldError('not-found', `${site}:${path} is not in the studio`);
        await writeAsUser(world, tree, { site, below, text });
      },
      world: () => ({
        now: clock.now(),
        stepped: stepped !== null,
        sites: sites.map(({ name }) => ({
          name,
          now: world.nowAt(name),
          volume: { ...volumes.get(name), usedBytes: world.usedBytes(name) },
        })),
      }),
      step: (byMs) => step(stepped, byMs),
      async fault(change) {
        world.stir();
        if (change.bandwidth !== undefined) links.setBandwidth(change.bandwidth);
        if (change.link) links.setLink(change.link);
        if (change.s3) s3.fault(change.s3);
        if (change.cut) world.cutLinks.add(`${change.cut[0]}>${change.cut[1]}`);
        if (change.join) {
          world.cutLinks.delete(`${change.join[0]}>${change.join[1]}`);
          world.cutLinks.delete(`${change.join[1]}>${change.join[0]}`);
        }
        if (change.farm) farm.control(change.farm);
        if (change.skew) world.skewClock(known(change.skew.site), change.skew.ms);
        if (change.volume) {
          const site = known(change.volume.site);
          const before = volumes.get(site);
          if (before) volumes.set(site, { ...before, bytes: change.volume.bytes });
        }
        if (change.breakOff) movers.breakOff();
        if (change.restartAnvil) await restartAnvil(known(change.restartAnvil));
        if (change.anvil) switchAnvils(change.anvil);
        if (change.remove !== undefined) faults.remove(change.remove);
        return { ok: true, ...(change.door ? { id: faults.add(change.door) } : {}) };
      },
    },
  });
  stops.push(() => door.stop());

  function known(site: string): string {
    if (world.site(site)) return site;
    throw new WorldError('not-found', `There is no site ${site}.`);
  }

  const anvils = new Map<string, Awaited<ReturnType<typeof startAnvil>>>();
  const openAnvil = async (name: string, port_: number): Promise<void> => {
    const site = sites.find((candidate) => candidate.name === name);
    if (!site) return;
    const anvil = await startAnvil({
      world,
      site,
      credentials: { username: 'artist', password: secrets.anvilPassword },
      tls: { key: secrets.tlsKey, cert: secrets.tlsCert },
      port: port_,
      s3: () => ({ port: s3.port, accessKeyId: secrets.accessKeyId }),
      objectives,
      progress: movers.progress,
      quirks: anvils.get(name)?.quirks ?? {},
      guard: (server) => faults.guard(server, `anvil:${name}`),
    });
    anvils.set(name, anvil);
  };
  function switchAnvils({
    site,
    expireSessions,
    ...quirks
  }: NonNullable<z.infer<typeof Fault>['anvil']>): void {
    const wanted = site === undefined ? undefined : known(site);
    for (const [name, anvil] of anvils) {
      if (wanted !== undefined && name !== wanted) continue;
      Object.assign(anvil.quirks, quirks);
      if (expireSessions) anvil.expireSessions();
    }
  }
  /** Comes back at its old address; whoever was signed in is not any more. */
  async function restartAnvil(name: string): Promise<void> {
    const before = anvils.get(name);
    await before?.stop();
    await openAnvil(name, before?.port ?? 0);
  }
  for (const [at, site] of sites.entries()) {
    await openAnvil(site.name, port(3 + at));
    stops.push(() => anvils.get(site.name)?.stop());
  }

  const caPath = join(options.dir, 'ca.pem');
  writeFileSync(caPath, secrets.tlsCert);
  const document = {
    kind: 'waybill-sandbox',
    version: 1,
    pid: process.pid,
    dir: options.dir,
    ca: caPath,
    share,
    sites: sites.map((site) => ({
      ...site,
      root: trees.get(site.name)?.root,
      /** The share as this site's users see it; null where it is not mounted. */
      mount: mounts.get(site.name) ?? null,
      anvil: {
        url: `https://127.0.0.1:${anvils.get(site.name)?.port}${ANVIL_PATH}`,
        username: 'artist',
        password: secrets.anvilPassword,
      },
      gateway: { kind: 'direct', url: `http://127.0.0.1:${door.port}/gateway/${site.name}` },
    })),
    s3: { endpoint, region: 'eu-west-2', bucket: share.name, ...s3Credentials },
    farm: { url: farm.url, tlsUrl: farm.tlsUrl, farmRoot },
    regions: regions.map(({ root: _root, ...region }) => region),
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

interface Links {
  bandwidth(from: string, to: string): number;
  latencyMs(from: string, to: string): number;
  setBandwidth(bytesPerSecond: number): void;
  setLink(link: WorldSpec['links'][number]): void;
}

/** A link is the same in both directions. */
function createLinks(spec: WorldSpec, bandwidth: number | undefined): Links {
  const keyOf = (a: string, b: string): string => [a, b].toSorted().join('\n');
  const links = new Map(spec.links.map((link) => [keyOf(...link.between), link]));
  let common = bandwidth ?? spec.bandwidth ?? BANDWIDTH;
  return {
    bandwidth: (from, to) => links.get(keyOf(from, to))?.bandwidth ?? common,
    latencyMs: (from, to) => links.get(keyOf(from, to))?.latencyMs ?? spec.latencyMs,
    setBandwidth(bytesPerSecond) {
      common = bytesPerSecond;
    },
    setLink(link) {
      const key = keyOf(...link.between);
      links.set(key, { ...links.get(key), ...link });
    },
  };
}

function volumeOf(site: WorldSpec['sites'][number]): Volume {
  return { ...site.volume, name: site.volume.name ?? `dsx-${site.name}-1::/hsvol0` };
}

async function step(clock: SteppedClock | null, byMs: number): Promise<void> {
  if (clock) return clock.step(byMs);
  throw new WorldError(
    'bad-name',
    'This world runs on the machine clock. Give its file a date as "clock" to step it.',
  );
}

interface Door {
  readonly port: number;
  readonly sharePath: string;
  readonly faults: Faults;
  readonly token: string;
  /** Null where there is no such folder to write the command into. */
  ask(site: string, folder: string, command: string): Promise<string | null>;
  hasSite(site: string): boolean;
  readonly control: {
    counters(): unknown;
    world(): unknown;
    step(byMs: number): Promise<void>;
    write(site: string, path: string, text: string): Promise<void>;
    fault(change: z.infer<typeof Fault>): Promise<unknown>;
  };
}

const Write = z.object({ site: z.string(), path: z.string(), text: z.string().max(1_000_000) });
const Pair = z.tuple([z.string(), z.string()]);
const Step = z.strictObject({
  ms: z
    .number()
    .min(0)
    .max(366 * 86_400_000),
});
const Fault = z.strictObject({
  bandwidth: z.number().positive().optional(),
  link: z
    .strictObject({
      between: Pair,
      bandwidth: z.number().positive().optional(),
      latencyMs: z.number().min(0).optional(),
    })
    .optional(),
  cut: Pair.optional(),
  join: Pair.optional(),
  skew: z.strictObject({ site: z.string(), ms: z.number() }).optional(),
  volume: z.strictObject({ site: z.string(), bytes: z.number().positive() }).optional(),
  breakOff: z.literal(true).optional(),
  restartAnvil: z.string().optional(),
  /** Where public clients disagree on what a real Anvil answers; every site's when none is named. */
  anvil: z
    .strictObject({
      site: z.string().optional(),
      errorBody: z.enum(['array', 'object']).optional(),
      taskProgress: z.enum(['fraction', 'percent']).optional(),
      missingFile: z.union([z.literal(500), z.literal(404)]).optional(),
      expireSessions: z.literal(true).optional(),
    })
    .optional(),
  door: DoorFault.optional(),
  /** Id of a door's fault that ends; null ends all. */
  remove: z.string().nullable().optional(),
  s3: S3Faults.optional(),
  farm: FarmChange.optional(),
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
    const folder = belowShare(door.sharePath, `/${rest.slice(0, -1).join('/')}`);
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
    if (request.method === 'GET' && (name === 'counters' || name === 'world'))
      return end(response, 200, door.control[name]());
    if (request.method !== 'POST') return end(response, 404, { message: `No control ${name}.` });
    const body = JSON.parse((await bodyOf(request)).toString('utf8')) as unknown;
    if (name === 'write') {
      const { site, path, text } = Write.parse(body);
      await door.control.write(site, path, text);
    } else if (name === 'fault') {
      return end(response, 200, await door.control.fault(Fault.parse(body)));
    } else if (name === 'step') await door.control.step(Step.parse(body).ms);
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
  door.faults.guard(server, 'gateway');
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

function belowShare(sharePath: string, path: string): string | null {
  if (path.split('/').includes('..')) return null;
  if (path === sharePath) return '';
  return path.startsWith(`${sharePath}/`) ? path.slice(sharePath.length + 1) : null;
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

/** What the administrators of the sites had set up. */
function loadSetup(dir: string): { saved?: SavedSetup } {
  const path = join(dir, 'setup.json');
  if (!existsSync(path)) return {};
  const saved = readSaved<SavedSetup>(path);
  if (saved.version > SETUP_VERSION)
    throw new StudioError(
      `The folder ${dir} was written by a newer version (${saved.version}, this one reads ${SETUP_VERSION}). Use that version, or another folder with --dir.`,
    );
  return { saved };
}

function readSaved<Saved>(path: string): Saved {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Saved;
  } catch (error) {
    throw new StudioError(
      `${path} cannot be read (${error instanceof Error ? error.message : String(error)}). Choose another folder with --dir, or delete this one.`,
      { cause: error },
    );
  }
}

/** Saves the world when it changed; a large one less often, so that saving stays a tenth of the time. */
function startSaver(world: World, objectives: Objectives, dir: string): { stop(): void } {
  let saved = world.changes;
  let savedSetup = objectives.setup.changes;
  let timer = setTimeout(tick, SAVE_MS);
  function save(): void {
    if (saved === world.changes) return;
    saved = world.changes;
    saveWorld(world, dir);
    if (savedSetup === objectives.setup.changes) return;
    savedSetup = objectives.setup.changes;
    writeWhole(join(dir, 'setup.json'), JSON.stringify(objectives.setup.save()));
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
