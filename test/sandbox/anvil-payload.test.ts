// Objectives that move payload: set over REST at a site, met by a mark at home, counted on the links.

import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { control, siteFolder, startSandbox, type RunningSandbox } from '../harness/sandbox.ts';
import { httpsClient, type HttpsClient } from './anvil-subject.ts';
import { until } from './farm-subject.ts';

interface Link {
  readonly from: string;
  readonly to: string;
  readonly payloadBytes: number;
  readonly payloadFiles: number;
}

interface FileView {
  readonly alignment: string;
  readonly volumes: readonly unknown[];
  readonly compliance: readonly { readonly dimension: string; readonly compliance: number }[];
  readonly replicationDetails: { readonly cachedCopy: boolean; readonly accessDependency: string };
}

const INTERVAL_MS = 300;
let sandbox: RunningSandbox;
const clients = new Map<string, HttpsClient>();
let asked = 0;

beforeAll(async () => {
  sandbox = await startSandbox({ intervalMs: INTERVAL_MS, bandwidth: 20_000_000 });
  const ca = await readFile(sandbox.studio.ca, 'utf8');
  for (const { name, anvil } of sandbox.studio.sites) {
    const basic = Buffer.from(`${anvil.username}:${anvil.password}`).toString('base64');
    clients.set(name, httpsClient(anvil.url, ca, `Basic ${basic}`));
  }
});
afterAll(async () => {
  for (const client of clients.values()) client.close();
  await sandbox.stop();
});

function anvil(site: string): HttpsClient {
  const client = clients.get(site);
  if (!client) throw new Error(`no site ${site}`);
  return client;
}

async function ask(site: string, folder: string, command: string): Promise<string> {
  const gateway = sandbox.studio.sites.find(({ name }) => name === site)?.gateway.url;
  asked += 1;
  const url = `${gateway}${folder}/${encodeURIComponent(`.fs_command_gateway 0x${asked.toString(16)}`)}`;
  await fetch(url, { method: 'PUT', body: command });
  return (await (await fetch(url)).text()).trimEnd();
}

const write = (path: string, text: string): Promise<unknown> =>
  control(sandbox.studio, '/write', { site: 'london', path, text });

async function moved(from: string, to: string): Promise<{ bytes: number; files: number }> {
  const { links } = (await control(sandbox.studio, '/counters')) as { links: Link[] };
  const link = links.find((each) => each.from === from && each.to === to);
  return { bytes: link?.payloadBytes ?? 0, files: link?.payloadFiles ?? 0 };
}

const view = (site: string, path: string): Promise<FileView> =>
  anvil(site).json<FileView>(
    `/files?${new URLSearchParams({ path, includeReplicationDetails: 'true' }).toString()}`,
  );

const apply = (site: string, verb: string, query: Record<string, string>): Promise<unknown> =>
  anvil(site).json(`/shares/shots/objective-${verb}?${new URLSearchParams(query).toString()}`, {
    method: 'POST',
  });

/** Files of a site's tree, below the share. */
async function treeOf(site: string): Promise<string[]> {
  const folder = siteFolder(sandbox.studio, site);
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true })) {
    if ((await stat(join(folder, entry))).isFile()) found.push(entry);
  }
  return found.toSorted();
}

/** The alignment a site's gateway and its Anvil tell of a file; they must be one. */
async function alignment(site: string, folder: string, name: string): Promise<string> {
  const inBand = await ask(site, folder, `./${name}?.eval OVERALL_ALIGNMENT`);
  const { alignment: told } = await view(site, `${folder}/${name}`);
  return inBand === `ALIGNMENT('${told}')` ? told : `${inBand} but ${told}`;
}

test('a keyword put on a folder at home pulls exactly its files to the site whose objective asks for it', async () => {
  const tagged = { 'scene.ma': 'm'.repeat(180_000), 'tex/wood.tx': 'w'.repeat(70_000) };
  const others = { 's020/scene.ma': 'n'.repeat(90_000), 'readme.txt': 'r' };
  for (const [path, text] of Object.entries(tagged)) await write(`/shots/s010/${path}`, text);
  for (const [path, text] of Object.entries(others)) await write(`/shots/${path}`, text);
  await apply('oregon', 'set', {
    path: '/',
    'objective-identifier': 'keep-online',
    applicability: 'IS_LIVE AND HAS_KEYWORD("SGHS_ORE")',
  });
  await until(
    () => ask('oregon', '/shots/s010', './scene.ma?.eval SIZE'),
    (said) => said !== '' && !said.startsWith('ERROR'),
  );
  await sleep(INTERVAL_MS * 3);
  expect(await moved('london', 'oregon')).toEqual({ bytes: 0, files: 0 });
  expect(await alignment('oregon', '/shots/s010', 'scene.ma')).toBe('ALIGNED');

  expect(await ask('london', '/shots/s010', './?.set #keywords=add_keyword("SGHS_ORE")')).toBe('');
  const bytes = Object.values(tagged).join('').length;
  await until(
    () => treeOf('oregon'),
    (files) => files.length === 2,
  );
  await sleep(INTERVAL_MS * 3);
  const crossed = await until(
    () => moved('london', 'oregon'),
    ({ files }) => files >= 2,
  );
  console.log(`bytes tagged ${bytes}, bytes moved ${crossed.bytes}, files ${crossed.files}`);
  expect(crossed).toEqual({ bytes, files: 2 });
  expect(await moved('london', 'mumbai')).toEqual({ bytes: 0, files: 0 });
  expect(await treeOf('oregon')).toEqual(['s010/scene.ma', 's010/tex/wood.tx']);
  expect(await treeOf('mumbai')).toEqual([]);
  const staging = join(sandbox.dir, 'staging/objects');
  expect(await readdir(staging)).toEqual([]);

  expect(await view('oregon', '/shots/s010/scene.ma')).toMatchObject({
    alignment: 'ALIGNED',
    compliance: expect.arrayContaining([
      { dimension: 'DIMENSION_ONLINE_DELAY', compliance: 100 },
    ]) as unknown,
    replicationDetails: { cachedCopy: true, accessDependency: 'LOCAL' },
  });
  const report = await anvil('oregon').json<{ numOfFiles: number; size: number }>(
    '/reports/mobility/summary?share=shots&to=oregon',
  );
  expect(report).toEqual({ numOfFiles: 2, size: bytes });
});

