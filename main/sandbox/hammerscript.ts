// A small, real reader of Hammerspace expressions: enough for the gateway's verbs and for objective conditions.

export type Value =
  | { readonly kind: 'empty' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number; readonly unit?: Unit }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'date'; readonly ms: number }
  /** Typed enum such as SITE('london'). */
  | { readonly kind: 'enum'; readonly type: string; readonly name: string }
  /** A bare word such as ERROR_NONE, with the number it compares as. */
  | { readonly kind: 'word'; readonly name: string; readonly value: number }
  /** Not evaluated yet: each reading of it is one evaluation. */
  | { readonly kind: 'expression'; readonly source: string }
  | { readonly kind: 'tuple'; readonly items: readonly Value[] }
  | { readonly kind: 'row'; readonly table: string; readonly cells: Cells }
  | {
      readonly kind: 'table';
      readonly name: string;
      readonly rows: readonly Cells[];
      /** One column taken out of a table: its rows read as their only cell. */
      readonly isColumn?: boolean;
    };

export type Unit = 'bytes' | 'seconds' | 'files' | 'percent' | 'rate';
export type Cells = Readonly<Record<string, Value>>;

export const EMPTY: Value = { kind: 'empty' };
export const bool = (value: boolean): Value => ({ kind: 'bool', value });
export const text = (value: string): Value => ({ kind: 'text', value });
export const number = (value: number, unit?: Unit): Value =>
  unit === undefined ? { kind: 'number', value } : { kind: 'number', value, unit };
export const bytes = (value: number): Value => number(value, 'bytes');
export const typed = (type: string, name: string): Value => ({ kind: 'enum', type, name });
export const site = (name: string): Value => typed('SITE', name);
export const table = (name: string, rows: readonly Cells[]): Value => ({
  kind: 'table',
  name,
  rows,
});

/** What an expression may ask about: properties by upper-case name, functions by upper-case name. */
export interface Scope {
  property(name: string): Value | undefined;
  call(name: string, args: readonly Value[]): Value | undefined;
}

/** The text is what the gateway answers; the exact wording of the real server is unknown. */
export class ExpressionError extends Error {}

interface Column {
  readonly name: string | null;
  readonly of: Expression;
}

export type Expression =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'tuple'; readonly items: readonly Expression[] }
  /** `NAME{|A=…,|B=…; …}`, repeated `[n]` times with ROW counting; `NAME{a, b}` names its columns by place. */
  | {
      readonly kind: 'table';
      readonly name: string;
      readonly rows: readonly (readonly Column[])[];
      readonly times: Expression | null;
    }
  | { readonly kind: 'index'; readonly of: Expression; readonly at: Expression }
  | {
      readonly kind: 'where';
      readonly of: Expression;
      readonly column: string;
      readonly equals: Expression;
    }
  | { readonly kind: 'field'; readonly of: Expression; readonly name: string }
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

