// A world described in a file, its clock stepped and its faults switched on, over the sandbox's control door.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { defaultWorld, readWorldFile } from '../../main/sandbox/world-file.ts';
import { World } from '../../main/sandbox/world.ts';
import { control, startSandbox, type RunningSandbox } from '../harness/sandbox.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'waybill-world-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function worldFile(name: string, body: unknown): string {
  const path = join(root, name);
  writeFileSync(path, typeof body === 'string' ? body : JSON.stringify(body));
  return path;
}

const TWO = {
  clock: '2026-03-01T08:00:00Z',
  intervalMs: 5_000,
  bandwidth: 1_000_000,
  sites: [
    { name: 'lon', id: 0, home: true, place: 'London' },
    {
      name: 'pdx',
      id: 10,
      place: 'Portland',
      clockSkewMs: 90_000,
      volume: { bytes: 4_000, highPercent: 50 },
      region: { id: 'us-west-2', name: 'Portland', groups: ['cpu'] },
    },
  ],
  links: [{ between: ['lon', 'pdx'], latencyMs: 12_000 }],
};

describe('a world file', () => {
  test('of a few lines gets defaults for the rest', () => {
    const spec = readWorldFile(
      worldFile('small.json', { sites: [{ name: 'a', id: 3, home: true }] }),
    );
    expect(spec).toMatchObject({
      share: { name: 'shots', path: '/shots' },
      clock: 'machine',
      latencyMs: 0,
    });
    expect(spec.sites[0]?.volume.highPercent).toBe(75);
  });

  test('is not needed: the default has three sites whose ids are not dense, home with 0', () => {
    const { sites } = defaultWorld();
    expect(sites.map((site) => [site.id, site.home])).toEqual([
      [0, true],
      [2, false],
      [5, false],
    ]);
  });

  test.each([
    ['no JSON', '{', /cannot be read as a world/],
    ['no sites', { sites: [] }, /sites/],
    ['an unknown key', { ...TWO, speed: 1 }, /speed/i],
    ['a path in a name', { sites: [{ name: '../up', id: 0, home: true }] }, /sites\.0\.name/],
    [
      'two of one name',
      { sites: [TWO.sites[0], { ...TWO.sites[1], name: 'lon' }] },
      /two sites are called lon/,
    ],
    [
      'two of one id',
      { sites: [TWO.sites[0], { ...TWO.sites[1], id: 0 }] },
      /two sites are called 0/,
    ],
    ['no home', { sites: [TWO.sites[1]] }, /one site must be home/],
    [
      'a link to nowhere',
      { ...TWO, links: [{ between: ['lon', 'mars'] }] },
      /mars, which is not there/,
    ],
    ['a clock that is no date', { ...TWO, clock: 'noon' }, /clock/],
  ])('with %s is refused with the file and the field', (name, body, sentence) => {
    const path = worldFile(`${name.replaceAll(' ', '-')}.json`, body);
    expect(() => readWorldFile(path)).toThrow(sentence);
    expect(() => readWorldFile(path)).toThrow(path);
  });

  test('that is not there is named', () => {
    expect(() => readWorldFile(join(root, 'gone.json'))).toThrow(/gone\.json cannot be read/);
  });
});

describe('a stepped world', () => {
  let sandbox: RunningSandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ worldPath: worldFile('two.json', TWO) });
  });
  afterAll(() => sandbox.stop());
  afterEach(() => control(sandbox.studio, '/fault', { remove: null }));

  const step = (ms: number): Promise<unknown> => control(sandbox.studio, '/step', { ms });
  const write = (path: string, text: string, site = 'lon'): Promise<unknown> =>
    control(sandbox.studio, '/write', { site, path: `/shots/${path}`, text });

  async function ask(site: string, command: string): Promise<string> {
    const url = `${sandbox.studio.sites.find((one) => one.name === site)?.gateway.url}/shots/.fs_command_gateway%200x1`;
    const put = await fetch(url, { method: 'PUT', body: command });
    if (!put.ok) return `status ${put.status}`;
    return (await (await fetch(url)).text()).trimEnd();
  }

  test('shows metadata after the interval that follows the link, and never before it is stepped', async () => {
    await write('a.txt', 'a');
    expect(await ask('pdx', './a.txt?.eval SIZE')).toMatch(/error|not|no such/i);
    await step(10_000);
    expect(await ask('pdx', './a.txt?.eval SIZE')).toMatch(/error|not|no such/i);
    await step(10_000);
    expect(await ask('pdx', './a.txt?.eval SIZE')).toMatch(/1 BYTES/);
  });

  test('each site has a clock of its own', async () => {
    const world = (await control(sandbox.studio, '/world')) as {
      now: number;
      sites: { name: string; now: number }[];
    };
    const skew = world.sites.map((site) => [site.name, site.now - world.now]);
    expect(skew).toEqual([
      ['lon', 0],
      ['pdx', 90_000],
    ]);
    await control(sandbox.studio, '/fault', { skew: { site: 'pdx', ms: -5_000 } });
    const after = (await control(sandbox.studio, '/world')) as typeof world;
    expect(after.sites[1]?.now).toBe(after.now - 5_000);
  });

  test('payload that is wanted waits for room on the volume, and comes when there is room', async () => {
    await write('big.txt', 'x'.repeat(3_000));
    await ask('lon', './big.txt?.set #keep_on_sites=add_keep_on_site("pdx")');
    await step(60_000);
    expect(await ask('pdx', './big.txt?.eval HAS_ONLINE_INSTANCE')).toBe('FALSE');
    await control(sandbox.studio, '/fault', { volume: { site: 'pdx', bytes: 1e9 } });
    await expect
      .poll(
        async () => {
          await step(61_000);
          return ask('pdx', './big.txt?.eval HAS_ONLINE_INSTANCE');
        },
        { timeout: 10_000 },
      )
      .toBe('TRUE');
    const { links } = (await control(sandbox.studio, '/counters')) as {
      links: { to: string; payloadBytes: number }[];
    };
    expect(links.find((link) => link.to === 'pdx')?.payloadBytes).toBe(3_000);
  });

  test('a cut link carries nothing until it is joined', async () => {
    await control(sandbox.studio, '/fault', { cut: ['lon', 'pdx'] });
    await write('cut.txt', 'c');
    await step(3_600_000);
    expect(await ask('pdx', './cut.txt?.eval SIZE')).toMatch(/error|not|no such/i);
    await control(sandbox.studio, '/fault', { join: ['lon', 'pdx'] });
    await step(20_000);
    expect(await ask('pdx', './cut.txt?.eval SIZE')).toMatch(/1 BYTES/);
  });
});

