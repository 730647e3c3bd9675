// Path mapping: which rule applies to a path, what the Web Service answers of it, and that workers obey a job's own rules.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyRules, rulesOf, type PathRule } from '../../main/sandbox/farm/path-mapping.ts';
import { jobOf, openFarm, until } from './farm-subject.ts';

const rule = (change: Partial<PathRule>): PathRule => ({
  Path: 'P:\\show\\',
  WindowsPath: '\\\\filer\\show\\',
  LinuxPath: '/mnt/hs/show/',
  MacPath: '/Volumes/show/',
  CaseSensitive: false,
  RegularExpression: false,
  Region: '',
  ...change,
});

describe('a rule', () => {
  test.each<[string, Partial<PathRule>, string, string, string]>([
    ['turns a drive into a mount', {}, 'Linux', 'P:\\show\\a\\b.exr', '/mnt/hs/show/a/b.exr'],
    ['writes for Windows with backslashes', {}, 'Windows', 'p:/show/a/b', '\\\\filer\\show\\a\\b'],
    ['fits whatever the case', {}, 'Mac', 'p:\\SHOW\\A', '/Volumes/show/A'],
    ['minds the case where it is told to', { CaseSensitive: true }, 'Mac', 'p:\\SHOW', 'p:\\SHOW'],
    ['ends where a name ends', {}, 'Linux', 'P:\\showreel\\a', 'P:\\showreel\\a'],
    ['of another region does not apply', { Region: 'ap-south-1' }, 'Linux', 'P:\\show', 'P:\\show'],
    ['of this region does', { Region: 'us-west-2' }, 'Linux', 'P:\\show', '/mnt/hs/show'],
    ['without a path for the system does not', { LinuxPath: '' }, 'Linux', 'P:\\show', 'P:\\show'],
    ['does not let a path climb out', {}, 'Linux', 'P:\\show\\..\\x', 'P:\\show\\..\\x'],
    [
      'that is an expression is kept, not run',
      { RegularExpression: true },
      'Linux',
      'P:\\show',
      'P:\\show',
    ],
    ['for a system nobody has does nothing', {}, 'Amiga', 'P:\\show', 'P:\\show'],
  ])('%s', (...row) => {
    const [, change, os, path, mapped] = row;
    expect(applyRules([rule(change)], { os, region: 'us-west-2' }, path)).toBe(mapped);
  });

  test('the first that fits is the one', () => {
    const rules = [rule({ Path: 'P:\\show\\a', LinuxPath: '/first' }), rule({})];
    const at = { os: 'Linux', region: '' };
    expect(applyRules(rules, at, 'P:\\show\\a\\x')).toBe('/first/x');
    expect(applyRules(rules, at, 'P:\\show\\b\\x')).toBe('/mnt/hs/show/b/x');
  });

  test.each([[null], ['text'], [[null, 5, {}]]])('%o as rules of a job maps nothing', (list) => {
    expect(applyRules(rulesOf(list), { os: 'Linux', region: '' }, 'P:\\x')).toBe('P:\\x');
  });
});

test('a studio rule and the mount of the region are both in what the Web Service answers', async () => {
  await using farm = await openFarm({ pathRules: [rule({})] });
  const map = (OS: string, Region?: string): Promise<unknown> =>
    farm.json('/api/mappedpaths', {
      method: 'POST',
      body: JSON.stringify({ OS, ...(Region ? { Region } : {}), Paths: ['P:\\show\\a.exr'] }),
    });
  expect(await map('Linux', 'us-west-2')).toEqual([join(farm.root, 'show/a.exr')]);
  expect(await map('Linux')).toEqual(['/mnt/hs/show/a.exr']);
  expect(await map('Mac', 'us-west-2')).toEqual(['/Volumes/show/a.exr']);
});

test('workers obey the rules a client saved with its job', async () => {
  await using farm = await openFarm();
  const id = await farm.submit(
    { Frames: '1', InitialStatus: 'Suspended', OutputDirectory0: 'P:\\show\\out' },
    { Executable: '/usr/bin/touch', Arguments: '"P:\\show\\out\\frame"' },
  );
  const job = await jobOf(farm, id);
  const Job = { ...job, Props: { ...job.Props, PathMap: [rule({})] } };
  await farm.put('/api/jobs', { Command: 'save', Job });
  await farm.put('/api/jobs', { Command: 'resume', JobID: id });
  await until(
    () => jobOf(farm, id),
    (each) => each.Stat === 3,
  );
  expect(await readdir(join(farm.root, 'show/out'))).toEqual(['frame']);
});
