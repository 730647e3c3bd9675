// How a tag's or attribute's value is kept with a file: plain text as itself, anything else marked by its first character.

import { EMPTY, ExpressionError, text, type Value } from '../hammerscript.ts';

const BOUND = '\u0001';
const UNBOUND = '\u0002';

export function toStored(value: Value): string {
  if (value.kind === 'expression') return `${UNBOUND}${value.source}`;
  if (value.kind === 'text' && !isMarked(value.value)) return value.value;
  return `${BOUND}${JSON.stringify(value)}`;
}

function isMarked(value: string): boolean {
  return value.startsWith(BOUND) || value.startsWith(UNBOUND);
}

/** What was kept; an unbound value is still an expression, which each reading evaluates anew. */
export function fromStored(stored: string): Value {
  if (stored.startsWith(UNBOUND)) return { kind: 'expression', source: stored.slice(1) };
  if (!stored.startsWith(BOUND)) return text(stored);
  try {
    return JSON.parse(stored.slice(1)) as Value;
  } catch (error) {
    // Someone's own text may begin like ours.
    if (error instanceof SyntaxError) return text(stored);
    throw error;
  }
}

/** The one text argument a metadata function is named by. */
export function nameIn(value: Value | undefined): string {
  const { kind } = value ?? EMPTY;
  if (value?.kind === 'text') return value.value;
  if (value?.kind === 'enum') return value.name;
  throw new ExpressionError(`expected a name, not ${kind}`);
}
