// The gateway's language and answers, over the wire: one table of questions, each with the text a site gives.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { control, startSandbox, type RunningSandbox } from '../harness/sandbox.ts';

let sandbox: RunningSandbox;
let asked = 0;

async function ask(folder: string, command: string): Promise<string> {
  const url = sandbox.studio.sites.find((site) => site.home)?.gateway.url ?? '';
  asked += 1;
  const path = `${folder}/${encodeURIComponent(`.fs_command_gateway 0x${asked.toString(16)}`)}`;
  await fetch(url + path, { method: 'PUT', body: command });
  return (await fetch(url + path)).text();
}

beforeAll(async () => {
  sandbox = await startSandbox({ mount: 'none' });
  for (const [path, size] of [
    ['a.ma', 10],
    ['sub/b.exr', 2_000],
    ['sub/c.hip', 30],
  ] as const)
    await control(sandbox.studio, '/write', {
      site: 'london',
      path: `/shots/q/${path}`,
      text: 'x'.repeat(size),
    });
});
afterAll(() => sandbox.stop());

const VOLUME = "STORAGE_VOLUME('dsx-london-1::/hsvol0')";

describe('a question', () => {
  test.each([
    ['eval 1+2*3', '7'],
    ['eval 2*MBYTES', '2 MBYTES'],
    ['eval SIZE>1KB', 'FALSE'],
    ['eval "a"&"b"', '"ab"'],
    ['eval 7DAYS', '(7 DAYS)'],
    ['eval 5minutes', '00:05:00'],
    ['eval type', "ITEM_TYPE('DIRECTORY')"],
    ['eval errors!=0', 'FALSE'],
    ['eval EXPRESSION(NOW)', 'EXPRESSION(NOW)'],
    [`eval SUM({||#A=FNMATCH(({"*.ma";"*.hip"})[ROW],"x.hip")}[2])==1`, 'TRUE'],
    [`eval FNMATCH('*[[]#S*', 'f[#S!=2]')`, 'TRUE'],
    ['eval get_tag("none")', '#EMPTY'],
    ['eval_json get_tag("none")', '"#EMPTY"'],
    ['eval list_tags', 'TAGS_TABLE{}'],
    ['eval_rec IF SIZE>20 THEN DPATH', '"./sub/b.exr"\n"./sub/c.hip"'],
    ['eval_rec_nofiles DPATH', '"./"\n"./sub"'],
    ['sum_json IS_FILE?{1FILE,SPACE_USED}', '[[3,2040]]'],
    ['sum_json SIZE>1*GBYTES?{1FILE}', '"#EMPTY"'],
    ['sum_nofiles 1', '1'],
    [
      'sum IS_FILE?ROWS(INSTANCES)?SUMS_TABLE{|::KEY=INSTANCES[ROW].VOLUME,|::VALUE=1}[ROWS(INSTANCES)]:SUMS_TABLE{|KEY=#EMPTY,|::VALUE=1}',
      `SUMS_TABLE{|KEY = ${VOLUME}, |VALUE = 3}`,
    ],
    [
      'sum IS_FILE?{1FILE/files,TOP1_TABLE{{DPATH,space_used/bytes}}}',
      '{3, TOP1_TABLE{|KEY = {"./sub/b.exr", 2000}}}',
    ],
    [
      'eval_rec {instances[|volume=storage_volume("dsx-london-1::/hsvol0")],!ISNA(#A)?{PATH}}.#B',
      '{"./q/a.ma"}\n{"./q/sub/b.exr"}\n{"./q/sub/c.hip"}',
    ],
    ['eval_json VOLUME_GROUPS.NAME', '{"VOLUME_GROUPS_TABLE":[]}'],
  ])('%s', async (question, answer) => {
    expect(await ask('/shots/q', `./?.${question}`)).toBe(`${answer}\n`);
  });

  test.each([
    'nonsense',
    './?.eval',
    './?.eval (((',
    './?.eval {1}[99999999]',
    `./?.eval ${'('.repeat(5_000)}`,
    './?.eval no_such_name',
    './?.fly',
    './missing?.eval SIZE',
    './../?.eval SIZE',
    './?.set #tags=set_tag("a"b", EXPRESSION_FROM_TEXT("1"))',
    './?.set #objectives=add_objective("keep-online", EXPRESSION_FROM_TEXT("EXPRESSION(HAS_KEYWORD("x"))"))',
    './?.set #tags=delete_tag("absent")',
    './?.set #assigned_labels=add_label("not in the schema")',
    './?.set #keep_on_sites=add_keep_on_site("atlantis")',
    './?.cp-a 1',
    './a.ma?.rm-rf',
  ])('%s is told in text, for there is no status', async (command) => {
    expect(await ask('/shots/q', command)).toMatch(/^ERROR: .+\n$/);
  });
});

