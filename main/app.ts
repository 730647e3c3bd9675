// Electron entry: wiring only.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { app, dialog, ipcMain, Menu } from 'electron';
import { createLog, rotatingFile } from './adapters/log/log.ts';
import { sentenceOf } from './engine/base/errors.ts';
import { followAgent } from './shell/agent-client.ts';
import { chooseEngine } from './shell/engine-choice.ts';
import { guardPages } from './shell/guard.ts';
import { showNotices } from './shell/notifications.ts';
import { shellOptions } from './shell/options.ts';
import { endCleanly } from './shell/quit.ts';
import { relayWindows } from './shell/relay.ts';
import { answerRequests } from './shell/requests.ts';
import { senderCheck } from './shell/sender.ts';
import { createTray } from './shell/tray.ts';
import { createMainWindow } from './shell/window.ts';
import { words } from './shell/words.ts';

const entriesDir = import.meta.dirname;
const rendererDir = join(entriesDir, '../renderer');
const pagePath = join(rendererDir, 'index.html');

async function start(): Promise<void> {
  const options = shellOptions(process.argv.slice(1), process.env);
  const userDir = app.getPath('userData');
  const resourcesDir = app.isPackaged ? process.resourcesPath : join(app.getAppPath(), 'resources');
  const iconPath = join(resourcesDir, 'icons/waybill.png');
  mkdirSync(userDir, { recursive: true });
  const file = rotatingFile(join(userDir, 'shell.log'));
  const log = createLog({ write: (line) => file.write(line) }, 'shell');

  guardPages(app, rendererDir);
  if (process.platform !== 'darwin') Menu.setApplicationMenu(null);
  const window = createMainWindow({
    pagePath,
    preloadPath: join(entriesDir, '../preload/preload.cjs'),
    iconPath,
    boundsPath: join(userDir, 'window.json'),
    title: words.productName,
    log,
  });
  // The tray and the engine stay when the window goes.
  app.on('window-all-closed', () => undefined);

  const host = await chooseEngine(options, entriesDir, log);
  const agent = followAgent(host);
  endCleanly(app, async () => {
    agent[Symbol.dispose]();
    await host[Symbol.asyncDispose]();
    file[Symbol.dispose]();
  });
  const isOurPage = senderCheck(pathToFileURL(pagePath).href);
  relayWindows({ ipc: ipcMain, isOurPage, host, agent });
  answerRequests({ ipc: ipcMain, isOurPage, agent });
  showNotices({ agent, iconPath, log, onClick: () => window.open() });
  createTray({
    agent,
    resourcesDir,
    openWindow: () => window.open(),
    toggleWindow: () => window.toggle(),
    quit: () => app.quit(),
  });
  app.on('second-instance', () => window.open());
  app.on('activate', () => window.open());
  if (!options.hidden) window.open();
}

if (!app.requestSingleInstanceLock()) {
  app.exit(0);
} else {
  app
    .whenReady()
    .then(start)
    .catch((error: unknown) => {
      dialog.showErrorBox(words.productName, words.cannotStart(sentenceOf(error)));
      app.exit(1);
    });
}