const MAX_DEPTH = 200;
const MAX_ROWS = 10_000;

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
  /** Every way into a deeper level comes through here, so that no input can exhaust the stack. */
  function deeper(read: () => Expression): Expression {
    if ((depth += 1) > MAX_DEPTH) throw new ExpressionError('expression is nested too deeply');
    const expression = read();
    depth -= 1;
    return expression;
  }

  function ternary(): Expression {
    return deeper(() => {
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
    });
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
    if (!accept(isWord('NOT') || isPunct('!'))) return comparison();
    return deeper(() => ({ kind: 'not', of: negation() }));
  }
  function comparison(): Expression {
    const left = operators(0);
    const op = ['==', '!=', '<=', '>=', '<', '>', '='].find((mark) => isPunct(mark));
    if (op === undefined) return left;
    at += 1;
    return { kind: 'binary', op: op === '=' ? '==' : op, left, right: operators(0) };
  }
  function operators(level: number): Expression {
    const marks = LEVELS[level];
    if (!marks) return signed();
    let left = operators(level + 1);
    for (;;) {
      const op = marks.find((mark) => isPunct(mark));
      if (op === undefined) return left;
      at += 1;
      left = { kind: 'binary', op, left, right: operators(level + 1) };
    }
  }
  function signed(): Expression {
    if (!accept(isPunct('-'))) return postfix();
    return deeper(() => ({
      kind: 'binary',
      op: '-',
      left: { kind: 'value', value: number(0) },
      right: signed(),
    }));
  }
  function postfix(): Expression {
    const first = at;
    let of = atom();
    // `{…}[n]` repeats what stands in the braces; in brackets of its own it is a value, and [n] takes a row of it.
    const isLiteral = tokens[first]?.text !== '(';
    for (;;) {
      if (accept(isPunct('.'))) {
        const name = peek();
        if (name?.kind !== 'name') throw new ExpressionError('syntax error after "."');
        at += 1;
        of = { kind: 'field', of, name: name.text.toUpperCase() };
      } else if (accept(isPunct('['))) {
        of = bracket(of, isLiteral);
      } else return of;
    }
  }
  function bracket(of: Expression, isLiteral: boolean): Expression {
    if (accept(isPunct('|'))) {
      const column = columnName();
      if (!accept(isPunct('==')) && !accept(isPunct('=')))
        throw new ExpressionError('syntax error: expected "=" after a column');
      const equals = ternary();
      expect(']');
      return { kind: 'where', of, column, equals };
    }
    const inside = ternary();
    expect(']');
    if (isLiteral && of.kind === 'table' && of.times === null) return { ...of, times: inside };
    if (isLiteral && of.kind === 'tuple') {
      const rows = [of.items.map((item) => ({ name: null, of: item }))];
      return { kind: 'table', name: '', rows, times: inside };
    }
    return { kind: 'index', of, at: inside };
  }
  function columnName(): string {
    const token = peek();
    if (token?.kind !== 'name') throw new ExpressionError('syntax error: expected a column name');
    at += 1;
    return token.text.toUpperCase();
  }
  function list(close: string): Expression[] {
    const items: Expression[] = [];
    while (!accept(isPunct(close))) {
      items.push(ternary());
      if (!accept(isPunct(',')) && !isPunct(close)) expect(close);
    }
    return items;
  }
  /** After the opening brace: rows of columns, named `|A=`, `|::A=` or `||A=` (every row), or by place. */
  function braces(name: string): Expression {
    const rows: Column[][] = [[]];
    let isNamed = false;
    while (!accept(isPunct('}'))) {
      const isColumn = accept(isPunct('|') || isPunct('||'));
      if (isColumn && accept(isPunct(':'))) expect(':');
      const column = isColumn ? columnName() : null;
      if (isColumn) {
        isNamed = true;
        expect('=');
      }
      rows.at(-1)?.push({ name: column, of: ternary() });
      if (accept(isPunct(','))) continue;
      if (accept(isPunct(';'))) rows.push([]);
      else if (!isPunct('}')) expect('}');
    }
    const filled = rows.filter((row) => row.length > 0);
    if (name === '' && !isNamed && filled.length <= 1)
      return { kind: 'tuple', items: (filled[0] ?? []).map((column) => column.of) };
    return { kind: 'table', name, rows: filled, times: null };
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
      if (token.text === '{') return deeper(() => braces(''));
      throw new ExpressionError(`syntax error near "${token.text}"`);
    }
    const upper = token.text.toUpperCase();
    if (accept(isPunct('{'))) return deeper(() => braces(upper));
    if (upper === 'EXPRESSION' && isPunct('(')) return unbound();
    if (accept(isPunct('('))) return { kind: 'call', name: upper, args: list(')') };
    if (upper === 'TRUE' || upper === 'FALSE')
      return { kind: 'value', value: bool(upper === 'TRUE') };
    if (upper === '#EMPTY') return { kind: 'value', value: EMPTY };
    return { kind: 'name', name: upper };
  }
  /** `EXPRESSION(…)` keeps what stands in it as it was written, once it is known to be an expression. */
  function unbound(): Expression {
    const open = peek()?.end ?? 0;
    at += 1;
    ternary();
    const close = peek()?.end ?? 0;
    expect(')');
    return {
      kind: 'value',
      value: { kind: 'expression', source: canonical(source.slice(open, close - 1).trim()) },
    };
  }
  function numberWithUnit(value: number): Expression {
    const unit = peek();
    const known = unit?.kind === 'name' ? UNITS[unit.text.toUpperCase()] : undefined;
    if (known === undefined) return { kind: 'value', value: number(value) };
    at += 1;
    return { kind: 'value', value: number(value * known[0], known[1]) };
  }

  const expression = ternary();
  const rest = peek();
  if (rest) throw new ExpressionError(`syntax error near "${rest.text}"`);
  return expression;
}

