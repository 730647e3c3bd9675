// What a driver needs: absent, its suite is skipped aloud and counted, or fails where nothing may be skipped.

import { describe, test } from 'vitest';
import type { Driver } from './app.ts';

/** `describe` for a driver's suite. WAYBILL_REQUIRE_ALL=1 turns the skip into a failure. */
export function describeWith(driver: Driver, suite: () => void): void {
  const missing = driver.missing();
  const title = `the app on ${driver.name}`;
  if (missing === null) return void describe(title, suite);
  const sentence = `SKIPPED: ${title} did not run. Install ${missing}`;
  if (process.env['WAYBILL_REQUIRE_ALL'] !== '1') {
    const frame = '!'.repeat(sentence.length);
    console.warn(`\n${frame}\n${sentence}\n${frame}\n`);
  }
  test(title, ({ skip }) => {
    if (process.env['WAYBILL_REQUIRE_ALL'] === '1') throw new Error(sentence);
    skip(`install ${missing}`);
  });
}
