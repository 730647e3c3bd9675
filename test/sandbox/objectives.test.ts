// Objectives: the condition vocabulary, what each kind asks of a file, and what is in force where.

import { describe, expect, test } from 'vitest';
import { placementOf, plainObjective } from '../../main/sandbox/objective-catalogue.ts';
import {
  checkCondition,
  completionsFor,
  createObjectives,
  placeKey,
  type Objectives,
} from '../../main/sandbox/objectives.ts';
import type { AppliedObjective, ObjectiveRecord } from '../../main/sandbox/setup.ts';
import { World, type Node, type Snapshot } from '../../main/sandbox/world.ts';

const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 5, 10);

interface Subject {
  readonly world: World;
  readonly objectives: Objectives;
  readonly file: Node;
  readonly folder: Node;
  step(ms: number): void;
  tell(site: string, node: Node, change: Partial<Snapshot>): void;
  apply(site: string, node: Node, name: string, condition?: string): void;
  define(site: string, name: string, parts: Partial<ObjectiveRecord>): void;
}

/** London wrote shots/s010/scene.ma of 3 MB; every site has heard of it and only London holds it. */
function subject(): Subject {
  let now = START;
  let uuids = 0;
  const world = new World({
    sites: [
      { name: 'london', place: '', participantId: 0 },
      { name: 'oregon', place: '', participantId: 2 },
      { name: 'mumbai', place: '', participantId: 5 },
    ],
    share: { name: 'shots', path: '/shots' },
    intervalMs: 5_000,
    now: () => now,
    newUuid: () => `uuid-${(uuids += 1)}`,
  });
  const file = world.writeFile('london', 's010/scene.ma', {
    size: 3_000_000,
    modified: now,
    owner: 'kim',
  });
  world.replicate();
  const folder = world.find('london', 's010');
  if (!folder) throw new Error('no folder');
  const objectives = createObjectives(world);
  return {
    world,
    objectives,
    file,
    folder,
    step: (ms) => (now += ms),
    tell(site, node, change) {
      world.update(site, node, change);
      world.replicate();
    },
    apply(site, node, name, condition = 'TRUE') {
      const applied: AppliedObjective = { name, condition, removable: true, negated: false };
      const key = placeKey(node);
      objectives.setup.setApplied(site, key, [...objectives.setup.applied(site, key), applied]);
    },
    define(site, name, parts) {
      const base = plainObjective({
        uuid: name,
        internalId: 1,
        name,
        comment: '',
        extendedInfo: {},
        created: now,
        modified: now,
      });
      objectives.setup.change(site, {
        objectives: [...objectives.setup.of(site).objectives, { ...base, ...parts }],
      });
    },
  };
}

/** Whether an objective with this condition is in force for the file at Oregon. */
function isActive(given: Subject, condition: string, site = 'oregon'): boolean {
  const key = placeKey(given.world.root);
  given.objectives.setup.setApplied(site, key, [
    { name: 'keep-online', condition, removable: true, negated: false },
  ]);
  return given.objectives.active(site, given.file).length === 1;
}