describe('faults at a door', () => {
  let sandbox: RunningSandbox;
  beforeAll(async () => {
    sandbox = await startSandbox();
  });
  afterAll(() => sandbox.stop());
  afterEach(() => control(sandbox.studio, '/fault', { remove: null }));

  const jobs = (options: RequestInit = {}): Promise<Response> =>
    fetch(`${sandbox.studio.farm.url}/api/jobs`, options);
  const put = (fault: object): Promise<{ id: string }> =>
    control(sandbox.studio, '/fault', { door: fault }) as Promise<{ id: string }>;

  test('a held request is answered once it is let go', async () => {
    const { id } = await put({ door: 'farm', kind: 'hold', method: 'GET' });
    let isAnswered = false;
    const held = jobs().then((response) => {
      isAnswered = true;
      return response.status;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isAnswered).toBe(false);
    await control(sandbox.studio, '/fault', { remove: id });
    expect(await held).toBe(200);
  });

  test('a lost reply leaves what it did behind', async () => {
    await put({ door: 'farm', kind: 'drop-reply', method: 'POST', times: 1 });
    const body = JSON.stringify({
      JobInfo: {
        Plugin: 'CommandLine',
        Name: 'lost',
        Frames: '1',
        UserName: 'mika',
        InitialStatus: 'Suspended',
      },
      PluginInfo: { Executable: '/bin/true' },
      AuxFiles: [],
    });
    const headers = { 'content-type': 'application/json' };
    await expect(jobs({ method: 'POST', body, headers })).rejects.toThrow();
    const found = (await (await jobs()).json()) as { Props: { Name: string } }[];
    expect(found.map((job) => job.Props.Name)).toEqual(['lost']);
  });

  test('an error comes as often as asked for', async () => {
    await put({ door: 'farm', kind: 'fail', status: 503, times: 2 });
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await jobs()).status);
    expect(statuses).toEqual([503, 503, 200]);
  });

  test('a fault that is none is refused and changes nothing', async () => {
    await expect(put({ door: 'farm', kind: 'explode' })).rejects.toThrow(/400/);
    await expect(control(sandbox.studio, '/step', { ms: 5 })).rejects.toThrow(/machine clock/);
    await expect(
      control(sandbox.studio, '/fault', { skew: { site: 'mars', ms: 1 } }),
    ).rejects.toThrow(/no site mars/);
    expect((await jobs()).status).toBe(200);
  });

  test('an Anvil that restarts is back at its address', async () => {
    const site = sandbox.studio.sites[1];
    await control(sandbox.studio, '/fault', { restartAnvil: site?.name });
    const world = (await control(sandbox.studio, '/world')) as { sites: unknown[] };
    expect(world.sites).toHaveLength(3);
    const { request } = await import('node:https');
    const { readFileSync } = await import('node:fs');
    const status = await new Promise((resolve, reject) => {
      request(
        `${site?.anvil.url}/sites/local`,
        { ca: readFileSync(sandbox.studio.ca) },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
  });
});

test('a world keeps count of what each site holds', () => {
  const world = new World({
    sites: [{ name: 'lon', place: '', participantId: 0 }],
    share: { name: 'shots', path: '/shots' },
    intervalMs: 5_000,
    now: () => 0,
    newUuid: () => 'u',
    volume: () => ({ name: 'v', bytes: 100, highPercent: 75 }),
  });
  const node = world.writeFile('lon', 'a', { size: 50, modified: 0, owner: 'mika' });
  expect([world.usedBytes('lon'), world.hasRoom('lon', 25), world.hasRoom('lon', 26)]).toEqual([
    50,
    true,
    false,
  ]);
  world.writeFile('lon', 'a', { size: 10, modified: 0, owner: 'mika' });
  expect(world.usedBytes('lon')).toBe(10);
  world.remove('lon', node);
  expect(world.usedBytes('lon')).toBe(0);
});