/** Real answers spell truth values in capitals [OG]; anything else stays as it was written. */
function canonical(source: string): string {
  return /^(?:true|false)$/i.test(source) ? source.toUpperCase() : source;
}

const LEVELS = [['&'], ['+', '-'], ['*', '/']] as const satisfies readonly (readonly string[])[];

const DAY = 86_400;
/** Sizes are decimal (reference §3.4). That a month has 30 days and a year 365 is assumed. */
const UNITS: Readonly<Record<string, readonly [number, Unit]>> = Object.fromEntries([
  ...(
    [
      [['BYTE', 'B'], 1],
      [['KBYTE', 'KB'], 1e3],
      [['MBYTE', 'MB'], 1e6],
      [['GBYTE', 'GB'], 1e9],
      [['TBYTE', 'TB'], 1e12],
    ] as const
  ).flatMap(([names, factor]) => names.flatMap((name) => plural(name, [factor, 'bytes']))),
  ...(
    [
      ['SECOND', 1],
      ['MINUTE', 60],
      ['HOUR', 3600],
      ['DAY', DAY],
      ['WEEK', 7 * DAY],
      ['MONTH', 30 * DAY],
      ['YEAR', 365 * DAY],
    ] as const
  ).flatMap(([name, factor]) => plural(name, [factor, 'seconds'])),
  ...plural('FILE', [1, 'files']),
]) as Readonly<Record<string, readonly [number, Unit]>>;

function plural(name: string, unit: readonly [number, Unit]): [string, readonly [number, Unit]][] {
  return [
    [name, unit],
    [`${name}S`, unit],
  ];
}

interface Token {
  readonly kind: 'name' | 'number' | 'text' | 'punct';
  readonly text: string;
  /** Where the token ends in the source. */
  readonly end: number;
}

