// Reads the gateway's answers: JSON, several JSON documents in a row, or hammerscript text, into one value type.

/** One answer value. `text` is a quoted string; `word` a bare name such as ERROR_NONE; `raw` an unevaluated expression. */
export type AnswerValue =
  | { readonly kind: 'empty' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'size'; readonly bytes: number }
  | { readonly kind: 'quantity'; readonly value: number; readonly unit: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'enum'; readonly type: string; readonly name: string }
  | { readonly kind: 'date'; readonly epochMs: number }
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'tuple'; readonly items: readonly AnswerValue[] }
  | { readonly kind: 'table'; readonly name: string; readonly rows: readonly AnswerRow[] };

export type AnswerRow = ReadonlyMap<string, AnswerValue>;

/** Null means: no value of ours, so an error text of the server (or something we cannot read). */
export type ParsedAnswer = readonly AnswerValue[] | null;

const MAX_DEPTH = 32;

export function parseAnswer(answer: string): ParsedAnswer {
  const text = answer.replaceAll('\0', '').trim();
  if (text === '') return [];
  // The JSON spellings of "no value" and of a bare truth value.
  if (text === '"#EMPTY"') return [{ kind: 'empty' }];
  if (text === 'true' || text === 'false') return [{ kind: 'boolean', value: text === 'true' }];
  try {
    return looksLikeJson(text) ? parseJsonDocuments(text) : parseScript(text);
  } catch (error) {
    if (error instanceof UnreadableAnswer || error instanceof SyntaxError) return null;
    throw error;
  }
}

class UnreadableAnswer extends Error {}

// --- JSON -------------------------------------------------------------------------------------------

/** `{"` and `[` begin JSON; a hammerscript tuple `{"./a", 1}` begins like an object, but a comma or brace ends its first string. */
function looksLikeJson(text: string): boolean {
  return /^(?:\[|\{\s*(?:"(?:[^"\\]|\\.)*"\s*:))/.test(text);
}

/** Recursive evaluation may give one document per item with anything or nothing between: none of that is confirmed. */
function parseJsonDocuments(text: string): AnswerValue[] {
  const values: AnswerValue[] = [];
  for (const part of splitDocuments(text))
    values.push(fromJson(JSON.parse(part) as unknown, '', 0));
  return values;
}

function splitDocuments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = -1;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') {
      inString = true;
      if (start < 0) start = at;
    } else if (char === '{' || char === '[') {
      if (start < 0) start = at;
      depth += 1;
      continue;
    } else if (char === '}' || char === ']') {
      depth -= 1;
    } else if (start < 0 && !/[\s,]/.test(char ?? '')) {
      start = at;
    }
    if (start >= 0 && depth === 0 && !inString && endsHere(text, at)) {
      parts.push(text.slice(start, at + 1));
      start = -1;
    }
  }
  if (start >= 0) parts.push(text.slice(start));
  return parts;
}

