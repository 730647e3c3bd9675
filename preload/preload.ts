// The sandboxed preload: hands the page the shell's few abilities and passes on the port to the engine.

import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { SHELL_CHANNELS, type WindowApi } from './shell.ts';

const api: WindowApi = {
  chooseFolder: () => ipcRenderer.invoke(SHELL_CHANNELS.chooseFolder),
  showInFolder: (path) => ipcRenderer.invoke(SHELL_CHANNELS.showInFolder, String(path)),
  pathOfDroppedFile: (file) => webUtils.getPathForFile(file),
  connect: () => ipcRenderer.send(SHELL_CHANNELS.connect),
};

// A port cannot cross the context bridge; a window message with a transfer is the documented way.
ipcRenderer.on(SHELL_CHANNELS.port, (event) => {
  window.postMessage({ channel: SHELL_CHANNELS.port }, '*', [...event.ports]);
});

contextBridge.exposeInMainWorld('waybill', api);