function tokenize(source: string): Token[] {
  if (source.length > 65_536)
    throw new ExpressionError('the expression is longer than 65536 characters');
  const tokens: Token[] = [];
  const pattern =
    /\s*(?:([A-Za-z_#][A-Za-z0-9_]*)|(\d+(?:\.\d+)?)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\|\||&&|==|!=|<=|>=|[(){}[\],;:?<>!|=+*/&.-]))/y;
  while (pattern.lastIndex < source.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(source);
    if (!match) {
      if (source.slice(start).trim() === '') break;
      throw new ExpressionError(`syntax error near "${source.slice(start, start + 20).trim()}"`);
    }
    const [, name, digits, double, single, punct] = match;
    const end = pattern.lastIndex;
    if (name !== undefined) tokens.push({ kind: 'name', text: name, end });
    else if (digits !== undefined) tokens.push({ kind: 'number', text: digits, end });
    else if (punct !== undefined) tokens.push({ kind: 'punct', text: punct, end });
    else
      tokens.push({
        kind: 'text',
        text: (double ?? single ?? '').replace(/\\(.)/g, '$1'),
        end,
      });
  }
  return tokens;
}

export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'value':
      return expression.value;
    case 'name': {
      const value = scope.property(expression.name) ?? unitNamed(expression.name);
      if (value === undefined) throw new ExpressionError(`unknown name ${expression.name}`);
      return value;
    }
    case 'call': {
      if (expression.name === 'IFERROR') return withoutError(expression.args, scope);
      const args = expression.args.map((arg) => evaluate(arg, scope));
      if (expression.name === 'EVAL') return evaluated(args[0] ?? EMPTY, scope);
      const value = builtIn(expression.name, args) ?? scope.call(expression.name, args);
      if (value === undefined) throw new ExpressionError(`unknown function ${expression.name}`);
      return value;
    }
    case 'tuple':
      return { kind: 'tuple', items: rowOf(expression.items.map(unnamed), '', scope).values };
    case 'table':
      return tableOf(expression, scope);
    case 'index':
      return at(evaluate(expression.of, scope), evaluate(expression.at, scope));
    case 'where':
      return where(expression, scope);
    case 'field':
      return field(evaluate(expression.of, scope), expression.name);
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

const unnamed = (of: Expression): Column => ({ name: null, of });

function withoutError(args: readonly Expression[], scope: Scope): Value {
  const [wanted, otherwise] = args;
  try {
    return wanted ? evaluate(wanted, scope) : EMPTY;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return otherwise ? evaluate(otherwise, scope) : EMPTY;
  }
}

/** `2*MBYTES`, `SPACE_USED/bytes`: a unit by itself is one of it. */
function unitNamed(name: string): Value | undefined {
  const unit = UNITS[name];
  return unit && number(unit[0], unit[1]);
}

/** An expression is taken for what it says now; any other value is what it is. */
export function evaluated(value: Value, scope: Scope): Value {
  return value.kind === 'expression' ? evaluate(parseExpression(value.source), scope) : value;
}

/** JSON as it comes in: the reverse of how answers are written. */
export function fromJson(json: unknown): Value {
  if (typeof json === 'boolean') return bool(json);
  if (typeof json === 'number') return number(json);
  if (typeof json === 'string') return json.toUpperCase() === '#EMPTY' ? EMPTY : text(json);
  if (Array.isArray(json)) return { kind: 'tuple', items: json.map(fromJson) };
  if (typeof json !== 'object' || json === null) return EMPTY;
  if ('HAMMERSCRIPT' in json && typeof json.HAMMERSCRIPT === 'string')
    return { kind: 'expression', source: json.HAMMERSCRIPT };
  return {
    kind: 'row',
    table: '',
    cells: Object.fromEntries(
      // Names are looked up in capitals.
      Object.entries(json).map(([key, cell]) => [key.toUpperCase(), fromJson(cell)]),
    ),
  };
}

function parsedJson(source: string): Value {
  try {
    return fromJson(JSON.parse(source));
  } catch (error) {
    throw new ExpressionError('syntax error in JSON', { cause: error });
  }
}

/** Functions that need nothing but their arguments. */
function builtIn(name: string, args: readonly Value[]): Value | undefined {
  const [first = EMPTY, second = EMPTY] = args;
  switch (name) {
    case 'ROWS':
      return number(first.kind === 'table' ? first.rows.length : first.kind === 'empty' ? 0 : 1);
    case 'ISTABLE':
      return bool(first.kind === 'table' && first.rows.length > 0);
    case 'ISNA':
      return bool(first.kind === 'empty');
    case 'SUM':
      return number(numbersIn(first).reduce((total, value) => total + value, 0));
    case 'FNMATCH':
      return bool(
        first.kind === 'text' && second.kind === 'text' && fnmatch(first.value, second.value),
      );
    case 'EXPRESSION_FROM_TEXT':
      return first.kind === 'text' ? { kind: 'expression', source: first.value } : EMPTY;
    case 'EXPRESSION_FROM_JSON':
      return first.kind === 'text' ? parsedJson(first.value) : EMPTY;
    default:
      return undefined;
  }
}

function numbersIn(value: Value): number[] {
  if (value.kind === 'tuple') return value.items.flatMap(numbersIn);
  if (value.kind === 'row') return Object.values(value.cells).flatMap(numbersIn);
  if (value.kind !== 'table') return [numberOf(value)];
  return value.rows.flatMap((cells) => Object.values(cells).flatMap(numbersIn));
}

/**
 * Columns see those before them by name, or `#A`, `#B` and so on by place. A place of the braces around comes before
 * one of its own: hstk's `{instances[…],{PATH,#A.PATH}}` means the instance.
 */
function rowOf(
  columns: readonly Column[],
  tableName: string,
  scope: Scope,
): { values: Value[]; cells: Record<string, Value> } {
  const cells: Record<string, Value> = {};
  const named = new Set<string>();
  const values: Value[] = [];
  const inner: Scope = {
    property: (name) => (named.has(name) ? cells[name] : (scope.property(name) ?? cells[name])),
    call: (name, args) => scope.call(name, args),
  };
  for (const [place, column] of columns.entries()) {
    const value = evaluate(column.of, inner);
    values.push(value);
    if (column.name !== null) named.add(column.name);
    cells[column.name ?? placeName(tableName, place)] = value;
  }
  return { values, cells };
}

/** Sums and tops are keyed by their first column [ss: KEY, VALUE]; others count through the alphabet [hstk]. */
function placeName(tableName: string, place: number): string {
  const names = tableName === 'SUMS_TABLE' || isTop(tableName) ? ['KEY', 'VALUE'] : [];
  return names[place] ?? `#${String.fromCharCode(65 + (place % 26))}`;
}

/** `TOP10_TABLE` and its like; `BOTTOM10_TABLE` is one from the other end. */
export function isTop(tableName: string): boolean {
  return /^(?:TOP|BOTTOM)\d{1,4}_TABLE$/.test(tableName);
}

function tableOf(expression: Extract<Expression, { kind: 'table' }>, scope: Scope): Value {
  const { name, rows, times } = expression;
  if (times === null)
    return table(
      name,
      rows.map((row) => rowOf(row, name, scope).cells),
    );
  const count = numberOf(evaluate(times, scope));
  if (!Number.isInteger(count) || count < 0 || count > MAX_ROWS)
    throw new ExpressionError(`a table cannot have ${count} rows`);
  const [first = []] = rows;
  return table(
    name,
    Array.from({ length: count }, (_, at) => {
      const inner: Scope = {
        property(property) {
          if (property === 'ROW') return number(at);
          if (property === 'PARENT') return { kind: 'row', table: '', cells: { ROW: number(at) } };
          return scope.property(property);
        },
        call: (called, args) => scope.call(called, args),
      };
      return rowOf(rows[at] ?? first, name, inner).cells;
    }),
  );
}

function at(of: Value, index: Value): Value {
  if (of.kind === 'table') {
    const cells = of.rows[numberOf(index)];
    if (!cells) return EMPTY;
    const values = Object.values(cells);
    const isPlain = of.isColumn === true || of.name === '';
    return isPlain && values.length === 1
      ? (values[0] ?? EMPTY)
      : { kind: 'row', table: of.name, cells };
  }
  if (of.kind === 'tuple') return of.items[numberOf(index)] ?? EMPTY;
  return of.kind === 'row' && numberOf(index) === 0 ? of : EMPTY;
}

/** `table[|column=value]`: nothing, the one row, or the rows that match. */
function where(expression: Extract<Expression, { kind: 'where' }>, scope: Scope): Value {
  const of = evaluate(expression.of, scope);
  if (of.kind !== 'table') return EMPTY;
  const wanted = evaluate(expression.equals, scope);
  const rows = of.rows.filter((cells) => compare(cells[expression.column] ?? EMPTY, wanted) === 0);
  const [first] = rows;
  if (!first) return EMPTY;
  return rows.length === 1 ? { kind: 'row', table: of.name, cells: first } : { ...of, rows };
}

function field(of: Value, name: string): Value {
  if (of.kind === 'row') return of.cells[name] ?? EMPTY;
  if (of.kind === 'table') {
    const rows = of.rows.map((cells) => ({ [name]: cells[name] ?? EMPTY }));
    return { kind: 'table', name: of.name, isColumn: true, rows };
  }
  const isPlace = of.kind === 'tuple' && /^#[A-Z]$/.test(name);
  return isPlace ? (of.items[name.charCodeAt(1) - 65] ?? EMPTY) : EMPTY;
}

function binary(expression: Extract<Expression, { kind: 'binary' }>, scope: Scope): Value {
  const { op } = expression;
  const left = evaluate(expression.left, scope);
  if (op === 'AND') return bool(truthOf(left) && truthOf(evaluate(expression.right, scope)));
  if (op === 'OR') return bool(truthOf(left) || truthOf(evaluate(expression.right, scope)));
  const right = evaluate(expression.right, scope);
  if (op === '&') return text(plain(left) + plain(right));
  if (op === '+' || op === '-' || op === '*' || op === '/') return arithmetic(op, left, right);
  const order = compare(left, right);
  switch (op) {
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

function arithmetic(op: '+' | '-' | '*' | '/', left: Value, right: Value): Value {
  if (left.kind === 'date' && right.kind === 'date' && op === '-')
    return number((left.ms - right.ms) / 1000, 'seconds');
  if (left.kind === 'date' && right.kind === 'number' && (op === '+' || op === '-'))
    return { kind: 'date', ms: left.ms + (op === '+' ? 1 : -1) * right.value * 1000 };
  const a = numberOf(left);
  const b = numberOf(right);
  const unit = unitOf(left) ?? unitOf(right);
  switch (op) {
    case '+':
      return number(a + b, unit);
    case '-':
      return number(a - b, unit);
    case '*':
      return number(a * b, unit);
    case '/':
      return b === 0 ? EMPTY : number(a / b, unitOf(right) === undefined ? unit : undefined);
  }
}

function unitOf(value: Value): Unit | undefined {
  return value.kind === 'number' ? value.unit : undefined;
}

export function numberOf(value: Value): number {
  if (value.kind === 'number' || value.kind === 'word') return value.value;
  if (value.kind === 'bool') return value.value ? 1 : 0;
  return 0;
}

function plain(value: Value): string {
  if (value.kind === 'text') return value.value;
  if (value.kind === 'number') return String(value.value);
  return value.kind === 'enum' ? value.name : '';
}

export function truthOf(value: Value): boolean {
  switch (value.kind) {
    case 'empty':
      return false;
    case 'bool':
      return value.value;
    case 'number':
    case 'word':
      return value.value !== 0;
    case 'text':
      return value.value !== '';
    case 'date':
    case 'enum':
    case 'expression':
    case 'tuple':
    case 'row':
    case 'table':
      return true;
  }
}

export function compare(a: Value, b: Value): number {
  const left = comparable(a);
  const right = comparable(b);
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left) < String(right) ? -1 : String(left) > String(right) ? 1 : 0;
}

function comparable(value: Value): string | number {
  switch (value.kind) {
    case 'number':
    case 'word':
      return value.value;
    case 'date':
      return value.ms / 1000;
    case 'enum':
      return `${value.type}(${value.name.toUpperCase()})`;
    case 'text':
      return value.value;
    case 'bool':
      return value.value ? 1 : 0;
    case 'empty':
      return '#EMPTY';
    case 'expression':
    case 'tuple':
    case 'row':
    case 'table':
      return JSON.stringify(value);
  }
}

/** FNMATCH of the reference: case-sensitive, '*' crosses '/'. Linear time: no backtracking beyond the last star. */
export function fnmatch(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let mark = 0;
  while (n < name.length) {
    const step = p < pattern.length ? matchOne(pattern, p, name[n] ?? '') : 0;
    if (step > 0) {
      p += step;
      n += 1;
    } else if (pattern[p] === '*') {
      star = p;
      mark = n;
      p += 1;
    } else if (star >= 0) {
      p = star + 1;
      mark += 1;
      n = mark;
    } else return false;
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

/** How much of the pattern one character uses up, 0 when it does not match: `?`, `[abc]`, `[!a-z]` or itself. */
function matchOne(pattern: string, p: number, char: string): number {
  if (pattern[p] === '*') return 0;
  if (pattern[p] === '?') return 1;
  // A bracket that comes first in its set is one of the set's characters.
  const set = pattern[p] === '[' ? /^\[(!?)(\]?[^\]]*)\]/.exec(pattern.slice(p, p + 256)) : null;
  if (!set) return pattern[p] === char ? 1 : 0;
  const [whole, not, members = ''] = set;
  let isMember = false;
  for (let i = 0; i < members.length; i += 1) {
    const low = members[i] ?? '';
    const isRange = members[i + 1] === '-' && i + 2 < members.length;
    const high = isRange ? (members[i + 2] ?? '') : low;
    if (char >= low && char <= high) isMember = true;
    if (isRange) i += 2;
  }
  return isMember !== (not === '!') ? whole.length : 0;
}
