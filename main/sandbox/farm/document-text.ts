// Dates, spans and values as Deadline's documents spell them.

/** An unset date (captured documents). */
export const NEVER = '0001-01-01T00:00:00Z';
/** .NET's smallest TimeSpan: what an unset day window looks like. */
export const NO_WINDOW = '-10675199.02:48:05.4775808';

/** Captured documents carry an offset, not a Z. */
export function dateText(at: number): string {
  return new Date(at).toISOString().replace('Z', '+00:00');
}

export function nowText(): string {
  return dateText(Date.now());
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  if (value === null || value === undefined) return '';
  return Array.isArray(value) ? value.map(textOf).join(',') : JSON.stringify(value);
}

export function isTruth(value: unknown): boolean {
  return /^(true|1)$/i.test(textOf(value));
}