describe('metadata', () => {
  const tell = async (command: string): Promise<void> =>
    expect(await ask('/shots/q', command)).toBe('');
  const read = async (question: string): Promise<string> =>
    (await ask('/shots/q', question)).trimEnd();

  test('is inherited from a folder, and told apart by where it is set', async () => {
    await tell('./?.set #keywords=add_keyword("K")');
    expect(await read('./a.ma?.eval has_keyword("K")')).toBe('TRUE');
    expect(await read('./a.ma?.eval has_keyword_local("K")')).toBe('FALSE');
    expect(await read('./a.ma?.eval has_keyword_inherited("K")')).toBe('TRUE');
    expect(await read('./a.ma?.eval has_keyword_object("K")')).toBe('FALSE');
    expect(await read('./a.ma?.set #keywords=delete_keyword("K")')).toMatch(/^ERROR/);
    await tell('./a.ma?.set #keywords=delete_force_keyword("K")');
  });

  test('values are expressions: bound once, or evaluated on each reading', async () => {
    await tell(`./?.set #tags=set_tag("n", EXPRESSION_FROM_TEXT("OLD_VALUE+1"))`);
    await tell(`./?.set #tags=set_tag("n", EXPRESSION_FROM_TEXT("OLD_VALUE+1"))`);
    expect(await read('./?.eval get_tag("n")')).toBe('2');
    await tell(`./?.set #tags=set_tag("s", EXPRESSION_FROM_TEXT("EXPRESSION(SIZE)"))`);
    expect(await read('./a.ma?.eval get_tag("s")')).toBe('10 BYTES');
    expect(await read('./a.ma?.eval get_tag_unbound("s")')).toBe('EXPRESSION(SIZE)');
    await tell(`./?.set #tags=set_tag("t", EXPRESSION_FROM_TEXT("true"))`);
    expect(await read('./?.eval_json get_tag("t")')).toBe('"TRUE"');
    await tell('./?.set_json x={"a":1}');
    expect(await read('./?.eval attributes.x.a')).toBe('1');
    await tell('./?.set x=#EMPTY');
    await tell('./?.set RECENTLY_USED_DURATION=1 day');
    expect(await read('./?.eval get_attribute("recently_used_duration")')).toBe('(1 DAYS)');
  });

  test('objectives are added with their condition and found by both', async () => {
    const pair = '("keep-online", EXPRESSION_FROM_TEXT("EXPRESSION(IS_LIVE)"))';
    await tell(`./?.set_rec #objectives=add_objective${pair}`);
    expect(await read(`./a.ma?.eval has_objective_local${pair}`)).toBe('TRUE');
    expect(await read('./a.ma?.eval list_objectives_local')).toBe(
      "SLOS_TABLE{|OBJECTIVE = SLO('keep-online'), |COUNT = EXPRESSION(IS_LIVE)}",
    );
    await tell(`./?.set_rec #objectives=delete_objective${pair}`);
    expect(await read(`./a.ma?.eval has_objective${pair}`)).toBe('FALSE');
  });

  test('a label brings those it implies, a rekognition tag has a list of its own', async () => {
    await tell('./?.set #assigned_labels=add_label("Mission Alpha")');
    expect(await read('./?.eval list_labels')).toBe(
      "LABELS_TABLE{|LABEL_ = LABEL('Mission Alpha'), |COUNT = 1; |LABEL_ = LABEL('Project Apollo'), |COUNT = 1}",
    );
    await tell(
      `./a.ma?.set #rekognition_tags=set_rekognition_tag("cat", EXPRESSION_FROM_TEXT("0.9"))`,
    );
    expect(await read('./a.ma?.eval get_rekognition_tag("cat")')).toBe('0.9');
    expect(await read('./a.ma?.eval_json has_tag("cat")')).toBe('false');
  });
});