describe('a condition', () => {
  const marked = (): Subject => {
    const given = subject();
    given.tell('london', given.folder, {
      keywords: ['SGHS_ORE'],
      tags: { dest_region: 'us-west-2', priority: '7', render: 'TRUE' },
      labels: ['hero'],
      keepOnSites: ['oregon'],
    });
    given.objectives.setup.change('oregon', {
      labels: [
        {
          uuid: 'l',
          internalId: 1,
          name: 'hero',
          comment: '',
          extendedInfo: {},
          created: 0,
          modified: 0,
          implies: ['asset'],
        },
      ],
    });
    given.step(8 * DAY_MS);
    return given;
  };

  test.each([
    ['IS_LIVE', true],
    ['TRUE', true],
    ['false', false],
    ['IS_FILE', true],
    ['NOT IS_FILE', false],
    ['!IS_DIRECTORY', true],
    ['HAS_KEYWORD("SGHS_ORE")', true],
    ["HAS_KEYWORD('SGHS_LON')", false],
    ['IS_LIVE && HAS_KEYWORD("SGHS_ORE")', true],
    ['HAS_KEYWORD_LOCAL("SGHS_ORE")', false],
    ['HAS_KEYWORD_INHERITED("SGHS_ORE")', true],
    ["HAS_TAG('dest_region')", true],
    ["HAS_TAG('nothing')", false],
    ['GET_TAG("dest_region")=="us-west-2"?TRUE', true],
    ['GET_TAG("dest_region")=="eu-west-2"?TRUE', false],
    ['GET_TAG("dest_region")!="eu-west-2"', true],
    ['GET_TAG("priority")>5', true],
    ['GET_TAG("priority")=="7"', true],
    ['GET_TAG("priority")<5', false],
    ['GET_TAG("render")', true],
    ['GET_TAG("absent")', false],
    ["HAS_LABEL(LABEL('hero'))", true],
    ["HAS_LABEL(LABEL('asset'))", true],
    ["HAS_LABEL(LABEL('other'))", false],
    ['HAS_KEEP_ON_THIS_SITE', true],
    ['IS_BEING_CREATED OR HAS_KEEP_ON_THIS_SITE', true],
    ["HAS_KEEP_ON_SITE('mumbai')", false],
    ['SIZE<2*MBYTES', false],
    ['SIZE > 2 * MBYTES AND SIZE <= 3MBYTES', true],
    ["FNMATCH('*.ma',NAME)", true],
    ["FNMATCH('*.MA',NAME)", false],
    ["FNMATCH('./s0*.ma',PATH)", true],
    ["FNMATCH('a*2*MBYTES',NAME)", false],
    ['MODIFY_AGE>7DAYS', true],
    ['MODIFY_AGE>9 DAYS', false],
    ['CREATE_AGE>=8DAYS AND LAST_USE_AGE>=8DAYS AND CHANGE_AGE>1HOUR', true],
    ['DATA_ORIGIN_LOCAL', false],
    ['DATA_ORIGIN_REMOTE AND NOT HAS_ONLINE_INSTANCE', true],
    ['IS_RECENTLY_USED', false],
    ['VERSION==1', true],
    ['(IS_FILE AND (FALSE OR TRUE))?ALWAYS', true],
    ['FALSE?TRUE:IS_LIVE', true],
    ['IF (IS_LIVE && HAS_KEYWORD("SGHS_ORE")) THEN {SLO(\'keep-online\')}', true],
    ["IF HAS_KEYWORD('SGHS_LON') THEN {SLO('keep-online')}", false],
    ['ATTRIBUTES.WORM_EXPIRE_DATE>NOW', false],
  ])('%s is %s', (condition, expected) => {
    expect(checkCondition(condition)).toEqual([]);
    expect(isActive(marked(), condition)).toBe(expected);
  });

  test.each([
    ['IS_LIVE AND', /too early/],
    ['HAS_KEYWORD("x"', /expected/],
    ['IS_LIVELY', /unknown name IS_LIVELY/],
    ['DELETE_ALL("x")', /unknown name DELETE_ALL/],
    ['SIZE < §', /syntax error/],
  ])('%s never holds, and its author is told', (condition, words) => {
    expect(isActive(marked(), condition)).toBe(false);
    expect(checkCondition(condition)[0]?.message).toMatch(words);
  });

  test('is told where it is wrong, and what may be written', () => {
    expect(checkCondition('IS_LIVE AND\nIS_LIVELY')).toEqual([
      { line: 2, column: 1, message: 'unknown name IS_LIVELY' },
    ]);
    expect(completionsFor('IS_LIVE AND HAS_KEEP')).toEqual([
      'HAS_KEEP_ON_SITE',
      'HAS_KEEP_ON_THIS_SITE',
    ]);
  });

  test('sees an attribute change how long a file counts as recently used', () => {
    const given = subject();
    given.step(600_000);
    expect(isActive(given, 'IS_RECENTLY_USED')).toBe(false);
    given.tell('london', given.folder, { attributes: { RECENTLY_USED_DURATION: '1 day' } });
    expect(isActive(given, 'IS_RECENTLY_USED')).toBe(true);
  });
});

