// The window in a real browser over the agent's local transport: drops, keyboard, refusals, a lost agent.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AgentState } from '../../preload/contract.ts';
import { createFakeAgent, serveFakeAgent, type FakeAgent } from './fake-agent.ts';
import { busyState, emptyState, manyScenes, quietState, waybill } from './fixtures.ts';

const chromiumPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(chromiumPath);
const missing = 'Chromium is not here: apt-get install chromium';

test('a browser is here to look at the window', (context) => {
  if (!hasChromium && process.env['WAYBILL_REQUIRE_ALL'] === '1') throw new Error(missing);
  if (!hasChromium) context.skip(missing);
});

if (hasChromium) describe('the window in Chromium', windowSuite);

function windowSuite(): void {
  let dir: string;
  let browser: Browser;
  let open: OpenWindow | null = null;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-window-'));
    await build({
      configFile: false,
      root: join(import.meta.dirname, '../../renderer'),
      base: './',
      plugins: [react()],
      logLevel: 'warn',
      // React's development build, which complains aloud; its size is no concern here.
      build: { outDir: dir, emptyOutDir: true, chunkSizeWarningLimit: 4_000 },
    });
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
  });
  afterEach(async () => {
    await open?.close();
    const complaints = open?.complaints ?? [];
    open = null;
    // The page's CSP refuses what it must not do; nothing of ours may run into it.
    expect(complaints).toEqual([]);
  });
  afterAll(async () => {
    await browser.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function openWindow(state: AgentState): Promise<OpenWindow> {
    const agent = createFakeAgent(state);
    const server = await serveFakeAgent(agent, { rendererDir: dir });
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      const isOurs = message.type() === 'error' && !message.text().startsWith('Failed to load');
      if (isOurs) complaints.push(message.text());
    });
    await page.goto(server.newLink());
    const served = { port: server.port, stop: async () => server[Symbol.asyncDispose]() };
    const opened: OpenWindow = {
      agent,
      page,
      complaints,
      served,
      async close() {
        await context.close();
        await served.stop();
        agent[Symbol.dispose]();
      },
    };
    open = opened;
    return opened;
  }

  test('the one-time link is taken out of the address, and a reload stays signed in', async () => {
    const { page } = await openWindow(quietState());
    await rowOf(page, 'lobby_sh010.blend').waitFor();
    expect(page.url()).not.toContain('token');
    await page.reload();
    await rowOf(page, 'lobby_sh010.blend').waitFor();
  });

  test('a scene dropped on a region is sent there, shown as a waybill, and can be undone', async () => {
    const { page, agent } = await openWindow(quietState());
    await rowOf(page, 'lobby_sh010.blend').dragTo(cardOf(page, 'Oregon'));
    const row = page.getByRole('listitem', { name: 'lobby_sh010.blend to Oregon' });
    await row.waitFor();
    expect(await row.getAttribute('data-step')).toBe('queued');
    expect(agent.calls).toEqual([sentTo('us-west-2', 'shots/sh010/lobby_sh010.blend')]);
    await page.getByRole('button', { name: 'Undo' }).click();
    await noticeOf(page, 'Taken back: lobby_sh010.blend.').waitFor();
    expect(agent.calls.at(-1)?.command).toBe('cancelWaybill');
  });

  test('before release the card says name, files and bytes; Escape cancels the drop', async () => {
    const { page, agent } = await openWindow(quietState());
    const card = cardOf(page, 'Oregon');
    await dragOver(page, rowOf(page, 'lobby_sh010.blend'), card);
    await card.getByText('Release to send').waitFor();
    expect(await card.textContent()).toContain('lobby_sh010.blend12 files, up to 3.4 GB to move');
    await page.keyboard.press('Escape');
    await card.getByText('Drop here').or(card.getByText('Send here')).waitFor();
    await page.mouse.up();
    expect(agent.calls).toEqual([]);
  });

  test('several scenes are dropped at once', async () => {
    const { page, agent } = await openWindow(quietState());
    await rowOf(page, 'lobby_sh010.blend').click();
    await rowOf(page, 'lobby_sh020.blend').click({ modifiers: ['Shift'] });
    await rowOf(page, 'lobby_sh020.blend').dragTo(cardOf(page, 'Mumbai'));
    await noticeOf(page, 'Bound for Mumbai: 2 scenes.').waitFor();
    expect(agent.calls).toHaveLength(2);
  });

  test('the keyboard alone sends a scene: rows, the menu of a row, a region', async () => {
    const { page, agent } = await openWindow(quietState());
    await rowOf(page, 'lobby_sh010.blend').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    expect(await rowOf(page, 'lobby_sh020.blend').getAttribute('aria-selected')).toBe('true');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Mumbai', exact: true }).waitFor();
    await page.keyboard.type('Mumb');
    await page.keyboard.press('Enter');
    await page.getByRole('listitem', { name: 'lobby_sh020.blend to Mumbai' }).waitFor();
    expect(agent.calls).toEqual([sentTo('ap-south-1', 'shots/sh020/lobby_sh020.blend')]);
  });

  test('the selection is sent by a card of its own, and by the context menu', async () => {
    const { page, agent } = await openWindow(quietState());
    await rowOf(page, 'lobby_sh010.blend').click();
    await page.getByRole('switch', { name: 'Render once ready' }).click();
    await cardOf(page, 'Oregon').getByRole('button', { name: 'Send here' }).click();
    await noticeOf(page, 'Bound for Oregon: lobby_sh010.blend.').waitFor();
    expect(agent.calls[0]?.argument).toMatchObject({ submit: false });
    await rowOf(page, 'lobby_sh020.blend').click({ button: 'right' });
    await page.getByRole('menuitem', { name: /Send to Mumbai/ }).click();
    await noticeOf(page, 'Bound for Mumbai: lobby_sh020.blend.').waitFor();
  });

  test('a missing texture is named, and the scene goes only when told to go without it', async () => {
    const { page, agent } = await openWindow(quietState());
    await rowOf(page, 'wood_table.blend').dragTo(cardOf(page, 'Oregon'));
    const sheet = page.getByRole('dialog', { name: 'wood_table.blend misses files' });
    await sheet.getByText('/projects/lobby/assets/wood/tex/wood.png').waitFor();
    await page.keyboard.press('Escape');
    await sheet.waitFor({ state: 'detached' });
    expect(await page.getByRole('listitem', { name: /wood_table/ }).count()).toBe(0);
    await rowOf(page, 'wood_table.blend').dragTo(cardOf(page, 'Oregon'));
    await sheet.getByRole('button', { name: 'Send anyway' }).click();
    await page.getByRole('listitem', { name: 'wood_table.blend to Oregon' }).waitFor();
    expect(agent.calls.at(-1)?.argument).toMatchObject({ allowMissing: true });
  });

  test('a file from the file manager is asked about, because a browser hides its path', async () => {
    const { page, agent } = await openWindow(quietState());
    await rowOf(page, 'lobby_sh010.blend').waitFor();
    await dropFile(page, 'Oregon', { name: 'lobby_sh010.blend', size: 1_450_000 });
    const sheet = page.getByRole('dialog', { name: 'Is it this scene?' });
    await sheet.getByText('/projects/lobby/shots/sh010/lobby_sh010.blend').waitFor();
    await sheet.getByRole('button', { name: 'Send to Oregon' }).click();
    await noticeOf(page, 'Bound for Oregon: lobby_sh010.blend.').waitFor();
    await dropFile(page, 'Oregon', { name: 'holiday.jpg', size: 12 });
    await noticeOf(page, 'Browsers hide paths. Choose the scene in the list.').waitFor();
    expect(agent.calls).toHaveLength(1);
  });

  test('trouble is shown with its reason; retry and cancel reach the agent', async () => {
    const { page, agent } = await openWindow(busyState());
    const row = page.getByRole('listitem', { name: 'wood_table.blend to Frankfurt' });
    await row.getByText(/Ask an admin to add it/).waitFor();
    await row.getByRole('button', { name: /^Retry/ }).click();
    await expect.poll(() => row.getAttribute('data-trouble')).toBe('false');
    await row.getByRole('button', { name: /^Cancel/ }).click();
    await expect.poll(() => row.getAttribute('data-cancelled')).toBe('true');
    expect(agent.calls.map(({ command }) => command)).toEqual(['retryWaybill', 'cancelWaybill']);
  });

  test('progress follows the agent: step, bytes, and the regions a scene is in', async () => {
    const { page, agent } = await openWindow(quietState());
    const moving = waybill({ id: 'w', step: 'payload-arriving' });
    agent.store.put('waybills', 'w', moving);
    agent.store.put('transfers', 'w', { bytesSent: 1, bytesArrived: 1.7e9, filesReady: 6 });
    const row = page.getByRole('listitem', { name: 'lobby_sh010.blend to Oregon' });
    await row.getByText('1.7 GB of 3.4 GB arrived').waitFor();
    const bar = row.getByRole('progressbar');
    expect(await bar.getAttribute('aria-valuetext')).toBe('Payload arriving, step 5 of 9');
    agent.store.put('waybills', 'w', { ...moving, step: 'ready' });
    await expect.poll(() => row.getAttribute('data-step')).toBe('ready');
  });

  test('jobs, collisions and the log each have their screen', async () => {
    const { page, agent } = await openWindow(busyState());
    await page.getByRole('tab', { name: /^Jobs/ }).click();
    const jobs = page.getByRole('region', { name: 'Jobs' });
    const failed = jobs.getByRole('listitem', { name: 'wood_table_turntable_for_review' });
    expect(await failed.getAttribute('data-state')).toBe('failed');
    await failed.getByText(/Cannot open image file/).waitFor();
    await page.getByRole('tab', { name: /^Collisions/ }).click();
    const collision = page
      .getByRole('region', { name: 'Collisions' })
      .getByRole('listitem', { name: '/studio/lobby/lookdev.txt' });
    await collision.getByRole('button', { name: /^Mark as settled/ }).click();
    await collision.waitFor({ state: 'detached' });
    expect(agent.calls).toEqual([{ command: 'settleCollision', argument: { collisionId: 'c1' } }]);
    await page.getByRole('tab', { name: /^Activity/ }).click();
    await page.getByRole('cell', { name: 'keep-on-site oregon read back on 12 paths' }).waitFor();
  });

  test('without a project the window asks for a folder, and says why one was refused', async () => {
    const { page } = await openWindow(emptyState());
    await page.getByRole('heading', { name: 'Choose the folder you work in' }).waitFor();
    const field = page.getByRole('textbox', { name: 'Folder on this workstation' });
    await field.fill('/nowhere');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('/nowhere is no folder.').waitFor();
    await field.fill('/projects/lobby');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Scenes' }).waitFor();
  });

  test('an agent that goes away is said, its buttons rest, and it is found again', async () => {
    const { page, agent, served } = await openWindow(busyState());
    await rowOf(page, 'lobby_sh010.blend').waitFor();
    await served.stop();
    await page
      .getByRole('status', { name: 'Now' })
      .getByText(/The agent went away/)
      .waitFor();
    expect(
      await page
        .getByRole('button', { name: /^Retry/ })
        .first()
        .isDisabled(),
    ).toBe(true);
    const again = await serveFakeAgent(agent, { rendererDir: dir, port: served.port });
    try {
      // Another process has other sessions: the page says how to get back in.
      await page.getByText('waybill open', { exact: true }).waitFor();
      await page.goto(again.newLink());
      await rowOf(page, 'lobby_sh010.blend').waitFor();
    } finally {
      await again[Symbol.asyncDispose]();
    }
  });

  test('five thousand scenes: a helping at a time, found by search', async () => {
    const { page } = await openWindow({ ...quietState(), scenes: manyScenes(5_000) });
    const scenes = page.getByRole('region', { name: 'Scenes' });
    await scenes.getByText('5,000', { exact: true }).waitFor();
    expect(await scenes.getByRole('row').count()).toBe(200);
    await scenes.getByRole('button', { name: 'Show 200 more' }).click();
    await expect.poll(() => scenes.getByRole('row').count()).toBe(400);
    await page.keyboard.press('Control+f');
    await page.keyboard.type('sq041 sh0110');
    await scenes.getByText('1 of 5,000').waitFor();
    await rowOf(page, 'sq041_sh0110_lighting.blend').waitFor();
  });

  test.each([420, 600, 900, 1400])('at %s pixels nothing is cut off sideways', async (width) => {
    const { page } = await openWindow(busyState());
    await page.setViewportSize({ width, height: 800 });
    for (const tab of ['Jobs', 'Collisions', 'Activity', 'Board']) {
      await page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click();
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(over, `${tab} at ${width}`).toBeLessThanOrEqual(0);
    }
  });
}

