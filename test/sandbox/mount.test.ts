// A site's mount as its users meet it: every file operation is a change of the namespace, and payload comes when it is read.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import {
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNoFuse } from '../harness/fuse.ts';
import { control, startSandbox, type RunningSandbox } from '../harness/sandbox.ts';
import { until } from './farm-subject.ts';

const INTERVAL_MS = 300;
const noFuse = whyNoFuse();

let asked = 0;
/** Open, write, close, open again, read: exactly what hstk does [C run_cmd]. */
async function ask(dir: string, command: string, id?: string): Promise<string> {
  asked += 1;
  const path = join(dir, `.fs_command_gateway ${id ?? `0x${asked.toString(16)}`}`);
  await writeFile(path, command);
  return readFile(path, 'utf8');
}

function mountOf(sandbox: RunningSandbox, site: string): string {
  const mount = sandbox.studio.sites.find((each) => each.name === site)?.mount;
  if (typeof mount !== 'string') throw new Error(`${site} is not mounted`);
  return mount;
}

const mounted = (dir: string): boolean => readFileSync('/proc/self/mounts', 'utf8').includes(dir);

describe.skipIf(noFuse !== null)(`a mount${noFuse === null ? '' : ` (${noFuse})`}`, () => {
  let sandbox: RunningSandbox;
  let london: string;
  let oregon: string;
  beforeAll(async () => {
    sandbox = await startSandbox({ intervalMs: INTERVAL_MS, mount: 'fuse' });
    london = mountOf(sandbox, 'london');
    oregon = mountOf(sandbox, 'oregon');
  });
  afterAll(() => sandbox.stop());

  test('takes a command in the gateway file and gives the answer on the second open only', async () => {
    const command = './?.eval IS_FILE';
    const path = join(london, '.fs_command_gateway 0xabc');
    const first = await open(path, 'w+');
    await first.write(command);
    const echo = Buffer.alloc(100);
    const { bytesRead } = await first.read(echo, 0, 100, 0);
    expect(echo.subarray(0, bytesRead).toString()).toBe(command);
    await first.close();
    expect(await readFile(path, 'utf8')).toBe('FALSE\n');
    expect(await readdir(london)).not.toContain('.fs_command_gateway 0xabc');
    await unlink(path);
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('answers any hex id, padded commands, and the plug-in that leaves the separator out', async () => {
    await mkdir(join(london, 'plug'));
    const details = './?.eval_json replication_details';
    const uuid = `0x${'f'.repeat(32)}`;
    expect(await ask(london, `${details}${'\0'.repeat(50)}`, uuid)).toContain('SEND_TIME');
    const path = `${join(london, 'plug')}.fs_command_gateway ${uuid}`;
    await writeFile(path, details);
    const table = JSON.parse(await readFile(path, 'utf8')) as {
      REPLICATION_DETAILS_TABLE: { SEND_TIME: { date: string } }[];
    };
    const times = table.REPLICATION_DETAILS_TABLE.map((row) => row.SEND_TIME.date);
    expect(times).toHaveLength(2);
    for (const time of times) expect(time).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
    const made = (await stat(join(london, 'plug'))).mtimeMs;
    await until(
      async () => JSON.parse(await ask(london, details)) as typeof table,
      (now) =>
        now.REPLICATION_DETAILS_TABLE.every(
          (row) => Date.parse(row.SEND_TIME.date.replace(' ', 'T')) > made,
        ),
    );
  });

  test('shows what users do at once, and to the other sites an interval later', async () => {
    const dir = join(london, 'work');
    await mkdir(dir);
    const file = join(dir, 'scene.ma');
    await writeFile(file, 'one');
    expect(await ask(dir, './scene.ma?.eval {SIZE,VERSION>1}')).toBe('{3 BYTES, TRUE}\n');
    await writeFile(file, ' and two', { flag: 'a' });
    expect(await readFile(file, 'utf8')).toBe('one and two');
    await utimes(file, 1_700_000_000, 1_700_000_000);
    expect((await stat(file)).mtimeMs).toBe(1_700_000_000_000);
    await until(
      () => stat(join(oregon, 'work/scene.ma')).catch(() => null),
      (found) => found?.size === 11,
    );
    // No payload here: the file takes no blocks.
    expect((await stat(join(oregon, 'work/scene.ma'))).blocks).toBe(0);
    await rename(file, join(dir, 'scene_v2.ma'));
    expect(await readdir(dir)).toEqual(['scene_v2.ma']);
    await until(
      () => readdir(join(oregon, 'work')),
      (names) => names.includes('scene_v2.ma'),
    );
    await expect(rmdir(dir)).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await unlink(join(dir, 'scene_v2.ma'));
    await rmdir(dir);
    await until(
      async () => existsSync(join(oregon, 'work')),
      (is) => !is,
    );
    await sleep(1_000);
    expect(existsSync(dir)).toBe(false);
  });

  test('a save that writes beside and renames over keeps one file, with the new bytes', async () => {
    const file = join(london, 'safe.txt');
    await writeFile(file, 'old');
    await writeFile(`${file}.tmp`, 'new bytes');
    await rename(`${file}.tmp`, file);
    expect(await readFile(file, 'utf8')).toBe('new bytes');
    await sleep(INTERVAL_MS * 2);
    expect((await readdir(oregon)).filter((name) => name.startsWith('safe'))).toEqual(['safe.txt']);
  });

  test('a renamed folder keeps its files and their payload at every site', async () => {
    await mkdir(join(london, 'before/deep'), { recursive: true });
    await writeFile(join(london, 'before/deep/x.txt'), 'payload');
    await until(async () => existsSync(join(oregon, 'before/deep/x.txt')), Boolean);
    await rename(join(london, 'before'), join(london, 'after'));
    expect(await readFile(join(london, 'after/deep/x.txt'), 'utf8')).toBe('payload');
    expect(await readFile(join(oregon, 'after/deep/x.txt'), 'utf8')).toBe('payload');
    await sleep(1_500);
    expect(existsSync(join(london, 'before'))).toBe(false);
  });

  test('reading a file whose payload is elsewhere waits until it has come, and only then', async () => {
    const bytes = Buffer.alloc(300_000, 'waybill ');
    await writeFile(join(london, 'far.bin'), bytes);
    await until(async () => existsSync(join(oregon, 'far.bin')), Boolean);
    expect(await ask(oregon, './far.bin?.eval HAS_ONLINE_INSTANCE')).toBe('FALSE\n');
    await control(sandbox.studio, '/fault', { cut: ['london', 'oregon'] });
    const reading = readFile(join(oregon, 'far.bin'));
    const late = Symbol('late');
    expect(await Promise.race([reading, sleep(700, late)])).toBe(late);
    expect(await ask(oregon, './?.sum (IS_FILE AND IS_OPEN)?1FILE')).toBe('1 FILE\n');
    await control(sandbox.studio, '/fault', { join: ['london', 'oregon'] });
    expect((await reading).equals(bytes)).toBe(true);
    expect(await ask(oregon, './far.bin?.eval HAS_ONLINE_INSTANCE')).toBe('TRUE\n');
  });

  test('a folder and a file made at two sites in one interval show the suffix in the other view', async () => {
    // Cut apart, so that the interval cannot end between the two.
    await control(sandbox.studio, '/fault', { cut: ['london', 'oregon'] });
    for (const root of [london, oregon]) {
      await mkdir(join(root, 'Movie'));
      await writeFile(join(root, 'Movie/0001.exr'), root === london ? 'london' : 'oregon');
      await writeFile(join(root, 'same.txt'), root);
    }
    await control(sandbox.studio, '/fault', { join: ['london', 'oregon'] });
    const seen = (root: string) => async () =>
      (await readdir(root)).filter((name) => /^(Movie|same)/.test(name)).toSorted();
    const wanted = (id: number) => ['Movie', `Movie[#S=${id}]`, 'same.txt', `same.txt[#S!=${id}]`];
    expect(await until(seen(london), (names) => names.length === 4)).toEqual(wanted(2));
    expect(await until(seen(oregon), (names) => names.length === 4)).toEqual(wanted(0));
    expect(await readFile(join(london, 'Movie/0001.exr'), 'utf8')).toBe('london');
    expect(await readFile(join(london, 'Movie[#S=2]/0001.exr'), 'utf8')).toBe('oregon');
    await unlink(join(london, 'same.txt[#S!=2]'));
    // Oregon's own is gone, so London's takes its plain name there.
    expect(await until(seen(oregon), (names) => names.length === 3)).toContain('same.txt');
    await until(
      () => readFile(join(oregon, 'same.txt'), 'utf8'),
      (text) => text === london,
    );
  });

  test('values set at one site are read at the other an interval later', async () => {
    await mkdir(join(london, 'meta'));
    await writeFile(join(london, 'meta/f'), '');
    for (const body of [
      '#tags=set_tag("region", EXPRESSION_FROM_TEXT("\'eu-west-2\'"))',
      '#keywords=add_keyword("SITE_LON")',
      '#assigned_labels=add_label("Mission Alpha")',
      '#objectives=add_objective("keep-online", EXPRESSION_FROM_TEXT("EXPRESSION(IS_LIVE)"))',
      '#keep_on_sites=add_keep_on_site("mumbai")',
      'color="blue"',
    ])
      expect(await ask(join(london, 'meta'), `./?.set ${body}`)).toBe('');
    const read = async (): Promise<string> =>
      ask(
        oregon,
        './meta?.eval {get_tag("region"),has_keyword("SITE_LON"),has_label("Project Apollo"),' +
          'list_objectives_local,list_keep_on_sites,attributes.color}',
      );
    expect(await until(read, (said) => said.includes('blue'))).toBe(
      `{"eu-west-2", TRUE, TRUE, SLOS_TABLE{|OBJECTIVE = SLO('keep-online'), |COUNT = EXPRESSION(IS_LIVE)}, ` +
        `KEEP_ON_SITES_TABLE{|SITE = SITE('mumbai')}, "blue"}\n`,
    );
  });

  test('rm-rf empties a folder and cp-a clones one by its inode', async () => {
    await mkdir(join(london, 'src/sub'), { recursive: true });
    await mkdir(join(london, 'dst'));
    await writeFile(join(london, 'src/sub/f.txt'), 'copied');
    const { ino } = await stat(join(london, 'dst'));
    expect(await ask(join(london, 'src'), `./?.cp-a ${ino}`)).toBe('');
    expect(await readFile(join(london, 'dst/src/sub/f.txt'), 'utf8')).toBe('copied');
    expect(await ask(join(london, 'src'), './?.rm-rf')).toBe('');
    expect(await readdir(join(london, 'src'))).toEqual([]);
  });

  test('virtual folders are there for those who know them, and in no listing', async () => {
    await mkdir(join(london, 'find'));
    await writeFile(join(london, 'find/big'), '0123456789');
    await writeFile(join(london, 'find/small'), '0');
    await ask(join(london, 'find'), './?.set selected=EXPRESSION(SIZE>5bytes)');
    expect(await readdir(join(london, 'find/.collections/selected'))).toEqual(['big']);
    const opened = await open(join(london, 'find/small'));
    expect(await readdir(join(london, 'find/.collections/open'))).toEqual(['small']);
    await opened.close();
    expect(await readdir(join(london, 'find/.snapshot/current'))).toEqual(['big', 'small']);
    expect(await readdir(join(london, 'find'))).toEqual(['big', 'small']);
    await expect(writeFile(join(london, 'find/.snapshot/x'), '')).rejects.toMatchObject({
      code: 'EROFS',
    });
  });

  test('ordinary tools work on it', () => {
    const script = [
      'mkdir tools && cd tools && head -c 3000000 /dev/urandom > a && cp -p a b && cmp a b',
      'mv b c && tar cf t.tar a c && mkdir x && tar xf t.tar -C x && cmp x/c a',
      'chmod +x a && test -x a && df . > /dev/null && rm -r x a c t.tar && cd .. && rmdir tools',
    ].join(' && ');
    execFileSync('/bin/sh', ['-ec', script], { cwd: london });
  });
});

describe.skipIf(noFuse !== null)(`the end${noFuse === null ? '' : ` (${noFuse})`}`, () => {
  test('of a killed sandbox unmounts all its sites', async () => {
    const sandbox = await startSandbox({ mount: 'fuse' });
    expect(mounted(sandbox.dir)).toBe(true);
    process.kill(sandbox.studio.pid, 'SIGKILL');
    await until(
      async () => mounted(sandbox.dir),
      (is) => !is,
    );
    await sandbox.stop();
  });

  test('of a sandbox that is told to stop leaves no mount and no folder of one', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'waybill-mount-'));
    const sandbox = await startSandbox({ mount: 'fuse', dir });
    const mount = mountOf(sandbox, 'london');
    await sandbox.stop();
    expect(mounted(dir)).toBe(false);
    expect(existsSync(mount)).toBe(false);
    await rm(dir, { recursive: true });
  });
});

