// The studio as a process: one per folder, honest counters, payload only where it is asked for, nothing left behind.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { control, siteFolder, startSandbox, type RunningSandbox } from '../harness/sandbox.ts';
import { until } from './farm-subject.ts';
import { isAlive } from './processes.ts';

const MAIN = join(import.meta.dirname, '../../main/sandbox/main.ts');
const BANDWIDTH = 200_000;
const INTERVAL_MS = 300;

interface Link {
  readonly from: string;
  readonly to: string;
  readonly payloadBytes: number;
  readonly payloadFiles: number;
  readonly metadataBytes: number;
  readonly metadataItems: number;
}

/** A studio with the few calls these tests make. */
interface Subject {
  readonly sandbox: RunningSandbox;
  /** Writes a command to a folder's gateway at a site and reads the answer back. */
  ask(site: string, folder: string, command: string): Promise<string>;
  write(site: string, path: string, text: string): Promise<unknown>;
  keepOn(site: string, path: string): Promise<void>;
  link(from: string, to: string): Promise<Link>;
  /** The file's content in a site's tree, or null where its payload is not. */
  read(site: string, path: string): Promise<string | null>;
}

function subjectOf(sandbox: RunningSandbox): Subject {
  const { studio } = sandbox;
  let asked = 0;

  async function ask(site: string, folder: string, command: string): Promise<string> {
    const gateway = studio.sites.find((each) => each.name === site)?.gateway.url;
    asked += 1;
    const url = `${gateway}${folder}/${encodeURIComponent(`.fs_command_gateway 0x${asked.toString(16)}`)}`;
    const written = await fetch(url, { method: 'PUT', body: command });
    if (written.status !== 204) return `status ${written.status}`;
    // Answers end their last line.
    return (await (await fetch(url)).text()).replace(/\n$/, '');
  }

  return {
    sandbox,
    ask,
    write: (site, path, text) => control(studio, '/write', { site, path, text }),
    async keepOn(site, path) {
      const at = path.lastIndexOf('/');
      const said = await ask(
        'london',
        path.slice(0, at),
        `./${path.slice(at + 1)}?.set #keep_on_sites=add_keep_on_site("${site}")`,
      );
      if (said !== '') throw new Error(said);
    },
    async link(from, to) {
      const { links } = (await control(studio, '/counters')) as { links: Link[] };
      const zero = { payloadBytes: 0, payloadFiles: 0, metadataBytes: 0, metadataItems: 0 };
      return links.find((each) => each.from === from && each.to === to) ?? { from, to, ...zero };
    },
    read: (site, path) =>
      readFile(join(siteFolder(studio, site), path.replace(studio.share.path, '')), 'utf8').catch(
        () => null,
      ),
  };
}

