// The command line as a wrangler uses it: against a running agent, and with everything that can be wrong.

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSandbox, superviseAgent } from '../../main/supervise.ts';

const CLI = join(import.meta.dirname, '../../main/cli.ts');
const SAMPLE = join(import.meta.dirname, '../../resources/sample');

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly complaints: string;
}

function waybill(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  let out = '';
  let complaints = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (complaints += part.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out, complaints });
    });
  });
}

/** One sentence, no stack, and a code that is not 0. */
function expectSentence(outcome: Outcome, sentence: RegExp): void {
  expect(outcome.complaints).toMatch(sentence);
  expect(outcome.complaints).not.toMatch(/\n\s+at |node:internal|\.ts:\d+/);
  expect(outcome.complaints.trim().split('\n')).toHaveLength(1);
  expect(outcome.code).not.toBe(0);
}

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('with an agent', () => {
  const stack = new AsyncDisposableStack();
  let stateDir: string;
  let project: string;
  let studioFile: string;
  const here = (...args: string[]): Promise<Outcome> => waybill(...args, '--state', stateDir);

  beforeAll(async () => {
    stateDir = join(root, 'state');
    project = join(root, 'show');
    await cp(SAMPLE, project, { recursive: true });
    const sandbox = stack.use(
      await startSandbox({ dir: join(root, 'studio'), intervalMs: 500, useBlender: false }),
    );
    studioFile = sandbox.documentPath;
    stack.use(await superviseAgent({ args: ['--sandbox', studioFile, '--state', stateDir] }));
  });
  afterAll(() => stack.disposeAsync());

  test('a project is added, a scene submitted and waited for, and everything about it can be asked', async () => {
    const scene = join(project, 'shots/sh010/sh010_lighting.blend');
    const added = await here('watch', 'add', project, '--name', 'Show', '--json');
    expect(JSON.parse(added.out)).toMatchObject({ name: 'Show', namespacePath: '/shots/show' });
    const sent = await here(
      'submit',
      scene,
      '--region',
      'Oregon',
      '--frames',
      '1-2',
      '--wait',
      '--json',
    );
    expect(JSON.parse(sent.out)).toMatchObject({
      step: 'done',
      framesTotal: 2,
      framesHome: 2,
      regionId: 'us-west-2',
    });
    expect((await here('watch', 'list')).out).toMatch(/Show/);
    expect((await here('waybills')).out).toMatch(
      /sh010_lighting\.blend\s+us-west-2\s+done\s+2 of 2/,
    );
    expect((await here('jobs')).out).toMatch(/sh010_lighting\s+completed/);
    expect(
      (await here('log', '--json')).out
        .split('\n')
        .filter((line) => line.includes('"frames-home"')),
    ).toHaveLength(1);
    expect((await here('ledger')).out).toMatch(/submit\s+done/);
    expect((await here('status')).out).toMatch(/Sandbox studio/);
    expect((await here('collisions')).out).toBe('No collision.\n');
  });

  test('a scene with a missing texture is refused by its name', async () => {
    const broken = join(root, 'show-broken');
    await cp(SAMPLE, broken, { recursive: true });
    rmSync(join(broken, 'assets/set/textures/planks_color.png'));
    await here('watch', 'add', broken);
    const scene = join(broken, 'shots/sh010/sh010_lighting.blend');
    expectSentence(
      await here('submit', scene, '--region', 'Oregon'),
      /planks_color\.png.*not found/,
    );
  });

  test('an unknown region and a scene of no project are refused', async () => {
    const scene = join(project, 'shots/sh010/sh010_lighting.blend');
    expectSentence(await here('submit', scene, '--region', 'mars'), /no region "mars".*us-west-2/);
    const stray = join(root, 'stray.blend');
    writeFileSync(stray, readFileSync(scene));
    expectSentence(await here('tag', stray, '--region', 'Oregon'), /in no project/);
  });

  test('a second agent of one state folder is told so', async () => {
    expectSentence(
      await waybill('agent', '--sandbox', studioFile, '--state', stateDir),
      /already runs for this state folder/,
    );
  });

  test('pause, resume and open answer', async () => {
    expect((await here('pause', '--minutes', '5')).out).toMatch(/^Paused/);
    expect((await here('status')).out).toMatch(/paused/);
    expect((await here('resume')).code).toBe(0);
    expectSentence(await here('open'), /serves no browser/);
  });
});

