// What `import 'electron'` gives under the stand-in. A name that is missing here fails at import, by name.

export { app } from './app.ts';
export {
  dialog,
  Menu,
  MenuItem,
  nativeImage,
  Notification,
  screen,
  shell,
  Tray,
} from './desktop.ts';
export { ipcMain } from './ipc-main.ts';
export { MessageChannelMain } from './ports.ts';
export { session } from './session.ts';
export { utilityProcess } from './utility-process.ts';
export { BrowserWindow } from './window.ts';