test('a plain folder keeps the gateway file as it was written', async () => {
  await using sandbox = await startSandbox({ mount: 'plain' });
  const command = './?.eval IS_FILE';
  expect(await ask(mountOf(sandbox, 'london'), command)).toBe(command);
});

test('without a mount the document says so', async () => {
  await using sandbox = await startSandbox({ mount: 'none' });
  expect(sandbox.studio.sites.map((site) => site.mount)).toEqual([null, null, null]);
});

// The public client, unmodified: WAYBILL_HSTK names its folder; where it does not, there is nothing to run.
const hstk = process.env['WAYBILL_HSTK'];
if (hstk !== undefined && noFuse === null) {
  describe('the public hs command line', () => {
    test('sets, lists, gets and deletes, and reports in the shapes it expects', async () => {
      await using sandbox = await startSandbox({ intervalMs: INTERVAL_MS, mount: 'fuse' });
      const london = mountOf(sandbox, 'london');
      const oregon = mountOf(sandbox, 'oregon');
      const hs = (cwd: string, ...args: string[]): string => {
        const { stdout, stderr, status } = spawnSync(
          '/usr/bin/python3',
          [join(hstk, 'hs'), ...args],
          { cwd, encoding: 'utf8', env: { ...process.env, PYTHONPATH: hstk } },
        );
        if (status !== 0) throw new Error(`hs ${args.join(' ')}: ${stderr}`);
        return stdout;
      };
      await mkdir(join(london, 'd'));
      await writeFile(join(london, 'd/f'), 'x');
      expect(hs(london, 'tag', 'set', '-r', 'k', '-e', "'v'", 'd')).toBe('');
      expect(hs(london, 'tag', 'list', '--local', 'd/f')).toBe(
        'TAGS_TABLE{|NAME = "k", |VALUE = "v"}\n',
      );
      expect(hs(london, 'keep-on-site', 'add', 'oregon', 'd')).toBe('');
      expect(JSON.parse(hs(london, '--json', 'keep-on-site', 'available', 'd'))).toContain(
        'oregon',
      );
      await until(
        async () => hs(oregon, '--json', 'tag', 'get', 'k', '.').trim(),
        (said) => said === '"#EMPTY"',
      );
      await until(async () => existsSync(join(oregon, 'd/f')), Boolean);
      expect(JSON.parse(hs(oregon, '--json', 'tag', 'get', 'k', 'd/f'))).toBe('v');
      expect(hs(london, 'tag', 'delete', '--nonfiles', '--force', 'k', 'd')).toBe('');
      expect(hs(london, 'tag', 'get', 'k', 'd/f')).toBe('"v"\n');
      expect(JSON.parse(hs(london, '--json', 'usage', 'alignment', 'd'))).toHaveProperty(
        'SUMS_TABLE',
      );
      expect(hs(london, 'dump', 'volumes', 'd')).toBe('dsx-london-1::/hsvol0\n');
      expect(hs(london, 'rm', '-rf', 'd')).toBe('');
      expect(existsSync(join(london, 'd'))).toBe(false);
    });
  });
}
