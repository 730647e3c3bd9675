// The window as its user reads it: panes, rows and menus by role and name (renderer/words/en.ts lists them).

import type { Locator, Page } from 'playwright-core';

export interface AppWindow {
  readonly page: Page;
  /** The one sentence on top. */
  readonly glance: Locator;
  readonly connection: Locator;
  readonly chooseFolder: Locator;
  /** Whether a drop also submits the job. */
  readonly renderOnceReady: Locator;
  scene(name: string): Locator;
  region(name: string): Locator;
  waybill(scene: string, region: string): Locator;
  readonly waybills: Locator;
  readonly jobs: Locator;
  tab(name: 'Board' | 'Jobs' | 'Collisions' | 'Activity'): Locator;
  /** Drags the scene onto the region's card with the pointer; `beforeRelease` sees the card's preview. */
  dropScene(scene: string, region: string, beforeRelease: () => Promise<void>): Promise<void>;
  /** Sends the scene with the keyboard alone, by the menu of its row. */
  sendByKeyboard(scene: string, region: string): Promise<void>;
}

export function appWindow(page: Page): AppWindow {
  const pane = (name: string): Locator => page.getByRole('region', { name, exact: true });
  const scene = (name: string): Locator => pane('Scenes').getByRole('row', { name });
  const region = (name: string): Locator => page.getByRole('group', { name, exact: true });
  return {
    page,
    scene,
    region,
    glance: page.getByRole('status', { name: 'Now' }),
    connection: page.locator('[data-connection]'),
    chooseFolder: page.getByRole('button', { name: 'Choose folder…' }),
    renderOnceReady: page.getByRole('switch', { name: 'Render once ready' }),
    waybills: pane('Waybills')
      .getByRole('listitem')
      .filter({ has: page.getByRole('progressbar') }),
    waybill: (sceneName, regionName) =>
      page.getByRole('listitem', { name: `${sceneName} to ${regionName}`, exact: true }),
    jobs: pane('Jobs').getByRole('listitem'),
    tab: (name) => page.getByRole('tab', { name: new RegExp(`^${name}`) }),

    async dropScene(sceneName, regionName, beforeRelease) {
      const from = await centreOf(scene(sceneName));
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      // A drag starts after a few pixels, and the card hears of it by moves over it.
      await page.mouse.move(from.x + 12, from.y + 8, { steps: 4 });
      const to = await centreOf(region(regionName));
      await page.mouse.move(to.x, to.y, { steps: 8 });
      await beforeRelease();
      await page.mouse.up();
    },

    async sendByKeyboard(sceneName, regionName) {
      await scene(sceneName).focus();
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      const item = page.getByRole('menuitem', { name: regionName, exact: true });
      await item.waitFor();
      await page.keyboard.type(regionName);
      await page.keyboard.press('Enter');
    },
  };
}

async function centreOf(locator: Locator): Promise<{ x: number; y: number }> {
  const box = await locator.boundingBox();
  if (!box) throw new Error(`${locator.toString()} is not on the screen`);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}
