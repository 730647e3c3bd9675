// An engine that cannot start: the app stays, and says why in the tray and in a notification.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { buildWhenStale } from './build.ts';
import { describeWith } from './requirements.ts';
import { standinDriver } from './standin-driver.ts';
import { makeWorkplace } from './workplace.ts';

const SAID_MS = 20_000;

beforeAll(buildWhenStale);

// Only where the app runs the engine itself; the other driver attaches to one that is there.
describeWith(standinDriver, () => {
  test('says in one sentence why its engine does not start, and quits all the same', async () => {
    await using place = await makeWorkplace();
    // The folder of the local socket cannot be made where a file is.
    await writeFile(join(place.stateDir, 'run'), '');
    await using app = await standinDriver.launch(place);
    const sentence = /socket .* cannot be made .*--socket\.$/;
    await expect
      .poll(async () => (await app.tray()).tooltip, { timeout: SAID_MS })
      .toMatch(/socket .* cannot be made/);
    await expect.poll(() => app.notifications(), { timeout: SAID_MS }).toHaveLength(1);
    const [shown] = await app.notifications();
    expect(shown?.title).toBe('Waybill cannot start');
    expect(shown?.body).toMatch(sentence);
    expect(await app.quit()).toBe(0);
  });
});
