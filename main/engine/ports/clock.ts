// Time as the engine sees it; tests bring a clock of their own.

export interface Clock {
  /** Wall clock, epoch ms: for dates shown to people only. */
  now(): number;
  /** Monotonic ms: for durations and deadlines. */
  monotonic(): number;
  /** Resolves after delayMs; rejects with an AbortError when the signal fires. */
  sleep(delayMs: number, options?: { signal?: AbortSignal }): Promise<void>;
}