describe('what can be wrong', () => {
  test('no agent, an unknown command and a missing option', async () => {
    expectSentence(
      await waybill('status', '--state', join(root, 'none')),
      /No Waybill agent answers/,
    );
    expectSentence(await waybill('teleport'), /unknown command 'teleport'/);
    expectSentence(await waybill('submit', 'x.blend'), /--region/);
  });

  test('a scene that is not there, is cut off, or is none: exit code 2 and one sentence', async () => {
    const whole = readFileSync(join(SAMPLE, 'shots/sh010/sh010_lighting.blend'));
    writeFileSync(join(root, 'cut.blend'), whole.subarray(0, Math.floor(whole.length / 2)));
    writeFileSync(join(root, 'text.blend'), 'BLENDERISH but not a scene');
    mkdirSync(join(root, 'folder.blend'));
    for (const name of ['nowhere.blend', 'cut.blend', 'text.blend', 'folder.blend']) {
      const outcome = await waybill('closure', join(root, name));
      expectSentence(outcome, new RegExp(name.replace('.', '\\.')));
      expect(outcome.code).toBe(2);
    }
  });

  test('a closure prints what a scene needs, with absolute paths, without an agent', async () => {
    const outcome = await waybill(
      'closure',
      join(SAMPLE, 'shots/sh010/sh010_lighting.blend'),
      '--json',
    );
    const closure = JSON.parse(outcome.out) as {
      files: { path: string; kind: string; exists: boolean }[];
      missing: unknown[];
    };
    expect(closure).toMatchObject({
      format: 'blend',
      missing: [],
      frames: { first: 1, last: 6, step: 1 },
    });
    expect(closure.files.every((file) => file.path.startsWith(SAMPLE) && file.exists)).toBe(true);
    expect(new Set(closure.files.map((file) => file.kind))).toEqual(
      new Set(['scene', 'library', 'image', 'udim', 'sequence', 'sound', 'cache']),
    );
  });

  test('a state folder that cannot be made or is from a newer version', async () => {
    const studio = join(root, 'studio.json');
    writeFileSync(studio, JSON.stringify(STUDIO));
    writeFileSync(join(root, 'file'), '');
    expectSentence(
      await waybill('agent', '--studio', studio, '--state', join(root, 'file', 'state')),
      /cannot be made.*--state/,
    );
    const newer = join(root, 'newer');
    mkdirSync(newer, { mode: 0o700 });
    const db = new DatabaseSync(join(newer, 'ledger.sqlite'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    expectSentence(
      await waybill('agent', '--studio', studio, '--state', newer),
      /newer Waybill.*Update Waybill/,
    );
  });

  test('a studio file that is not there, no JSON, or lacks a field', async () => {
    const at = (name: string): string => join(root, name);
    writeFileSync(at('no.json'), '{');
    writeFileSync(at('poor.json'), JSON.stringify({ ...STUDIO, regions: [] }));
    expectSentence(
      await waybill('agent', '--studio', at('gone.json')),
      /gone\.json cannot be read/,
    );
    expectSentence(
      await waybill('agent', '--studio', at('no.json')),
      /no\.json is no studio description/,
    );
    expectSentence(
      await waybill('agent', '--studio', at('poor.json')),
      /poor\.json is no studio description: regions/,
    );
    expectSentence(await waybill('agent'), /Name a studio with --studio/);
    expectSentence(await waybill('agent', '--nonsense'), /nonsense.*--help/);
  });

  test('a port of the sandbox that is taken, and a folder that cannot be written', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expectSentence(
      await waybill('sandbox', '--dir', join(root, 'taken'), '--port-base', String(port)),
      new RegExp(`Port ${port} is taken`),
    );
    await new Promise((resolve) => server.close(resolve));
    writeFileSync(join(root, 'blocked'), '');
    chmodSync(join(root, 'blocked'), 0o400);
    expectSentence(await waybill('sandbox', '--dir', join(root, 'blocked', 'x')), /blocked.*--dir/);
  });
});

const STUDIO = {
  waybill: 1,
  name: 'A studio',
  home: 'london',
  share: { name: 'shots', path: '/shots' },
  farmRoot: '/mnt/hs',
  sites: [{ name: 'london' }],
  s3: { endpoint: 'http://127.0.0.1:9', region: 'x', bucket: 'shots', accessKeyId: 'k' },
  farm: { url: 'http://127.0.0.1:9' },
  regions: [{ id: 'us-west-2', name: 'Oregon', site: 'oregon', groups: ['cpu'] }],
};
