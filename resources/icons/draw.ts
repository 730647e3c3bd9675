// Draws the PNGs that Electron needs from our SVGs, with Debian's Chromium: `node resources/icons/draw.ts`.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

const resourcesDir = join(import.meta.dirname, '..');
const trayDir = join(resourcesDir, 'tray');
const appIcon = join(resourcesDir, 'icons/waybill.svg');

async function draw(page: Page, svgPath: string, target: { path: string; sizePx: number }): Promise<void> {
  const { sizePx } = target;
  await page.setViewportSize({ width: sizePx, height: sizePx });
  const image = Buffer.from(readFileSync(svgPath)).toString('base64');
  await page.setContent(
    `<style>body{margin:0}img{display:block;width:${sizePx}px;height:${sizePx}px}</style><img src="data:image/svg+xml;base64,${image}">`,
  );
  await page.locator('img').evaluate((element) => (element as HTMLImageElement).decode());
  writeFileSync(target.path, await page.screenshot({ omitBackground: true }));
}

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const page = await browser.newPage();
  for (const file of readdirSync(trayDir).filter((name) => name.endsWith('.svg'))) {
    const name = join(trayDir, basename(file, '.svg'));
    await draw(page, join(trayDir, file), { path: `${name}.png`, sizePx: 16 });
    // Electron takes this one by itself on dense screens.
    await draw(page, join(trayDir, file), { path: `${name}@2x.png`, sizePx: 32 });
  }
  await draw(page, appIcon, { path: join(resourcesDir, 'icons/waybill.png'), sizePx: 256 });
} finally {
  await browser.close();
}