describe('what an objective asks', () => {
  test('nothing is wanted elsewhere by the default objectives, and the origin stays aligned', () => {
    const { objectives, file } = subject();
    expect(objectives.isWanted('oregon', file)).toBe(false);
    expect(objectives.alignment('oregon', file)).toBe('ALIGNED');
    expect(objectives.alignment('london', file)).toBe('ALIGNED');
    expect(objectives.isUnwanted('london', file)).toBe(false);
  });

  test('keep-online wants a copy only at the site that has applied it', () => {
    const given = subject();
    given.apply('oregon', given.folder, 'keep-online');
    expect(given.objectives.isWanted('oregon', given.file)).toBe(true);
    expect(given.objectives.isWanted('mumbai', given.file)).toBe(false);
    expect(given.objectives.alignment('oregon', given.file)).toBe('MISALIGNED');
    given.world.hold('oregon', given.file, 1);
    expect(given.objectives.alignment('oregon', given.file)).toBe('ALIGNED');
    given.tell('london', given.file, { version: 2 });
    expect(given.objectives.alignment('oregon', given.file)).toBe('MISALIGNED');
  });

  test('an objective set through the gateway is in force at that site alone, until it is deleted', () => {
    const given = subject();
    given.tell('oregon', given.folder, {
      objectives: [{ name: 'keep-online', condition: 'TRUE' }],
    });
    expect(given.folder.seen.get('mumbai')?.objectives).toHaveLength(1);
    expect(given.objectives.isWanted('oregon', given.file)).toBe(true);
    expect(given.objectives.isWanted('mumbai', given.file)).toBe(false);
    given.tell('mumbai', given.folder, { keywords: ['K'] });
    expect(given.objectives.isWanted('mumbai', given.file)).toBe(false);
    given.tell('oregon', given.folder, { objectives: [] });
    expect(given.objectives.isWanted('oregon', given.file)).toBe(false);
  });

  test('an advanced objective expands into those its expression names', () => {
    const given = subject();
    given.define('oregon', 'region-oregon', {
      expression: 'IF IS_LIVE AND GET_TAG("dest_oregon") THEN {SLO(\'keep-online\')}',
    });
    given.apply('oregon', given.world.root, 'region-oregon');
    expect(given.objectives.isWanted('oregon', given.file)).toBe(false);
    given.tell('london', given.file, { tags: { dest_oregon: 'TRUE' } });
    expect(given.objectives.isWanted('oregon', given.file)).toBe(true);
  });

  test('an expression that names itself comes to an end', () => {
    const given = subject();
    given.define('oregon', 'loop', { expression: "IF TRUE THEN {SLO('loop'),SLO('keep-online')}" });
    given.apply('oregon', given.folder, 'loop');
    expect(given.objectives.isWanted('oregon', given.file)).toBe(true);
  });

  test.each([
    ['place-on', true, 'MISALIGNED'],
    ['confine-to', false, 'ALIGNED'],
    ['exclude-from', false, 'ALIGNED'],
  ] as const)('%s the local volume', (kind, wanted, alignment) => {
    const given = withLocalGroup();
    given.apply('oregon', given.folder, `${kind}-local-volumes`);
    expect(given.objectives.isWanted('oregon', given.file)).toBe(wanted);
    expect(given.objectives.alignment('oregon', given.file)).toBe(alignment);
  });

  test('exclude-from lets a copy go that another site keeps, and never the last one', () => {
    const given = withLocalGroup();
    given.world.hold('oregon', given.file, 1);
    given.apply('oregon', given.folder, 'exclude-from-local-volumes');
    // Recently used, so keep-online still holds beside it.
    expect(given.objectives.alignment('oregon', given.file)).toBe('PARTIALLY_ALIGNED');
    expect(given.objectives.isUnwanted('oregon', given.file)).toBe(true);
    given.world.cutLinks.add('london>oregon');
    expect(given.objectives.isUnwanted('oregon', given.file)).toBe(false);
    given.world.cutLinks.clear();
    given.world.drop('london', given.file);
    expect(given.objectives.isUnwanted('oregon', given.file)).toBe(false);
  });

  test('confine-to volumes elsewhere forbids a local copy', () => {
    const given = subject();
    given.world.hold('oregon', given.file, 1);
    given.apply('oregon', given.folder, 'confine-to-object-volumes');
    expect(given.objectives.isUnwanted('oregon', given.file)).toBe(true);
    given.apply('oregon', given.folder, 'keep-online');
    expect(given.objectives.isWanted('oregon', given.file)).toBe(false);
    expect(given.objectives.alignment('oregon', given.file)).toBe('PARTIALLY_ALIGNED');
  });

  test('do-not-move evaluates the others and moves nothing', () => {
    const given = subject();
    given.apply('oregon', given.folder, 'keep-online');
    given.apply('oregon', given.folder, 'do-not-move');
    expect(given.objectives.isWanted('oregon', given.file)).toBe(false);
    expect(given.objectives.alignment('oregon', given.file)).toBe('MISALIGNED');
  });

  test('a cached copy that nothing requires goes some minutes after its last use', () => {
    const given = subject();
    given.world.hold('oregon', given.file, 1);
    expect(given.objectives.isUnwanted('oregon', given.file)).toBe(false);
    given.step(301_000);
    expect(given.objectives.isUnwanted('oregon', given.file)).toBe(true);
    expect(given.objectives.isUnwanted('london', given.file)).toBe(false);
    given.tell('london', given.file, { keepOnSites: ['oregon'] });
    expect(given.objectives.isUnwanted('oregon', given.file)).toBe(false);
  });

  test('an inherited objective is masked by a negated copy below', () => {
    const given = subject();
    given.apply('oregon', given.world.root, 'keep-online', 'IS_LIVE');
    expect(given.objectives.isWanted('oregon', given.file)).toBe(true);
    given.objectives.setup.setApplied('oregon', placeKey(given.folder), [
      { name: 'keep-online', condition: 'IS_LIVE', removable: true, negated: true },
    ]);
    expect(given.objectives.isWanted('oregon', given.file)).toBe(false);
  });
});

