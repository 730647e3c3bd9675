// The gateway's answers in every documented shape, and the round trip of values through both spellings.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAnswer, type AnswerValue } from '../../main/adapters/gateway/answers.ts';

/** Maps print as plain objects so that expectations stay readable. */
function plain(values: readonly AnswerValue[] | null): unknown {
  return JSON.parse(
    JSON.stringify(values, (_key, value: unknown) =>
      value instanceof Map ? Object.fromEntries(value) : value,
    ),
  ) as unknown;
}

const text = (value: string): AnswerValue => ({ kind: 'text', text: value });

describe('documented answers', () => {
  test.each<[string, unknown]>([
    ['', []],
    ['\0\0\n', []],
    ['#EMPTY', [{ kind: 'empty' }]],
    ['"#EMPTY"', [{ kind: 'empty' }]],
    ['"eu-west-2"', [text('eu-west-2')]],
    ['TRUE\n', [{ kind: 'boolean', value: true }]],
    ['false', [{ kind: 'boolean', value: false }]],
    ['ERROR_NONE', [{ kind: 'word', text: 'ERROR_NONE' }]],
    ['1.234 MBYTES', [{ kind: 'size', bytes: 1_234_000 }]],
    ['0 OPERATIONS / SECOND', [{ kind: 'quantity', value: 0, unit: 'OPERATIONS/SECOND' }]],
    ['100%', [{ kind: 'quantity', value: 100, unit: '%' }]],
    ['(18 DAYS+19:55:51)', [{ kind: 'raw', text: '(18 DAYS+19:55:51)' }]],
    ['00:05:00', [{ kind: 'raw', text: '00:05:00' }]],
    ["ALIGNMENT('ALIGNED')", [{ kind: 'enum', type: 'ALIGNMENT', name: 'ALIGNED' }]],
    [
      "LOCAL_TIME('2026-01-05 10:11:12')",
      [{ kind: 'date', epochMs: Date.UTC(2026, 0, 5, 10, 11, 12) }],
    ],
    ['TAGS_TABLE{}', [{ kind: 'table', name: 'TAGS_TABLE', rows: [] }]],
    [
      'TAGS_TABLE{|NAME = "dest_region", |VALUE = "eu-west-2"; |NAME = "b", |VALUE = 3}',
      [
        {
          kind: 'table',
          name: 'TAGS_TABLE',
          rows: [
            { NAME: text('dest_region'), VALUE: text('eu-west-2') },
            { NAME: text('b'), VALUE: { kind: 'number', value: 3 } },
          ],
        },
      ],
    ],
    [
      "SLOS_TABLE{|OBJECTIVE = SLO('keep-online'), |COUNT = EXPRESSION(HAS_KEYWORD('lon'))}",
      [
        {
          kind: 'table',
          name: 'SLOS_TABLE',
          rows: [
            {
              OBJECTIVE: { kind: 'enum', type: 'SLO', name: 'keep-online' },
              COUNT: { kind: 'raw', text: "EXPRESSION(HAS_KEYWORD('lon'))" },
            },
          ],
        },
      ],
    ],
    [
      '{"./s010_v003.ma", 88.2 MBYTES, ALIGNMENT(\'ALIGNED\')}\n{"./b", 12, #EMPTY}',
      [
        {
          kind: 'tuple',
          items: [
            text('./s010_v003.ma'),
            { kind: 'size', bytes: 88_200_000 },
            { kind: 'enum', type: 'ALIGNMENT', name: 'ALIGNED' },
          ],
        },
        { kind: 'tuple', items: [text('./b'), { kind: 'number', value: 12 }, { kind: 'empty' }] },
      ],
    ],
    [
      '{"REPLICATION_DETAILS_TABLE":[{"SITE":{"HAMMERSCRIPT":"SITE(\'oregon\')"},"SEND_TIME":{"date":"2026-01-05 10:11:12Z"}}]}',
      [
        {
          kind: 'table',
          name: 'REPLICATION_DETAILS_TABLE',
          rows: [
            {
              SITE: { kind: 'enum', type: 'SITE', name: 'oregon' },
              SEND_TIME: { kind: 'date', epochMs: Date.UTC(2026, 0, 5, 10, 11, 12) },
            },
          ],
        },
      ],
    ],
    [
      '[["./a",5]]{"x":1}\n\n"t"',
      [
        {
          kind: 'tuple',
          items: [{ kind: 'tuple', items: [text('./a'), { kind: 'number', value: 5 }] }],
        },
        { kind: 'table', name: '', rows: [{ x: { kind: 'number', value: 1 } }] },
        text('t'),
      ],
    ],
  ])('%s', (answer, expected) => {
    expect(plain(parseAnswer(answer))).toEqual(expected);
  });

  test.each([
    'Permission denied',
    'Unknown function get_tga at 1:1',
    'No such tag "x"',
    '{"unfinished',
    'TAGS_TABLE{|NAME = }',
    '{"a":',
    'TRUE FALSE',
    '((((',
  ])('an error text is no value: %s', (answer) => {
    expect(parseAnswer(answer)).toBeNull();
  });

  test('nesting a million deep neither overflows nor passes', () => {
    expect(parseAnswer('['.repeat(100_000) + ']'.repeat(100_000))).toBeNull();
    expect(parseAnswer('{'.repeat(100_000) + '}'.repeat(100_000))).toBeNull();
  });

  test('a key named __proto__ changes no prototype', () => {
    const values = parseAnswer('{"__proto__":{"polluted":1},"a":2}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(values?.[0]?.kind).toBe('table');
  });
});

const words = fc
  .stringMatching(/^[A-Z][A-Z0-9_]{0,12}$/)
  .filter((word) => word !== 'TRUE' && word !== 'FALSE');
const leaf: fc.Arbitrary<AnswerValue> = fc.oneof(
  fc.constant<AnswerValue>({ kind: 'empty' }),
  fc.boolean().map((value): AnswerValue => ({ kind: 'boolean', value })),
  fc
    .maxSafeInteger()
    .map((value): AnswerValue => ({ kind: 'number', value: value === 0 ? 0 : value })),
  fc.string({ unit: 'binary' }).map((value): AnswerValue => text(value.replaceAll('\0', ''))),
  fc
    .record({ type: words, name: fc.stringMatching(/^[A-Za-z0-9 ._:'"\\-]{0,20}$/) })
    .filter(({ type }) => !type.endsWith('TIME'))
    .map(({ type, name }): AnswerValue => ({ kind: 'enum', type, name })),
  fc
    .date({
      min: new Date('1970-01-02T00:00:00Z'),
      max: new Date('2200-01-01T00:00:00Z'),
      noInvalidDate: true,
    })
    .map((date): AnswerValue => ({
      kind: 'date',
      epochMs: Math.floor(date.getTime() / 1000) * 1000,
    })),
);
const { value: anyValue } = fc.letrec<{ value: AnswerValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc
      .array(tie('value'), { maxLength: 4 })
      .map((items): AnswerValue => ({ kind: 'tuple', items })),
    fc
      .record({
        name: words,
        rows: fc.array(fc.dictionary(words, tie('value'), { minKeys: 1, maxKeys: 3 }), {
          maxLength: 3,
        }),
      })
      .map(({ name, rows }): AnswerValue => ({
        kind: 'table',
        name,
        rows: rows.map((row) => new Map(Object.entries(row))),
      })),
  ),
}));

function quote(value: string, mark: string): string {
  return `${mark}${value.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`)}${mark}`;
}

/** The text spelling of reference 3.4, written here independently of the reader. */
function script(value: AnswerValue): string {
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the kinds that are not made here throw below
  switch (value.kind) {
    case 'empty':
      return '#EMPTY';
    case 'boolean':
      return value.value ? 'TRUE' : 'FALSE';
    case 'number':
      return String(value.value);
    case 'text':
      return quote(value.text, '"');
    case 'enum':
      return `${value.type}(${quote(value.name, "'")})`;
    case 'date':
      return `LOCAL_TIME('${new Date(value.epochMs).toISOString().slice(0, 19).replace('T', ' ')}')`;
    case 'tuple':
      return `{${value.items.map(script).join(', ')}}`;
    case 'table':
      return `${value.name}{${value.rows.map((row) => [...row].map(([key, item]) => `|${key} = ${script(item)}`).join(', ')).join('; ')}}`;
    default:
      throw new Error(`not generated: ${value.kind}`);
  }
}

describe('laws', () => {
  test('what is spelled as hammerscript reads back as it was', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 4 }), (values) => {
        const spelled = values.map(script).join('\n');
        expect(plain(parseAnswer(spelled))).toEqual(plain(values));
      }),
      { numRuns: 500 },
    );
  });

  test('concatenated JSON documents give one value each, with or without white space between', () => {
    const document = fc.oneof(
      fc.array(fc.integer()),
      fc.dictionary(fc.string(), fc.integer(), { minKeys: 1 }),
    );
    fc.assert(
      fc.property(
        fc.array(document, { minLength: 1, maxLength: 6 }),
        fc.constantFrom('', '\n', ' \n\n', ','),
        (documents, gap) => {
          const answer = documents.map((item) => JSON.stringify(item)).join(gap);
          expect(parseAnswer(answer)).toHaveLength(documents.length);
        },
      ),
    );
  });

  test('no text makes the reader throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.stringMatching(/^[{}[\]()"'|=,;#A-Z0-9 \n]{0,60}$/),
        ),
        (answer) => {
          const values = parseAnswer(answer);
          expect(values === null || Array.isArray(values)).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
