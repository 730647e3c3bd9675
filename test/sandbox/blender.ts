// Tests that need Blender: without it each is skipped aloud and counted, or fails where nothing may be skipped.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'vitest';

const path = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((dir) => join(dir, 'blender'))
  .find((candidate) => existsSync(candidate));

/** WAYBILL_REQUIRE_ALL=1 turns the skip into a failure. */
export function testWithBlender(title: string, run: (blender: string) => Promise<void>): void {
  if (path !== undefined) {
    test(title, { timeout: 120_000 }, () => run(path));
    return;
  }
  const reason = 'Blender is not installed: apt-get install blender';
  test(title, (context) => {
    if (process.env['WAYBILL_REQUIRE_ALL'] === '1') throw new Error(reason);
    context.skip(reason);
  });
}
