// Structural sharing: what came again unchanged stays the same object, so only changed rows render.

/** `after`, with every part that equals its counterpart in `before` replaced by that counterpart. For JSON-like data. */
export function keepEqual<T>(before: unknown, after: T): T {
  if (Object.is(before, after)) return after;
  if (Array.isArray(before) && Array.isArray(after)) {
    const shared: unknown[] = after.map((item, index) => keepEqual(before[index], item));
    const isSame = before.length === shared.length && shared.every((item, i) => item === before[i]);
    return (isSame ? before : shared) as T;
  }
  if (!isRecord(before) || !isRecord(after)) return after;
  const keys = Object.keys(after);
  let isSame = keys.length === Object.keys(before).length;
  const shared: Record<string, unknown> = {};
  for (const key of keys) {
    shared[key] = keepEqual(before[key], after[key]);
    isSame &&= key in before && shared[key] === before[key];
  }
  return (isSame ? before : shared) as T;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
