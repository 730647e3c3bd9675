// How the gateway writes values: hammerscript text, or JSON (reference §3.4).

import type { Cells, Unit, Value } from '../hammerscript.ts';

/** Answer text. `raw` gives plain numbers; that raw sizes are bytes and raw durations seconds is assumed. */
export function formatText(value: Value, options: { raw: boolean }): string {
  switch (value.kind) {
    case 'empty':
      return '#EMPTY';
    case 'bool':
      return value.value ? 'TRUE' : 'FALSE';
    case 'number':
      return options.raw ? String(value.value) : numberText(value);
    case 'text':
      return `"${value.value.replace(/["\\]/g, '\\$&')}"`;
    case 'date':
      return `LOCAL_TIME('${dateText(value.ms)}')`;
    case 'enum':
      return `${value.type}('${value.name}')`;
    case 'word':
      return value.name;
    case 'expression':
      return `EXPRESSION(${value.source})`;
    case 'tuple':
      return `{${value.items.map((item) => formatText(item, options)).join(', ')}}`;
    case 'row':
      return `${value.table}{${rowText(value.cells, options)}}`;
    case 'table':
      return `${value.name}{${value.rows.map((row) => rowText(row, options)).join('; ')}}`;
  }
}

function rowText(row: Cells, options: { raw: boolean }): string {
  return Object.entries(row)
    .map(([column, value]) => `|${column} = ${formatText(value, options)}`)
    .join(', ');
}

/**
 * JSON answer: tables by name, enums as HAMMERSCRIPT, dates as {date}. A tuple is an array in an array, as in
 * plain totals `[[12, 48000000]]` [O]: it reads like a table of one row.
 */
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
    case 'word':
    case 'expression':
      return { HAMMERSCRIPT: formatText(value, { raw: true }) };
    case 'tuple':
      return [value.items.map(toJson)];
    case 'row':
      return value.table === ''
        ? cellsToJson(value.cells)
        : { [value.table]: [cellsToJson(value.cells)] };
    case 'table':
      return value.name === ''
        ? value.rows.map((row) => Object.values(row).map(toJson))
        : { [value.name]: value.rows.map(cellsToJson) };
  }
}

function cellsToJson(cells: Cells): unknown {
  return Object.fromEntries(Object.entries(cells).map(([key, cell]) => [key, toJson(cell)]));
}

function numberText(value: { readonly value: number; readonly unit?: Unit | undefined }): string {
  const { unit } = value;
  switch (unit) {
    case 'bytes':
      return sizeText(value.value);
    case 'seconds':
      return durationText(value.value);
    case 'files':
      return `${value.value} ${value.value === 1 ? 'FILE' : 'FILES'}`;
    case 'percent':
      return `${value.value}%`;
    case 'rate':
      return `${value.value} OPERATIONS / SECOND`;
    case undefined:
      return String(value.value);
  }
}

/** The cluster's local time; the sandbox's clusters all keep UTC. */
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

/** Shapes seen: `5 SECONDS`, `8.08 SECONDS`, `00:05:00`, `(18 DAYS+19:55:51)`; `(1 DAYS)` is assumed. */
function durationText(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toFixed(2))} SECONDS`;
  const whole = Math.floor(seconds);
  const clock = [whole / 3600, whole / 60, whole]
    .map((part, place) => Math.floor(part) % (place === 0 ? 24 : 60))
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  const days = Math.floor(whole / 86_400);
  if (days === 0) return clock;
  return clock === '00:00:00' ? `(${days} DAYS)` : `(${days} DAYS+${clock})`;
}