test('100,000 files are judged again in a moment while nothing changes', () => {
  const given = subject();
  for (let at = 0; at < 100_000; at += 1)
    given.world.writeFile('london', `big/${at % 100}/${at}.exr`, {
      size: 1,
      modified: START,
      owner: 'kim',
    });
  given.world.replicate();
  const sweep = (): number => {
    const startedAt = performance.now();
    for (const node of given.world.nodes()) given.objectives.isWanted('oregon', node);
    return performance.now() - startedAt;
  };
  const first = sweep();
  const again = Math.min(sweep(), sweep(), sweep());
  console.log(`100,000 files judged in ${first.toFixed(0)} ms, again in ${again.toFixed(0)} ms`);
  expect(again).toBeLessThan(500);
});

function withLocalGroup(): Subject {
  const given = subject();
  const entity = { comment: '', extendedInfo: {}, created: 0, modified: 0, internalId: 1 };
  given.objectives.setup.change('oregon', {
    groups: [
      {
        ...entity,
        uuid: 'g',
        name: 'local-volumes',
        isBuiltIn: false,
        locations: [{ kind: 'node', name: given.objectives.nodeOf('oregon') }],
      },
    ],
  });
  for (const prefix of ['place-on', 'confine-to', 'exclude-from']) {
    const name = `${prefix}-local-volumes`;
    given.define('oregon', name, placementOf(name));
  }
  return given;
}
