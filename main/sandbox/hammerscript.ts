// A small, real reader of Hammerspace expressions: enough for the gateway's verbs and for objective conditions.

export type Value =
  | { readonly kind: 'empty' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number; readonly unit?: 'bytes' }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'date'; readonly ms: number }
  /** Typed enum such as SITE('london'). */
  | { readonly kind: 'enum'; readonly type: string; readonly name: string }
  | { readonly kind: 'tuple'; readonly items: readonly Value[] }
  | {
      readonly kind: 'table';
      readonly name: string;
      readonly rows: readonly Readonly<Record<string, Value>>[];
    };

export const EMPTY: Value = { kind: 'empty' };
export const bool = (value: boolean): Value => ({ kind: 'bool', value });
export const text = (value: string): Value => ({ kind: 'text', value });
export const number = (value: number): Value => ({ kind: 'number', value });
export const bytes = (value: number): Value => ({ kind: 'number', value, unit: 'bytes' });
export const site = (name: string): Value => ({ kind: 'enum', type: 'SITE', name });

/** What an expression may ask about: properties by upper-case name, functions by upper-case name. */
export interface Scope {
  property(name: string): Value | undefined;
  call(name: string, args: readonly Value[]): Value | undefined;
}

/** The text is what the gateway answers; the exact wording of the real server is unknown. */
export class ExpressionError extends Error {}

type Expression =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | {
      readonly kind: 'binary';
      readonly op: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly otherwise: Expression | null;
    };

export function parseExpression(source: string): Expression {
  const tokens = tokenize(source);
  let at = 0;
  let depth = 0;
  const peek = (): Token | undefined => tokens[at];
  const isPunct = (mark: string): boolean => peek()?.kind === 'punct' && peek()?.text === mark;
  const isWord = (word: string): boolean =>
    peek()?.kind === 'name' && peek()?.text.toUpperCase() === word;

  function accept(test: boolean): boolean {
    if (test) at += 1;
    return test;
  }
  function expect(mark: string): void {
    if (!accept(isPunct(mark)))
      throw new ExpressionError(`syntax error: expected "${mark}" near "${peek()?.text ?? 'end'}"`);
  }

  function ternary(): Expression {
    if ((depth += 1) > 200) throw new ExpressionError('expression is nested too deeply');
    try {
      if (accept(isWord('IF'))) {
        const condition = either();
        if (!accept(isWord('THEN'))) throw new ExpressionError('syntax error: IF without THEN');
        const whenTrue = ternary();
        return {
          kind: 'if',
          condition,
          whenTrue,
          otherwise: accept(isWord('ELSE')) ? ternary() : null,
        };
      }
      const condition = either();
      if (!accept(isPunct('?'))) return condition;
      const whenTrue = ternary();
      return {
        kind: 'if',
        condition,
        whenTrue,
        otherwise: accept(isPunct(':')) ? ternary() : null,
      };
    } finally {
      depth -= 1;
    }
  }
  function either(): Expression {
    let left = both();
    while (accept(isWord('OR') || isPunct('||')))
      left = { kind: 'binary', op: 'OR', left, right: both() };
    return left;
  }
  function both(): Expression {
    let left = negation();
    while (accept(isWord('AND') || isPunct('&&')))
      left = { kind: 'binary', op: 'AND', left, right: negation() };
    return left;
  }
  function negation(): Expression {
    if (accept(isWord('NOT') || isPunct('!'))) return { kind: 'not', of: negation() };
    return comparison();
  }
  function comparison(): Expression {
    const left = atom();
    const op = ['==', '!=', '<=', '>=', '<', '>'].find((mark) => isPunct(mark));
    if (op === undefined) return left;
    at += 1;
    return { kind: 'binary', op, left, right: atom() };
  }
  function list(close: string): Expression[] {
    const items: Expression[] = [];
    while (!accept(isPunct(close))) {
      items.push(ternary());
      if (!accept(isPunct(',')) && !accept(isPunct(';')) && !isPunct(close)) expect(close);
    }
    return items;
  }
  function atom(): Expression {
    const token = peek();
    if (!token) throw new ExpressionError('syntax error: the expression ends too early');
    at += 1;
    if (token.kind === 'text') return { kind: 'value', value: text(token.text) };
    if (token.kind === 'number') return numberWithUnit(Number(token.text));
    if (token.kind === 'punct') {
      if (token.text === '(') {
        const inner = ternary();
        expect(')');
        return inner;
      }
      if (token.text === '{') return { kind: 'tuple', items: list('}') };
      throw new ExpressionError(`syntax error near "${token.text}"`);
    }
    if (accept(isPunct('(')))
      return { kind: 'call', name: token.text.toUpperCase(), args: list(')') };
    const upper = token.text.toUpperCase();
    if (upper === 'TRUE' || upper === 'FALSE')
      return { kind: 'value', value: bool(upper === 'TRUE') };
    if (upper === '#EMPTY') return { kind: 'value', value: EMPTY };
    return { kind: 'name', name: upper };
  }
  function numberWithUnit(value: number): Expression {
    const unit = peek();
    const factor = unit?.kind === 'name' ? UNITS[unit.text.toUpperCase()] : undefined;
    if (factor === undefined) return { kind: 'value', value: number(value) };
    at += 1;
    return { kind: 'value', value: number(value * factor) };
  }

  const expression = ternary();
  const rest = peek();
  if (rest) throw new ExpressionError(`syntax error near "${rest.text}"`);
  return expression;
}

