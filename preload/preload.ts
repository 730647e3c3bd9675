// The sandboxed preload: hands the page the shell's few abilities and passes on the port to the engine.

import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { SHELL_CHANNELS, type WindowApi } from './shell.ts';

const api: WindowApi = {
  chooseFolder: () => ask(SHELL_CHANNELS.chooseFolder),
  showInFolder: (path) => ask(SHELL_CHANNELS.showInFolder, String(path)),
  pathOfDroppedFile: (file) => webUtils.getPathForFile(file),
  connect: () => ipcRenderer.send(SHELL_CHANNELS.connect),
};

/** Electron puts its own words before the sentence of a refusal; a person is to read only the sentence. */
async function ask<T>(channel: string, ...args: unknown[]): Promise<T> {
  try {
    return (await ipcRenderer.invoke(channel, ...args)) as T;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(said.replace(/^Error invoking remote method '[^']*': (?:\w*Error: )?/, ''), {
      cause: error,
    });
  }
}

// A port cannot cross the context bridge; a window message with a transfer is the documented way.
ipcRenderer.on(SHELL_CHANNELS.port, (event) => {
  window.postMessage({ channel: SHELL_CHANNELS.port }, '*', [...event.ports]);
});

contextBridge.exposeInMainWorld('waybill', api);
