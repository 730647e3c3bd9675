// The laws of the simulated namespace: who sees what when, whose item keeps its name, and whose write stays.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { World, type Node } from '../../main/sandbox/world.ts';

const SITES = [
  { name: 'london', place: '', participantId: 0 },
  { name: 'oregon', place: '', participantId: 10 },
  { name: 'mumbai', place: '', participantId: 3 },
];

function makeWorld(): World {
  let now = 1_000;
  return new World({
    sites: SITES,
    share: { name: 'shots', path: '/shots' },
    intervalMs: 5_000,
    now: () => (now += 1),
    newUuid: () => `u${now}`,
  });
}

function write(world: World, site: string, path: string, size = 1): Node {
  return world.writeFile(site, path, { size, modified: world.options.now(), owner: site });
}

function namesAt(world: World, site: string, folder: Node = world.root): string[] {
  return world.list(site, folder).map((entry) => entry.name);
}

describe('what a site sees', () => {
  test('is its own at once, and the others at the next interval', () => {
    const world = makeWorld();
    write(world, 'oregon', 'a.txt');
    expect([namesAt(world, 'oregon'), namesAt(world, 'london')]).toEqual([['a.txt'], []]);
    world.replicate();
    expect(namesAt(world, 'london')).toEqual(['a.txt']);
  });

  test('is metadata alone: payload stays where it was made', () => {
    const world = makeWorld();
    const node = write(world, 'oregon', 'a.txt', 500);
    world.replicate();
    expect([...node.instances.keys()]).toEqual(['oregon']);
    expect(node.seen.get('london')?.size).toBe(500);
    expect(world.counters().every((link) => link.payloadBytes === 0)).toBe(true);
  });

  test('never is a file in a folder it has not heard of', () => {
    const world = makeWorld();
    write(world, 'oregon', 'sh010/tex/wood.png');
    world.replicate();
    expect(world.find('london', 'sh010/tex/wood.png')).not.toBeNull();
  });

  test('stays as it was while the sites are cut apart', () => {
    const world = makeWorld();
    world.cutLinks.add('london>oregon');
    write(world, 'oregon', 'a.txt');
    world.replicate();
    expect([namesAt(world, 'london'), namesAt(world, 'mumbai')]).toEqual([[], ['a.txt']]);
    world.cutLinks.clear();
    world.replicate();
    expect(namesAt(world, 'london')).toEqual(['a.txt']);
  });
});

describe('one name made at two sites in one interval', () => {
  test('as files: each sees its own as the original and the other by its id', () => {
    const world = makeWorld();
    write(world, 'london', 'a.txt');
    write(world, 'oregon', 'a.txt');
    world.replicate();
    expect(namesAt(world, 'london')).toEqual(['a.txt', 'a.txt[#S!=10]']);
    expect(namesAt(world, 'oregon')).toEqual(['a.txt', 'a.txt[#S!=0]']);
    expect(namesAt(world, 'mumbai')).toEqual(['a.txt', 'a.txt[#S!=10]']);
  });

  test('as folders: at the topmost one only, and each keeps its own children', () => {
    const world = makeWorld();
    write(world, 'london', 'Movie/SEQA/1.exr');
    write(world, 'oregon', 'Movie/SEQA/2.exr');
    world.replicate();
    expect(namesAt(world, 'oregon')).toEqual(['Movie', 'Movie[#S=0]']);
    expect(world.find('oregon', 'Movie[#S=0]/SEQA/1.exr')).not.toBeNull();
    expect(world.find('oregon', 'Movie/SEQA/1.exr')).toBeNull();
    expect(world.find('london', 'Movie[#S=10]/SEQA/2.exr')).not.toBeNull();
  });

  test('as a file here and a folder there: both stay, each under its own spelling (our choice, assumed)', () => {
    const world = makeWorld();
    write(world, 'london', 'cache');
    write(world, 'oregon', 'cache/a.abc');
    world.replicate();
    expect(namesAt(world, 'london')).toEqual(['cache', 'cache[#S=10]']);
    expect(namesAt(world, 'oregon')).toEqual(['cache', 'cache[#S!=0]']);
  });

  test('is no collision when the second site had heard of the first', () => {
    const world = makeWorld();
    write(world, 'london', 'a.txt', 1);
    world.replicate();
    write(world, 'oregon', 'a.txt', 2);
    world.replicate();
    for (const site of SITES) {
      expect(namesAt(world, site.name)).toEqual(['a.txt']);
      expect(world.find(site.name, 'a.txt')?.seen.get(site.name)?.size).toBe(2);
    }
  });
});

describe('one file written at two sites in one interval', () => {
  test('belongs to the last writer everywhere, and only its payload is current', () => {
    const world = makeWorld();
    const node = write(world, 'london', 'a.txt', 1);
    world.replicate();
    write(world, 'oregon', 'a.txt', 2);
    write(world, 'mumbai', 'a.txt', 3);
    world.replicate();
    for (const site of SITES) {
      expect(node.seen.get(site.name)).toMatchObject({ size: 3, origin: 'mumbai' });
    }
    const current = [...node.instances].filter(([, version]) => version === node.head.version);
    expect(current.map(([site]) => site)).toContain('mumbai');
  });
});

test('whatever is made where, every site sees every item exactly once and finds it by the name it shows', () => {
  const act = fc.record({
    site: fc.constantFrom('london', 'oregon', 'mumbai'),
    name: fc.constantFrom('a', 'b', 'd/a', 'd/b', 'd/e/a'),
    replicate: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 25 }), (acts) => {
      const world = makeWorld();
      for (const { site, name, replicate } of acts) {
        write(world, site, name);
        if (replicate) world.replicate();
      }
      world.replicate();
      const made = [...world.nodes()].filter((node) => node !== world.root);
      for (const { name: site } of SITES) {
        const shown = made.map((node) => world.pathAt(site, node));
        expect(new Set(shown).size).toBe(made.length);
        for (const node of made) expect(world.find(site, world.pathAt(site, node))).toBe(node);
      }
    }),
    { numRuns: 400 },
  );
});
