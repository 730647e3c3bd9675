// Runs many actions with a bound on how many are under way at once.

/** Applies `action` to each item, at most `limit` at a time; the first failure stops new ones and is thrown. */
export async function eachLimited<T>(
  items: readonly T[],
  limit: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  async function worker(): Promise<void> {
    while (next < items.length && !failed) {
      const item = items[next] as T;
      next += 1;
      try {
        await action(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
