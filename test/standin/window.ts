// Windows of the stand-in: each is a page of a real Chromium, met over CDP, that runs the real preload.

import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrowserWindowConstructorOptions } from 'electron';
import { chromium, type Browser, type Page, type Route } from 'playwright-core';
import { app, beforeExit, environment, quitGuards } from './app.ts';
import { ipcMain } from './ipc-main.ts';
import type { ChannelEnd, MessagePortMain } from './ports.ts';
import { BINDINGS, preloadScript, type ToPage } from './preload-runtime.ts';
import { record } from './records.ts';
import { session } from './session.ts';
import { preventable, strict } from './strict.ts';

let browser: Promise<Browser> | null = null;
const windows = new Set<BrowserWindow>();
let lastPortId = 0;

quitGuards.push(() =>
  [...windows].every((window) => {
    window.close();
    return window.isDestroyed();
  }),
);
beforeExit.push(async () => (await browser)?.close());

type OpenHandler = (details: { url: string }) => { action: 'deny' | 'allow' };

class WebContents extends EventEmitter {
  page: Page | null = null;
  openHandler: OpenHandler = () => ({ action: 'allow' });
  readonly #ends = new Map<number, ChannelEnd>();
  #destroyed = false;
  /** Evaluations are chained, so that nothing overtakes what was sent before it. */
  #sent: Promise<unknown> = Promise.resolve();

  isDestroyed(): boolean {
    return this.#destroyed;
  }
  setWindowOpenHandler(handler: OpenHandler): void {
    this.openHandler = handler;
  }

  postMessage(channel: string, message: unknown, transfer: readonly MessagePortMain[] = []): void {
    const ends = transfer.map((port) => port.neuter());
    const portIds = ends.map((end) => {
      lastPortId += 1;
      this.#ends.set(lastPortId, end);
      return lastPortId;
    });
    this.#toPage({ kind: 'event', channel, args: [structuredClone(message)], portIds });
    for (const [at, end] of ends.entries()) {
      const portId = portIds[at] ?? 0;
      end.listen({
        onMessage: (data) => this.#toPage({ kind: 'port-message', portId, data }),
        onClose: () => this.#toPage({ kind: 'port-close', portId }),
      });
    }
  }

  portMessage(portId: number, data: unknown): void {
    this.#ends.get(portId)?.send(data);
  }
  portClose(portId: number): void {
    this.#ends.get(portId)?.close();
    this.#ends.delete(portId);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    for (const end of this.#ends.values()) end.close();
    void this.page?.close();
    this.emit('destroyed');
  }

  #toPage(message: ToPage): void {
    const { page } = this;
    if (!page || this.#destroyed) return;
    this.#sent = this.#sent
      .then(() => page.evaluate(receiveInPage, message))
      .catch((error: unknown) => {
        if (!this.#destroyed) record('page.lost', String(error));
      });
  }
}

function receiveInPage(message: unknown): void {
  (globalThis as unknown as { __standinReceive(message: unknown): void }).__standinReceive(message);
}

export class BrowserWindow extends EventEmitter {
  readonly webContents: WebContents;
  readonly #options: BrowserWindowConstructorOptions;
  #visible: boolean;

  static getAllWindows(): BrowserWindow[] {
    return [...windows];
  }
  static fromWebContents(contents: WebContents): BrowserWindow | null {
    return [...windows].find((window) => window.webContents === contents) ?? null;
  }

  constructor(options: BrowserWindowConstructorOptions = {}) {
    super();
    const { sandbox, contextIsolation, nodeIntegration, webSecurity } =
      options.webPreferences ?? {};
    if (
      sandbox === false ||
      contextIsolation === false ||
      nodeIntegration === true ||
      webSecurity === false
    )
      throw new Error('electron stand-in: insecure webPreferences');
    this.#options = options;
    this.#visible = options.show !== false;
    this.webContents = strict('WebContents', new WebContents());
    windows.add(this);
    app.emit('web-contents-created', {}, this.webContents);
    return strict('BrowserWindow', this);
  }

  async loadFile(path: string): Promise<void> {
    browser ??= chromium.connectOverCDP(environment('STANDIN_CDP'));
    const context = (await browser).contexts()[0];
    if (!context) throw new Error('electron stand-in: Chromium has no context');
    const page = await context.newPage();
    if (this.isDestroyed()) return page.close();
    this.webContents.page = page;
    const { width = 800, height = 600, webPreferences } = this.#options;
    await page.setViewportSize({ width, height });
    await this.#bind(page);
    await page.addInitScript(preloadScript(readFileSync(webPreferences?.preload ?? '', 'utf8')));
    const url = pathToFileURL(resolve(path)).href;
    await page.route('**/*', (route) => this.#pass(route, url));
    await page.goto(url);
    this.emit('ready-to-show');
  }

  show(): void {
    this.#visible = true;
  }
  focus(): void {
    this.emit('focus');
  }
  isVisible(): boolean {
    return this.#visible;
  }
  isMinimized(): boolean {
    return false;
  }
  isDestroyed(): boolean {
    return !windows.has(this);
  }
  getNormalBounds(): { x: number; y: number; width: number; height: number } {
    const { x = 40, y = 40, width = 800, height = 600 } = this.#options;
    return { x, y, width, height };
  }

  close(): void {
    if (this.isDestroyed()) return;
    const event = preventable();
    this.emit('close', event);
    if (event.defaultPrevented) return;
    windows.delete(this);
    this.webContents.destroy();
    this.emit('closed');
    if (windows.size === 0) app.emit('window-all-closed');
  }

  async #bind(page: Page): Promise<void> {
    const { webContents } = this;
    await page.exposeBinding(BINDINGS.invoke, (source, channel: string, args: unknown[]) =>
      ipcMain.invokeFrom(webContents, source.frame, { channel, args }),
    );
    await page.exposeBinding(BINDINGS.send, (source, channel: string, args: unknown[]) =>
      ipcMain.sendFrom(webContents, source.frame, { channel, args }),
    );
    await page.exposeBinding(BINDINGS.portMessage, (_source, portId: number, data: unknown) =>
      webContents.portMessage(portId, data),
    );
    await page.exposeBinding(BINDINGS.portClose, (_source, portId: number) =>
      webContents.portClose(portId),
    );
    page.on('popup', (popup) => {
      const { action } = webContents.openHandler({ url: popup.url() });
      record('popup', action);
      void popup.close();
    });
    page.on('console', (message) => {
      if (message.type() === 'error') record('console.error', message.text());
    });
    page.on('pageerror', (error) => record('pageerror', String(error)));
  }

  /** Asks the app before a request leaves the page, as Electron does. */
  async #pass(route: Route, ownUrl: string): Promise<void> {
    const request = route.request();
    const url = request.url();
    if (request.isNavigationRequest() && url.split(/[?#]/)[0] !== ownUrl) {
      const event = preventable();
      this.webContents.emit('will-navigate', event, url);
      // 'aborted' leaves the page as it is; any other failure would show an error page.
      if (event.defaultPrevented) return route.abort('aborted');
    }
    if (session.defaultSession.isCancelled(url)) {
      record('request.cancelled', url);
      return route.abort();
    }
    return route.continue();
  }
}
