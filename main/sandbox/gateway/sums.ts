// `sum`: the values of all files of a subtree as one. Numbers add up, tables of sums by their key, tables of tops keep the largest.

import {
  EMPTY,
  compare,
  isTop,
  number,
  numberOf,
  type Cells,
  type Value,
} from '../hammerscript.ts';

export function createSum(): { add(value: Value): void; total(): Value } {
  let total: Value = EMPTY;
  return {
    add(value) {
      total = merged(total, value);
    },
    total: () => finished(total),
  };
}

function merged(a: Value, b: Value): Value {
  if (b.kind === 'empty') return a;
  if (a.kind === 'empty') return b.kind === 'table' ? mergedTables({ ...b, rows: [] }, b) : b;
  if (a.kind === 'tuple' && b.kind === 'tuple') {
    const { items } = b;
    return { kind: 'tuple', items: a.items.map((item, at) => merged(item, items[at] ?? EMPTY)) };
  }
  if (a.kind === 'table' && b.kind === 'table') return mergedTables(a, b);
  if (a.kind === 'number' || a.kind === 'bool') {
    const unit = a.kind === 'number' ? a.unit : undefined;
    return number(numberOf(a) + numberOf(b), unit);
  }
  // What cannot be added, such as a name, is told as it came first.
  return a;
}

type Table = Extract<Value, { kind: 'table' }>;

function mergedTables(a: Table, b: Table): Table {
  if (isTop(b.name)) return topOf({ ...a, rows: [...a.rows, ...b.rows] });
  const rows = new Map<string, Cells>(a.rows.map((cells) => [keyOf(cells), cells]));
  for (const cells of b.rows) {
    const key = keyOf(cells);
    const before = rows.get(key);
    rows.set(key, before ? mergedCells(before, cells) : cells);
  }
  return { ...a, rows: [...rows.values()] };
}

function keyOf(cells: Cells): string {
  return JSON.stringify(cells['KEY'] ?? Object.values(cells)[0] ?? null);
}

function mergedCells(a: Cells, b: Cells): Cells {
  return Object.fromEntries(
    Object.entries(a).map(([name, value]) => [
      name,
      name === 'KEY' ? value : merged(value, b[name] ?? EMPTY),
    ]),
  );
}

/** Cut with some room, so that a long sum is not sorted for each file. */
function topOf(top: Table): Table {
  return top.rows.length <= sizeOf(top) * 2 ? top : cut(top);
}

/** The largest first, or the smallest. */
function cut(top: Table): Table {
  const sign = top.name.startsWith('BOTTOM') ? -1 : 1;
  const rows = top.rows.toSorted((a, b) => sign * (weightOf(b) - weightOf(a)));
  return { ...top, rows: rows.slice(0, sizeOf(top)) };
}

function sizeOf(top: Table): number {
  return Number(/\d+/.exec(top.name)?.[0] ?? 10);
}

/** assumed: a row weighs what the first number in its key says. */
function weightOf(cells: Cells): number {
  const key = cells['KEY'] ?? EMPTY;
  const items = key.kind === 'tuple' ? key.items : [key];
  return numberOf(items.find((item) => item.kind === 'number') ?? EMPTY);
}

function finished(value: Value): Value {
  if (value.kind === 'tuple') return { kind: 'tuple', items: value.items.map(finished) };
  if (value.kind !== 'table') return value;
  if (isTop(value.name)) return cut(value);
  const rows = value.rows.map((cells) =>
    Object.fromEntries(Object.entries(cells).map(([name, cell]) => [name, finished(cell)])),
  );
  // assumed: told in the order of their keys
  return { ...value, rows: rows.toSorted((a, b) => compare(a['KEY'] ?? EMPTY, b['KEY'] ?? EMPTY)) };
}
