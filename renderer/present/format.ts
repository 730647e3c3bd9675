// Bytes, counts, times and frames as a person reads them; what is not known is a dash, never a number.

import type { FrameRange } from '../../preload/contract.ts';

export const UNKNOWN = '—';

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const count = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const clockSeconds = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const dayAndClock = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** Decimal units, as disks and Hammerspace count. */
export function bytesText(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return UNKNOWN;
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

export function countText(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : count.format(value);
}

/** '1 file', '12 files'. */
export function amountText(value: number, one: string, many: string): string {
  return `${countText(value)} ${value === 1 ? one : many}`;
}

/** The clock alone for today, the day with it otherwise. */
export function timeText(at: number | null, now: number): string {
  if (at === null) return UNKNOWN;
  return (isSameDay(at, now) ? clock : dayAndClock).format(at);
}

/** To the second for today's events; older ones need no seconds. */
export function secondsText(at: number, now: number): string {
  return (isSameDay(at, now) ? clockSeconds : dayAndClock).format(at);
}

function isSameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

export function durationText(ms: number): string {
  if (ms < MINUTE_MS) return 'under a minute';
  if (ms < HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  const days = Math.floor(ms / DAY_MS);
  const hours = Math.floor((ms % DAY_MS) / HOUR_MS);
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  const minutes = Math.round((ms % HOUR_MS) / MINUTE_MS);
  return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
}

export function framesText(range: FrameRange | null): string {
  if (range === null) return UNKNOWN;
  if (range.first === range.last) return String(range.first);
  const text = `${range.first}–${range.last}`;
  return range.step > 1 ? `${text} by ${range.step}` : text;
}

/** The last part of a path, whichever way its slashes lean. */
export function nameOfPath(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}
