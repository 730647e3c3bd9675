// The main job in the window, from the first start to frames at home: one spec for both drivers.

import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AgentState } from '../../preload/contract.ts';
import { contractClient } from '../../main/ipc/client.ts';
import { defaultSocketPath } from '../../main/ipc/paths.ts';
import { connectSocket } from '../../main/ipc/socket.ts';
import type { RunningApp, Workplace } from './app.ts';
import { buildWhenStale } from './build.ts';
import { electronDriver } from './electron-driver.ts';
import { describeWith } from './requirements.ts';
import { standinDriver } from './standin-driver.ts';
import { appWindow, type AppWindow } from './window.ts';
import { makeWorkplace } from './workplace.ts';

const root = join(import.meta.dirname, '../..');
const sampleDir = join(root, 'resources/sample');
const shotsDir = join(root, '.test-shots');
const SCENE = 'sh010_lighting.blend';
const FRAMES = 6;
const START_MS = 30_000;
const JOB_MS = 100_000;
/** Long enough for a navigation that is not refused. */
const LINGER_MS = 500;

beforeAll(async () => {
  await buildWhenStale();
  await mkdir(shotsDir, { recursive: true });
});

for (const driver of [standinDriver, electronDriver]) {
  describeWith(driver, () => {
    let place: Workplace;
    let app: RunningApp;
    let window: AppWindow;
    let projectDir: string;

    beforeAll(async () => {
      place = await makeWorkplace();
      projectDir = join(place.dir, 'sample');
      await cp(sampleDir, projectDir, { recursive: true });
      app = await driver.launch(place);
      window = appWindow(await app.page());
    });
    // Each step stands on the one before it.
    let failed = false;
    beforeEach(({ skip }) => skip(failed, 'a step before this one failed'));
    afterEach(({ task }) => {
      failed ||= task.result?.state === 'fail';
    });
    afterAll(async () => {
      await app?.[Symbol.asyncDispose]();
      await place?.[Symbol.asyncDispose]();
    });

    /** One driver's shots are light and the other's dark, so that both are looked at. */
    const shoot = async (name: string): Promise<void> => {
      const isStandin = driver === standinDriver;
      await window.page.emulateMedia({ colorScheme: isStandin ? 'light' : 'dark' });
      await window.page.screenshot({
        path: join(shotsDir, `${isStandin ? 'a' : 'b'}-${name}.png`),
      });
    };
    const stepOf = (region: string): Promise<string | null> =>
      window.waybill(SCENE, region).getAttribute('data-step');

    test('opens on the first run, with a tray that says so', async () => {
      await window.chooseFolder.waitFor({ timeout: START_MS });
      await shoot('1-first-run');
      await expect.poll(async () => (await app.tray()).tooltip).toMatch(/No folder yet/);
      expect((await app.tray()).labels).toEqual(
        expect.arrayContaining(['Open Waybill', 'Add folder…', 'Until resumed', 'Quit Waybill']),
      );
    });

    test('lists the scene of a folder that was chosen', async () => {
      await app.answerFolder(projectDir);
      await window.chooseFolder.click();
      await window.scene(SCENE).waitFor({ timeout: START_MS });
      await window.region('Oregon').waitFor();
      await window.region('Mumbai').waitFor();
      await expect
        .poll(() => window.scene(SCENE).textContent(), { timeout: START_MS })
        .toMatch(/frames 1–6/);
      await expect.poll(async () => (await app.tray()).tooltip).toMatch(/All quiet/);
      await shoot('2-scenes');
    });

    test('sends a scene that is dropped on a region', async () => {
      await window.dropScene(SCENE, 'Oregon', async () => {
        await window.region('Oregon').getByText('Release to send').waitFor();
        await shoot('3-drag');
      });
      await window.waybill(SCENE, 'Oregon').waitFor();
      await expect
        .poll(async () => (await app.tray()).tooltip)
        .toMatch(/sh010_lighting\.blend.*Oregon/);
    });

    test('sends a scene by keyboard alone, data only', async () => {
      await window.renderOnceReady.focus();
      await window.page.keyboard.press('Space');
      await window.sendByKeyboard(SCENE, 'Mumbai');
      await window.waybill(SCENE, 'Mumbai').waitFor();
      await shoot('4-sending');
    });

    test('closes to the tray and comes back on the same state', async () => {
      const closed = window.page.waitForEvent('close');
      await app.closeWindow();
      await closed;
      expect(await app.windows()).toBe(0);
      await app.chooseInTray('open');
      window = appWindow(await app.page());
      await window.waybill(SCENE, 'Oregon').waitFor();
      await window.waybill(SCENE, 'Mumbai').waitFor();
      expect(await window.waybills.count()).toBe(2);
    });

    test('goes on by itself when the engine is killed', async () => {
      const pid = await agentPid(place);
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => agentPid(place), { timeout: START_MS }).not.toBe(pid);
      await expect
        .poll(() => window.connection.getAttribute('data-connection'), { timeout: START_MS })
        .toBe('connected');
      await window.waybill(SCENE, 'Oregon').waitFor();
      expect(await window.waybills.count()).toBe(2);
    });

    test('shows the data ready, the job rendered and done', async () => {
      await expect.poll(() => stepOf('Mumbai'), { timeout: JOB_MS, interval: 250 }).toBe('ready');
      await expect.poll(() => stepOf('Oregon'), { timeout: JOB_MS, interval: 250 }).toBe('done');
      await shoot('5-done');
      await window.tab('Jobs').click();
      await expect.poll(() => window.jobs.count()).toBe(1);
      expect(await window.jobs.getAttribute('data-state')).toBe('completed');
      await shoot('6-jobs');
      await window.tab('Activity').click();
      await shoot('7-activity');
    });

    test('has the frames at home', async () => {
      const [job, ...others] = Object.values((await stateOf(place)).jobs);
      expect(others).toEqual([]);
      const names = await readdir(job?.outputDir ?? '');
      expect(names.filter((name) => name.endsWith('.png'))).toHaveLength(FRAMES);
    });

    test('notifies once of the data and once of the frames', async () => {
      const shown = (await app.notifications()).map(({ title, body }) => `${title}: ${body}`);
      expect(shown.filter((text) => /ready in Mumbai/.test(text))).toHaveLength(1);
      expect(shown.filter((text) => /is rendered.*Oregon/.test(text))).toHaveLength(1);
      await expect.poll(async () => (await stateOf(place)).notices).toEqual([]);
    });

    test('surfaces the first window when it is started again', async () => {
      await app.closeWindow();
      await expect.poll(() => app.windows()).toBe(0);
      expect(await app.startAgain()).toBe(0);
      await expect.poll(() => app.windows()).toBe(1);
      window = appWindow(await app.page());
      await expect.poll(() => stepOf('Oregon')).toBe('done');
    });

    test('opens from a notification and from the tray icon', async () => {
      await app.clickTray();
      await expect.poll(() => app.windows()).toBe(0);
      await app.clickNotification();
      await expect.poll(() => app.windows()).toBe(1);
      window = appWindow(await app.page());
    });

    // Last in this window: Playwright waits for a navigation that was refused.
    test('gives its page the contract and no way out', async () => {
      const { page } = window;
      const found = await page.evaluate(() => ({
        node: [
          typeof Reflect.get(globalThis, 'require'),
          typeof Reflect.get(globalThis, 'process'),
        ],
        api: Object.keys(Reflect.get(globalThis, 'waybill') as object).toSorted(),
      }));
      expect(found).toEqual({
        node: ['undefined', 'undefined'],
        api: ['chooseFolder', 'connect', 'pathOfDroppedFile', 'showInFolder'],
      });
      await expect(page.evaluate(() => fetch('http://127.0.0.1:9/'))).rejects.toThrow(/fetch/i);
      const ownUrl = page.url();
      await page.evaluate(() => {
        open('https://example.invalid/');
        location.assign('https://example.invalid/');
      });
      await expect(page.waitForURL(/example/, { timeout: LINGER_MS })).rejects.toThrow(
        /Timeout|ERR_ABORTED/,
      );
      expect(page.url()).toBe(ownUrl);
      expect(await app.windows()).toBe(1);
    });

    test('quits, and takes along only an engine of its own', async () => {
      const pid = await agentPid(place);
      expect(await app.quit()).toBe(0);
      await expect.poll(() => isAlive(pid)).toBe(!driver.ownsEngine);
    });
  });
}

async function agentPid(place: Workplace): Promise<number> {
  const text = await readFile(join(place.stateDir, 'agent.json'), 'utf8');
  return (JSON.parse(text) as { pid: number }).pid;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What the engine itself says, asked over its local socket. */
async function stateOf(place: Workplace): Promise<AgentState> {
  const link = await connectSocket(defaultSocketPath(place.stateDir));
  const client = contractClient(link);
  try {
    return await new Promise((resolve) => client.watch(resolve));
  } finally {
    client.close();
  }
}