describe('payload', () => {
  let studio: Subject;
  beforeAll(async () => {
    studio = subjectOf(await startSandbox({ intervalMs: INTERVAL_MS, bandwidth: BANDWIDTH }));
  });
  afterAll(() => studio.sandbox.stop());

  test('stays where it was written until a site is to keep it; only metadata crosses', async () => {
    await studio.write('london', '/shots/a/still.txt', 'x'.repeat(50_000));
    const named = async (): Promise<string> =>
      studio.ask('oregon', '/shots/a', './still.txt?.eval SIZE');
    await until(named, (said) => said === '50 KBYTES');
    await sleep(INTERVAL_MS * 2);
    expect(await studio.ask('oregon', '/shots/a', './still.txt?.eval HAS_ONLINE_INSTANCE')).toBe(
      'FALSE',
    );
    expect(await studio.read('oregon', '/shots/a/still.txt')).toBeNull();
    const link = await studio.link('london', 'oregon');
    expect(link).toMatchObject({ payloadBytes: 0, payloadFiles: 0 });
    expect(link.metadataItems).toBeGreaterThan(0);
    expect(link.metadataBytes / link.metadataItems).toBeLessThan(1024);
  });

  test('moves once to the site that is to keep it, whole, at the speed of the link', async () => {
    const texts = ['first', 'second'].map((word) => word.repeat(30_000));
    for (const [at, text] of texts.entries())
      await studio.write('london', `/shots/b/${at}.txt`, text);
    const bytes = texts.join('').length;
    const startedAt = performance.now();
    for (const at of texts.keys()) await studio.keepOn('oregon', `/shots/b/${at}.txt`);
    await until(() => studio.read('oregon', '/shots/b/0.txt'), Boolean);
    await until(() => studio.read('oregon', '/shots/b/1.txt'), Boolean);
    const seconds = (performance.now() - startedAt) / 1000;
    // Two files side by side share the link; neither makes it wider.
    expect(seconds).toBeGreaterThan((0.9 * bytes) / BANDWIDTH);
    expect(await studio.read('oregon', '/shots/b/0.txt')).toBe(texts[0]);
    expect(await studio.read('oregon', '/shots/b/1.txt')).toBe(texts[1]);
    const link = await until(
      () => studio.link('london', 'oregon'),
      (each) => each.payloadFiles === 2,
    );
    expect(link.payloadBytes).toBe(bytes);
    expect(await studio.link('london', 'mumbai')).toMatchObject({ payloadBytes: 0 });
    expect(await studio.read('mumbai', '/shots/b/0.txt')).toBeNull();
    // Nothing is left in the staging bucket, nor beside the files.
    const staging = join(studio.sandbox.dir, 'staging/objects');
    await until(
      () => readdir(staging),
      (left) => left.length === 0,
    );
  });

  test('of no bytes arrives too', async () => {
    await studio.write('london', '/shots/b/empty', '');
    await studio.keepOn('mumbai', '/shots/b/empty');
    await until(
      () => studio.read('mumbai', '/shots/b/empty'),
      (text) => text === '',
    );
  });

  test('that is old is not readable any more, until the new version has arrived', async () => {
    await studio.write('london', '/shots/c.txt', 'version one');
    await studio.keepOn('oregon', '/shots/c.txt');
    await until(
      () => studio.read('oregon', '/shots/c.txt'),
      (text) => text === 'version one',
    );
    await control(studio.sandbox.studio, '/fault', { bandwidth: 20 });
    await studio.write('london', '/shots/c.txt', 'version number two');
    await until(
      () => studio.read('oregon', '/shots/c.txt'),
      (text) => text === null,
    );
    await control(studio.sandbox.studio, '/fault', { bandwidth: BANDWIDTH });
    await until(
      () => studio.read('oregon', '/shots/c.txt'),
      (text) => text === 'version number two',
    );
  });

  test("that a worker writes in a region's tree becomes a file of that site", async () => {
    const folder = join(siteFolder(studio.sandbox.studio, 'oregon'), 'd/out');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'f.0001.png'), 'a frame');
    const there = (site: string) => async (): Promise<string> =>
      studio.ask(site, '/shots/d/out', './f.0001.png?.eval DATA_ORIGIN_SITE');
    expect(await there('oregon')()).toBe("SITE('oregon')");
    await until(there('london'), (said) => said === "SITE('oregon')");
    expect(await studio.read('london', '/shots/d/out/f.0001.png')).toBeNull();
    await studio.keepOn('london', '/shots/d/out/f.0001.png');
    await until(
      () => studio.read('london', '/shots/d/out/f.0001.png'),
      (text) => text === 'a frame',
    );
  });

  test('follows its name when a third site learns of a twin', async () => {
    const { studio: document } = studio.sandbox;
    await control(document, '/fault', { cut: ['oregon', 'mumbai'] });
    await control(document, '/fault', { cut: ['london', 'oregon'] });
    await studio.write('mumbai', '/shots/e.txt', 'from mumbai');
    await studio.write('oregon', '/shots/e.txt', 'from oregon');
    await until(
      () => studio.ask('london', '/shots', './e.txt?.eval DATA_ORIGIN_SITE'),
      (said) => said === "SITE('mumbai')",
    );
    await studio.keepOn('london', '/shots/e.txt');
    await until(
      () => studio.read('london', '/shots/e.txt'),
      (text) => text === 'from mumbai',
    );
    await control(document, '/fault', { join: ['oregon', 'mumbai'] });
    await control(document, '/fault', { join: ['london', 'oregon'] });
    // Oregon has the lower id, so at London its item takes the plain name and Mumbai's is told apart.
    await until(
      () => studio.read('london', '/shots/e.txt[#S!=5]'),
      (text) => text === 'from mumbai',
    );
    expect(await studio.read('london', '/shots/e.txt')).toBeNull();
    expect(await studio.ask('london', '/shots', './e.txt?.eval DATA_ORIGIN_SITE')).toBe(
      "SITE('oregon')",
    );
  });

  test('a folder nobody made has no gateway', async () => {
    expect(await studio.ask('london', '/shots/nowhere', './?.eval NAME')).toBe('status 404');
  });
});