/** Sizes are decimal (reference §3.4); durations are seconds. */
const UNITS: Readonly<Record<string, number>> = {
  BYTE: 1,
  BYTES: 1,
  KBYTE: 1e3,
  KBYTES: 1e3,
  MBYTE: 1e6,
  MBYTES: 1e6,
  GBYTE: 1e9,
  GBYTES: 1e9,
  TBYTE: 1e12,
  TBYTES: 1e12,
  SECOND: 1,
  SECONDS: 1,
  MINUTE: 60,
  MINUTES: 60,
  HOUR: 3600,
  HOURS: 3600,
  DAY: 86_400,
  DAYS: 86_400,
  FILE: 1,
  FILES: 1,
};

interface Token {
  readonly kind: 'name' | 'number' | 'text' | 'punct';
  readonly text: string;
}

function tokenize(source: string): Token[] {
  if (source.length > 65_536)
    throw new ExpressionError('the expression is longer than 65536 characters');
  const tokens: Token[] = [];
  const pattern =
    /\s*(?:([A-Za-z_#][A-Za-z0-9_.]*)|(\d+(?:\.\d+)?)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\|\||&&|==|!=|<=|>=|[(){}[\],;:?<>!|=+*/-]))/y;
  while (pattern.lastIndex < source.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(source);
    if (!match) {
      if (source.slice(start).trim() === '') break;
      throw new ExpressionError(`syntax error near "${source.slice(start, start + 20)}"`);
    }
    const [, name, digits, double, single, punct] = match;
    if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (digits !== undefined) tokens.push({ kind: 'number', text: digits });
    else if (punct !== undefined) tokens.push({ kind: 'punct', text: punct });
    else tokens.push({ kind: 'text', text: (double ?? single ?? '').replace(/\\(.)/g, '$1') });
  }
  return tokens;
}

export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'value':
      return expression.value;
    case 'name': {
      const value = scope.property(expression.name);
      if (value === undefined) throw new ExpressionError(`unknown name ${expression.name}`);
      return value;
    }
    case 'call': {
      const value = scope.call(
        expression.name,
        expression.args.map((arg) => evaluate(arg, scope)),
      );
      if (value === undefined) throw new ExpressionError(`unknown function ${expression.name}`);
      return value;
    }
    case 'tuple':
      return { kind: 'tuple', items: expression.items.map((item) => evaluate(item, scope)) };
    case 'not':
      return bool(!truthOf(evaluate(expression.of, scope)));
    case 'if': {
      const chosen = truthOf(evaluate(expression.condition, scope))
        ? expression.whenTrue
        : expression.otherwise;
      return chosen ? evaluate(chosen, scope) : EMPTY;
    }
    case 'binary':
      return binary(expression, scope);
  }
}

function binary(expression: Extract<Expression, { kind: 'binary' }>, scope: Scope): Value {
  const left = evaluate(expression.left, scope);
  if (expression.op === 'AND')
    return bool(truthOf(left) && truthOf(evaluate(expression.right, scope)));
  if (expression.op === 'OR')
    return bool(truthOf(left) || truthOf(evaluate(expression.right, scope)));
  const order = compare(left, evaluate(expression.right, scope));
  switch (expression.op) {
    case '==':
      return bool(order === 0);
    case '!=':
      return bool(order !== 0);
    case '<':
      return bool(order < 0);
    case '<=':
      return bool(order <= 0);
    case '>':
      return bool(order > 0);
    default:
      return bool(order >= 0);
  }
}

export function truthOf(value: Value): boolean {
  switch (value.kind) {
    case 'empty':
      return false;
    case 'bool':
      return value.value;
    case 'number':
      return value.value !== 0;
    case 'text':
      return value.value !== '';
    case 'date':
    case 'enum':
    case 'tuple':
    case 'table':
      return true;
  }
}

function compare(a: Value, b: Value): number {
  const left = comparable(a);
  const right = comparable(b);
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left) < String(right) ? -1 : String(left) > String(right) ? 1 : 0;
}

