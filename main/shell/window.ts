// The one window: made when wanted, destroyed when closed, so that nothing of it stays in memory.

import { readFileSync, writeFileSync } from 'node:fs';
import { BrowserWindow, screen, type Rectangle } from 'electron';
import { sentenceOf } from '../engine/base/errors.ts';
import type { Log } from '../engine/ports/log.ts';
import { restoredBounds } from './bounds.ts';

const SIZE = { width: 1180, height: 760 };
const LEAST = { width: 720, height: 480 };
/** Shown until the page has painted. The neutral grey of the dark theme. */
const BACKGROUND = '#1b1b1b';

export interface MainWindow {
  /** Brings the window to the front, and makes it when there is none. */
  open(): void;
  /** What a click on the tray does. */
  toggle(): void;
  current(): BrowserWindow | null;
}

export function createMainWindow(options: {
  readonly pagePath: string;
  readonly preloadPath: string;
  readonly iconPath: string;
  /** Remembers the size and the place over restarts. */
  readonly boundsPath: string;
  readonly title: string;
  readonly log: Log;
}): MainWindow {
  let window: BrowserWindow | null = null;

  function make(): BrowserWindow {
    const workAreas = screen.getAllDisplays().map((display) => display.workArea);
    const made = new BrowserWindow({
      ...(restoredBounds(keptText(options.boundsPath), workAreas) ?? SIZE),
      minWidth: LEAST.width,
      minHeight: LEAST.height,
      show: false,
      title: options.title,
      icon: options.iconPath,
      backgroundColor: BACKGROUND,
      autoHideMenuBar: true,
      webPreferences: {
        preload: options.preloadPath,
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webSecurity: true,
        spellcheck: false,
      },
    });
    made.once('ready-to-show', () => made.show());
    made.on('close', () => keepBounds(made.getNormalBounds(), options));
    made.once('closed', () => {
      window = null;
    });
    made.loadFile(options.pagePath).catch((error: unknown) => {
      // A window closed while it still loads is no failure.
      if (!made.isDestroyed()) options.log.error('The page did not load', { error });
    });
    return made;
  }

  function open(): void {
    if (!window) {
      window = make();
      return;
    }
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
  }

  return {
    open,
    toggle() {
      if (window?.isVisible() && !window.isMinimized()) window.close();
      else open();
    },
    current: () => window,
  };
}

function keptText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // There is none before the first close.
    return null;
  }
}

function keepBounds(bounds: Rectangle, options: { boundsPath: string; log: Log }): void {
  try {
    writeFileSync(options.boundsPath, JSON.stringify(bounds));
  } catch (error) {
    options.log.warn('The size of the window was not kept', { why: sentenceOf(error) });
  }
}