test('a studio that is stopped goes on where it was, and nothing moves a second time', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-studio-'));
  try {
    const first = subjectOf(await startSandbox({ dir, intervalMs: INTERVAL_MS }));
    await first.write('london', '/shots/a.txt', 'payload');
    await first.keepOn('oregon', '/shots/a.txt');
    await until(() => first.read('oregon', '/shots/a.txt'), Boolean);
    const version = (studio: Subject): Promise<string> =>
      studio.ask('oregon', '/shots', './a.txt?.eval {VERSION, DATA_ORIGIN_SITE}');
    const before = await version(first);
    await first.write('london', '/shots/lost.txt', 'was there');
    await first.sandbox.stop();
    expect(isAlive(first.sandbox.studio.pid)).toBe(false);
    await rm(join(siteFolder(first.sandbox.studio, 'london'), 'lost.txt'));

    const second = subjectOf(await startSandbox({ dir, intervalMs: INTERVAL_MS }));
    expect(second.sandbox.studio.s3.secretAccessKey).toBe(first.sandbox.studio.s3.secretAccessKey);
    await sleep(2_500);
    expect(await version(second)).toBe(before);
    expect(await second.ask('london', '/shots', './lost.txt?.eval HAS_ONLINE_INSTANCE')).toBe(
      'FALSE',
    );
    expect(await second.link('london', 'oregon')).toMatchObject({ payloadBytes: 7 });
    const saved = (): Promise<number> => stat(join(dir, 'world.jsonl')).then((at) => at.mtimeMs);
    const quiet = await saved();
    await sleep(2_500);
    expect(await saved(), 'the world is saved though nothing changed').toBe(quiet);
    await second.sandbox.stop();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

describe('a start that cannot be', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-start-'));
    await writeFile(join(dir, 'file'), '');
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test('names the process that has the folder, and a killed one has it no more', async () => {
    const mine = join(dir, 'mine');
    const first = await startSandbox({ dir: mine });
    const second = await run(['--dir', mine]);
    expect(second).toMatchObject({ code: 1 });
    expect(second.error).toMatch(
      new RegExp(`used by another sandbox \\(process ${first.studio.pid}\\)`),
    );
    process.kill(first.studio.pid, 'SIGKILL');
    await first.stop();
    await (await startSandbox({ dir: mine })).stop();
  });

  test('names the port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const { code, error } = await run(['--dir', join(dir, 'ports'), '--port-base', String(port)]);
    server.close();
    expect([code, error]).toEqual([
      1,
      `Port ${port} is taken. Choose another with --port-base, or leave it out for free ports.\n`,
    ]);
  });

  test.each([
    ['a file', 'file', /file is not a folder\. Choose another/],
    ['below a file', 'file/below', /file is not a folder\. Choose another/],
    ['a folder from a newer version', 'newer', /written by a newer version \(99/],
    ['a folder whose world is torn', 'torn', /world\.jsonl cannot be read .* Choose another/],
  ])('is told in one sentence: %s', async (_what, name, words) => {
    for (const [folder, text] of [
      ['newer', '{"version":99}\n'],
      ['torn', '{"version":2,"nodes":3,"links":[]}\n'],
    ] as const) {
      await mkdir(join(dir, folder), { recursive: true });
      await writeFile(join(dir, folder, 'world.jsonl'), text);
    }
    const { code, error } = await run(['--dir', join(dir, name)]);
    expect(code).toBe(1);
    expect(error).toMatch(words);
    expect(error.trim().split('\n')).toHaveLength(1);
  });
});

describe('an end', () => {
  test.each([
    ['a signal', (pid: number) => process.kill(pid, 'SIGTERM')],
    ['its standard input', null],
  ])('by %s leaves neither the sandbox nor a task', async (_what, end) => {
    const dir = await mkdtemp(join(tmpdir(), 'waybill-end-'));
    const child = spawn(process.execPath, [MAIN, '--dir', dir, '--json', '--until-stdin-closes'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const document = JSON.parse(line.toString()) as RunningSandbox['studio'];
    const [region] = document.regions;
    await fetch(`${document.farm.url}/api/jobs`, {
      method: 'POST',
      body: JSON.stringify({
        JobInfo: { Plugin: 'CommandLine', Frames: '1', Group: region?.groups[0] },
        PluginInfo: {
          Executable: '/bin/sh',
          Arguments: '-c "sleep 61 & echo $! > task.pid; wait"',
        },
        AuxFiles: [],
      }),
    });
    const pidPath = join(siteFolder(document, region?.site ?? ''), '..', 'task.pid');
    const pid = Number(await until(() => readFile(pidPath, 'utf8').catch(() => ''), Boolean));
    const ended = once(child, 'exit');
    if (end) end(document.pid);
    else child.stdin.end();
    expect((await ended)[0]).toBe(0);
    await expect.poll(() => isAlive(pid)).toBe(false);
    expect(existsSync(join(dir, 'studio.json'))).toBe(true);
    await rm(dir, { recursive: true, force: true });
  });
});

async function run(args: readonly string[]): Promise<{ code: number; error: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let error = '';
  child.stderr.on('data', (part: Buffer) => (error += part.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, error };
}