function comparable(value: Value): string | number {
  if (value.kind === 'number') return value.value;
  if (value.kind === 'date') return value.ms / 1000;
  if (value.kind === 'enum') return `${value.type}(${value.name.toUpperCase()})`;
  if (value.kind === 'text') return value.value;
  if (value.kind === 'bool') return value.value ? 1 : 0;
  return formatText(value, { raw: true });
}

/** Answer text (reference §3.4). `raw` gives plain numbers; that raw sizes are bytes is assumed. */
export function formatText(value: Value, options: { raw: boolean }): string {
  switch (value.kind) {
    case 'empty':
      return '#EMPTY';
    case 'bool':
      return value.value ? 'TRUE' : 'FALSE';
    case 'number':
      return value.unit === 'bytes' && !options.raw ? sizeText(value.value) : String(value.value);
    case 'text':
      return `"${value.value.replace(/["\\]/g, '\\$&')}"`;
    case 'date':
      return `LOCAL_TIME('${dateText(value.ms)}')`;
    case 'enum':
      return `${value.type}('${value.name}')`;
    case 'tuple':
      return `{${value.items.map((item) => formatText(item, options)).join(', ')}}`;
    case 'table':
      return `${value.name}{${value.rows.map((row) => rowText(row, options)).join('; ')}}`;
  }
}

function rowText(row: Readonly<Record<string, Value>>, options: { raw: boolean }): string {
  return Object.entries(row)
    .map(([column, value]) => `|${column} = ${formatText(value, options)}`)
    .join(', ');
}

/** JSON answer (reference §3.4): tables by name, enums as HAMMERSCRIPT, dates as {date}, tuples as arrays. */
export function toJson(value: Value): unknown {
  switch (value.kind) {
    case 'empty':
      return '#EMPTY';
    case 'bool':
    case 'number':
    case 'text':
      return value.value;
    case 'date':
      return { date: `${dateText(value.ms)}Z` };
    case 'enum':
      return { HAMMERSCRIPT: `${value.type}('${value.name}')` };
    case 'tuple':
      return value.items.map(toJson);
    case 'table':
      return {
        [value.name]: value.rows.map((row) =>
          Object.fromEntries(Object.entries(row).map(([key, cell]) => [key, toJson(cell)])),
        ),
      };
  }
}

function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

function sizeText(size: number): string {
  const steps: [number, string][] = [
    [1e12, 'TBYTES'],
    [1e9, 'GBYTES'],
    [1e6, 'MBYTES'],
    [1e3, 'KBYTES'],
  ];
  const step = steps.find(([factor]) => size >= factor);
  return step ? `${Number((size / step[0]).toPrecision(4))} ${step[1]}` : `${size} BYTES`;
}

/** FNMATCH of the reference: case-sensitive, '*' crosses '/'. Linear time: no backtracking beyond the last star. */
export function fnmatch(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let mark = 0;
  while (n < name.length) {
    if (
      p < pattern.length &&
      (pattern[p] === '?' || (pattern[p] !== '*' && pattern[p] === name[n]))
    ) {
      p += 1;
      n += 1;
    } else if (p < pattern.length && pattern[p] === '*') {
      star = p;
      mark = n;
      p += 1;
    } else if (star >= 0) {
      p = star + 1;
      mark += 1;
      n = mark;
    } else return false;
  }
  while (p < pattern.length && pattern[p] === '*') p += 1;
  return p === pattern.length;
}