describe('alignment, the same at the gateway and at the Anvil,', () => {
  test('goes from MISALIGNED to ALIGNED as the payload comes', async () => {
    await write('/shots/a/slow.txt', 's'.repeat(60_000));
    await apply('mumbai', 'set', {
      path: '/',
      'objective-identifier': 'keep-online',
      applicability: "FNMATCH('slow.*',NAME)",
    });
    await control(sandbox.studio, '/fault', { bandwidth: 15_000 });
    await until(
      () => ask('mumbai', '/shots/a', './slow.txt?.eval OVERALL_ALIGNMENT'),
      (said) => said === "ALIGNMENT('MISALIGNED')",
    );
    expect(await alignment('mumbai', '/shots/a', 'slow.txt')).toBe('MISALIGNED');
    await control(sandbox.studio, '/fault', { bandwidth: 20_000_000 });
    await until(
      () => alignment('mumbai', '/shots/a', 'slow.txt'),
      (said) => said === 'ALIGNED',
    );
  });

  test('is MISALIGNED and stays so under do-not-move, and nothing moves', async () => {
    await write('/shots/b/frozen.txt', 'f'.repeat(1_000));
    const before = await moved('london', 'mumbai');
    await until(
      () => ask('mumbai', '/shots/b', './frozen.txt?.eval NAME'),
      (said) => said === '"frozen.txt"',
    );
    await apply('mumbai', 'set', { path: '/b', 'objective-identifier': 'do-not-move' });
    await apply('mumbai', 'set', { path: '/b', 'objective-identifier': 'keep-online' });
    expect(await alignment('mumbai', '/shots/b', 'frozen.txt')).toBe('MISALIGNED');
    await sleep(1_000);
    expect(await moved('london', 'mumbai')).toEqual(before);
    await apply('mumbai', 'unset', { path: '/b', 'objective-identifier': 'do-not-move' });
    await until(
      () => alignment('mumbai', '/shots/b', 'frozen.txt'),
      (said) => said === 'ALIGNED',
    );
  });

  test('follows place-on and exclude-from of a volume group made over REST', async () => {
    await anvil('oregon').json('/volume-groups', {
      method: 'POST',
      body: {
        name: 'local-volumes',
        _type: 'VOLUME_GROUP',
        expressions: [
          {
            operator: 'IN',
            locations: [{ _type: 'NODE_LOCATION', node: { _type: 'NODE', name: 'dsx-oregon-1' } }],
          },
        ],
      },
    });
    await write('/shots/c/placed.txt', 'p'.repeat(2_000));
    await until(
      () => ask('oregon', '/shots/c', './placed.txt?.eval NAME'),
      (said) => said === '"placed.txt"',
    );
    const place = { path: '/c', 'objective-identifier': 'place-on-local-volumes' };
    await apply('oregon', 'set', place);
    await until(
      () => treeOf('oregon'),
      (files) => files.includes('c/placed.txt'),
    );
    await apply('oregon', 'unset', place);
    await apply('oregon', 'set', {
      path: '/c',
      'objective-identifier': 'exclude-from-local-volumes',
    });
    await until(
      () => treeOf('oregon'),
      (files) => !files.includes('c/placed.txt'),
    );
    expect(await alignment('oregon', '/shots/c', 'placed.txt')).toBe('ALIGNED');
    expect(await treeOf('london')).toContain('c/placed.txt');
  });
});

test('what administrators have set up is there again after a restart', async () => {
  const dir = join(sandbox.dir, 'second');
  const open = async (): Promise<{ running: RunningSandbox; client: HttpsClient }> => {
    const running = await startSandbox({ dir, intervalMs: INTERVAL_MS });
    const [site] = running.studio.sites;
    if (!site) throw new Error('no site');
    const basic = Buffer.from(`${site.anvil.username}:${site.anvil.password}`).toString('base64');
    const ca = await readFile(running.studio.ca, 'utf8');
    return { running, client: httpsClient(site.anvil.url, ca, `Basic ${basic}`) };
  };
  const first = await open();
  await first.client.json('/labels', { method: 'POST', body: { name: 'hero' } });
  const before = await first.client.json('/shares/shots');
  first.client.close();
  await first.running.stop();
  const second = await open();
  try {
    expect(await second.client.json('/labels/hero')).toMatchObject({ name: 'hero' });
    expect(await second.client.json('/shares/shots')).toMatchObject({
      uoid: (before as { uoid: unknown }).uoid,
    });
  } finally {
    second.client.close();
    await second.running.stop();
  }
});
