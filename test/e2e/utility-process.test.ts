// The shell with an engine of its own in the real Electron: utility process, ports into the window, death and end.

import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Workplace } from './app.ts';
import { buildWhenStale } from './build.ts';
import { electronDriver, launchElectron } from './electron-driver.ts';
import { describeWith } from './requirements.ts';
import { appWindow } from './window.ts';
import { makeWorkplace } from './workplace.ts';

const root = join(import.meta.dirname, '../..');
const BACK_MS = 20_000;

beforeAll(buildWhenStale);

describeWith(electronDriver, () => {
  test('joins the window to its engine, again after its death, and ends both', async () => {
    await using place = await makeWorkplace();
    const appDir = await stubbedApp(place);
    await using app = await launchElectron({
      place,
      appDir,
      environment: { WAYBILL_STATE: place.stateDir },
    });
    const window = appWindow(await app.page());
    const connection = (): Promise<string | null> =>
      window.connection.getAttribute('data-connection');
    await expect.poll(connection, { timeout: BACK_MS }).toBe('connected');
    const [first] = await app.enginePids();
    if (first === undefined) throw new Error('there is no engine process');

    process.kill(first, 'SIGKILL');
    await expect.poll(connection).toBe('lost');
    await expect.poll(connection, { timeout: BACK_MS }).toBe('connected');
    const [second] = await app.enginePids();
    expect(second).not.toBe(first);

    expect(await app.quit()).toBe(0);
  });
});

/** The built app with stubs in place of engine and sandbox. */
async function stubbedApp(place: Workplace): Promise<string> {
  const appDir = join(place.dir, 'app');
  await mkdir(appDir);
  for (const name of ['out', 'package.json']) {
    await cp(join(root, name), join(appDir, name), { recursive: true });
  }
  for (const name of ['node_modules', 'resources']) {
    await symlink(join(root, name), join(appDir, name));
  }
  const stubs = { 'agent.js': 'stub-engine.mjs', 'sandbox.js': 'stub-sandbox.mjs' };
  for (const [built, stub] of Object.entries(stubs)) {
    await cp(join(import.meta.dirname, stub), join(appDir, 'out/main', built));
  }
  return appDir;
}