/** A closing bracket or quote ends a document; a bare scalar ends before white space. */
function endsHere(text: string, at: number): boolean {
  const char = text[at] ?? '';
  return char === '}' || char === ']' || char === '"' || /[\s{["]/.test(text[at + 1] ?? ' ');
}

function fromJson(json: unknown, key: string, depth: number): AnswerValue {
  if (depth > MAX_DEPTH) throw new UnreadableAnswer('nested too deep');
  if (json === null) return { kind: 'empty' };
  if (typeof json === 'boolean') return { kind: 'boolean', value: json };
  if (typeof json === 'number') return { kind: 'number', value: json };
  if (typeof json === 'string') return fromJsonText(json);
  if (Array.isArray(json)) {
    return key.endsWith('_TABLE')
      ? { kind: 'table', name: key, rows: json.map((row: unknown) => rowFromJson(row, depth)) }
      : { kind: 'tuple', items: json.map((item: unknown) => fromJson(item, '', depth + 1)) };
  }
  const entries = Object.entries(json as Record<string, unknown>);
  const [first] = entries;
  if (first && entries.length === 1) {
    const [name, value] = first;
    if (name === 'HAMMERSCRIPT' && typeof value === 'string')
      return parseScript(value)[0] ?? { kind: 'empty' };
    if (name === 'date' && typeof value === 'string')
      return dateOf(value) ?? { kind: 'text', text: value };
    if (Array.isArray(value))
      return fromJson(value, name.endsWith('_TABLE') ? name : `${name}_TABLE`, depth + 1);
  }
  return { kind: 'table', name: '', rows: [rowFromJson(json, depth)] };
}

function fromJsonText(text: string): AnswerValue {
  if (text === '#EMPTY') return { kind: 'empty' };
  return { kind: 'text', text };
}

function rowFromJson(row: unknown, depth: number): AnswerRow {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    return new Map([['VALUE', fromJson(row, '', depth + 1)]]);
  }
  return new Map(Object.entries(row).map(([key, value]) => [key, fromJson(value, key, depth + 1)]));
}

// --- hammerscript text ------------------------------------------------------------------------------

const SIZE_UNITS: Readonly<Record<string, number>> = {
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
  PBYTE: 1e15,
  PBYTES: 1e15,
};

/** Top-level values stand on lines of their own; two on one line are prose, so an error text. */
function parseScript(text: string): AnswerValue[] {
  const reader = new ScriptReader(text);
  const values: AnswerValue[] = [];
  while (!reader.atEnd()) {
    values.push(reader.value(0));
    if (!reader.atLineEnd()) throw new UnreadableAnswer('more than one value on a line');
    reader.skipSpace();
  }
  return values;
}

class ScriptReader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.skipSpace();
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  atLineEnd(): boolean {
    return /^[ \t]*(?:\r?\n|$)/.test(this.#text.slice(this.#at, this.#at + 200));
  }

  skipSpace(): void {
    this.#match(/\s*/y);
  }

  value(depth: number): AnswerValue {
    if (depth > MAX_DEPTH) throw new UnreadableAnswer('nested too deep');
    this.skipSpace();
    const char = this.#text[this.#at] ?? '';
    if (char === '"' || char === "'") return { kind: 'text', text: this.#quoted(char) };
    if (char === '{') return this.#tuple(depth);
    if (char === '(') return this.#bracketed();
    if (char === '#') return this.#hash();
    return this.#dateOrNumber() ?? this.#named(depth);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }

  #quoted(quote: string): string {
    let text = '';
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text[this.#at] ?? '';
      if (char === quote) {
        this.#at += 1;
        return text;
      }
      if (char === '\\' && this.#at + 1 < this.#text.length) {
        this.#at += 1;
        const escaped = this.#text[this.#at] ?? '';
        text += escaped === 'n' ? '\n' : escaped === 't' ? '\t' : escaped;
      } else {
        text += char;
      }
    }
    throw new UnreadableAnswer('string without an end');
  }

  #tuple(depth: number): AnswerValue {
    this.#at += 1;
    const items: AnswerValue[] = [];
    this.skipSpace();
    if (this.#match(/\}/y)) return { kind: 'tuple', items };
    for (;;) {
      items.push(this.value(depth + 1));
      this.skipSpace();
      if (this.#match(/\}/y)) return { kind: 'tuple', items };
      if (!this.#match(/[,;]/y)) throw new UnreadableAnswer('tuple without an end');
    }
  }

  /** A duration such as (18 DAYS+19:55:51), kept as text. */
  #bracketed(): AnswerValue {
    return { kind: 'raw', text: this.#balanced() };
  }

  #balanced(): string {
    const start = this.#at;
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text[this.#at];
      if (char === '"' || char === "'") {
        this.#quoted(char);
        this.#at -= 1;
      } else if (char === '(') {
        depth += 1;
      } else if (char === ')') {
        depth -= 1;
        if (depth === 0) {
          this.#at += 1;
          return this.#text.slice(start, this.#at);
        }
      }
    }
    throw new UnreadableAnswer('bracket without an end');
  }

  #hash(): AnswerValue {
    if (this.#match(/#(?:EMPTY|NA|N\/A)\b/y)) return { kind: 'empty' };
    throw new UnreadableAnswer('unknown # word');
  }

  #dateOrNumber(): AnswerValue | null {
    const date = this.#match(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?/y);
    if (date) return dateOf(date[0]) ?? { kind: 'text', text: date[0] };
    const time = this.#match(/\d+:\d\d:\d\d(?:\.\d+)?/y);
    if (time) return { kind: 'raw', text: time[0] };
    const number = this.#match(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (!number) return null;
    const value = Number(number[0]);
    if (this.#match(/[ \t]*%/y)) return { kind: 'quantity', value, unit: '%' };
    const unit = this.#match(/[ \t]*([A-Z]+(?:[ \t]*\/[ \t]*[A-Z]+)?)(?![A-Za-z_])/y)?.[1];
    if (unit === undefined) return { kind: 'number', value };
    const factor = SIZE_UNITS[unit];
    return factor === undefined
      ? { kind: 'quantity', value, unit: unit.replace(/[ \t]*\/[ \t]*/, '/') }
      : { kind: 'size', bytes: Math.round(value * factor) };
  }

  #named(depth: number): AnswerValue {
    const name = this.#match(/[A-Z_][A-Z0-9_]*(?![a-z])/y)?.[0];
    if (name === undefined) throw new UnreadableAnswer('no value');
    if (name === 'TRUE' || name === 'FALSE') return { kind: 'boolean', value: name === 'TRUE' };
    const next = this.#text[this.#at];
    if (next === '{') return this.#table(name, depth);
    if (next === '(') return this.#call(name);
    return { kind: 'word', text: name };
  }

  /** TYPE('name') is an enum, LOCAL_TIME('…') a date; anything else in brackets is an expression kept as text. */
  #call(name: string): AnswerValue {
    const inside = this.#balanced().slice(1, -1).trim();
    const quoted = /^(["'])((?:[^\\]|\\.)*)\1$/s.exec(inside);
    if (!quoted) return { kind: 'raw', text: `${name}(${inside})` };
    const text = (quoted[2] ?? '').replace(/\\(.)/gs, '$1');
    if (name.endsWith('TIME')) return dateOf(text) ?? { kind: 'text', text };
    return { kind: 'enum', type: name, name: text };
  }

  #table(name: string, depth: number): AnswerValue {
    this.#at += 1;
    const rows: AnswerRow[] = [];
    this.skipSpace();
    if (this.#match(/\}/y)) return { kind: 'table', name, rows };
    let row = new Map<string, AnswerValue>();
    for (;;) {
      this.skipSpace();
      const column = this.#match(/\|\s*(?:::)?\s*([A-Za-z_#][A-Za-z0-9_]*)\s*=/y)?.[1];
      if (column === undefined) throw new UnreadableAnswer('column expected');
      row.set(column, this.value(depth + 1));
      this.skipSpace();
      if (this.#match(/,/y)) continue;
      rows.push(row);
      row = new Map();
      if (this.#match(/;/y)) continue;
      if (this.#match(/\}/y)) return { kind: 'table', name, rows };
      throw new UnreadableAnswer('table without an end');
    }
  }
}

/** A date without a zone is the cluster's local time; the zone is not told, so it is read as UTC. */
function dateOf(text: string): AnswerValue | null {
  const found = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/.exec(
    text.trim(),
  );
  if (!found) return null;
  const fraction = `${found[3] ?? ''}000`.slice(0, 3);
  const epochMs = Date.parse(`${found[1]}T${found[2]}.${fraction}${found[4] ?? 'Z'}`);
  return Number.isNaN(epochMs) ? null : { kind: 'date', epochMs };
}