interface OpenWindow {
  readonly agent: FakeAgent;
  readonly page: Page;
  readonly complaints: string[];
  readonly served: { readonly port: number; stop(): Promise<void> };
  close(): Promise<void>;
}

function rowOf(page: Page, scene: string): Locator {
  return page.getByRole('row', { name: new RegExp(`^${scene.replaceAll('.', '\\.')}`) });
}

/** The notice itself; the same text is announced to screen readers once more. */
function noticeOf(page: Page, text: string): Locator {
  return page.getByText(text, { exact: true });
}

function cardOf(page: Page, region: string): Locator {
  return page.getByRole('group', { name: region, exact: true });
}

function sentTo(region: string, relativePath: string): { command: string; argument: unknown } {
  const scene = `/projects/lobby/${relativePath}`;
  return {
    command: 'sendScene',
    argument: { scene, region, submit: true, allowMissing: false },
  };
}

async function dragOver(page: Page, row: Locator, card: Locator): Promise<void> {
  await row.hover();
  await page.mouse.down();
  const box = await card.boundingBox();
  if (!box) throw new Error('the card is on screen');
  await page.mouse.move(box.x + 20, box.y + 20, { steps: 5 });
  await page.mouse.move(box.x + 40, box.y + 40, { steps: 3 });
}

/** What the OS does when files are dragged in; Playwright has no gesture of its own for it. */
async function dropFile(
  page: Page,
  region: string,
  file: { readonly name: string; readonly size: number },
): Promise<void> {
  await cardOf(page, region).evaluate((card, { name, size }) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(size)], name));
    for (const type of ['dragenter', 'dragover', 'drop'])
      card.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
  }, file);
}
