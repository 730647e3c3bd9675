// Loaded into the real Electron before the app: writes down what only the OS would show, and answers dialogs.

const { BrowserWindow, Notification, Tray, dialog } = require('electron');

const seen = { tray: null, menu: null, tooltip: '', notifications: [], answers: [] };
globalThis.waybillTest = {
  tray: () => ({ tooltip: seen.tooltip, labels: labelsOf(seen.menu) }),
  clickTray: () => void seen.tray.emit('click'),
  choose: (id) => {
    const item = seen.menu.getMenuItemById(id);
    if (!item || !item.enabled) throw new Error(`the tray's menu has no ${id} that can be chosen`);
    item.click();
  },
  answer: (value) => void seen.answers.push(value),
  notifications: () => seen.notifications.map(({ title, body }) => ({ title, body })),
  clickNotification: () => void seen.notifications.at(-1).emit('click'),
  windows: () => BrowserWindow.getAllWindows().filter((window) => window.isVisible()).length,
  closeWindow: () => BrowserWindow.getAllWindows()[0]?.close(),
};

const { setContextMenu, setToolTip } = Tray.prototype;
Tray.prototype.setContextMenu = function (menu) {
  seen.tray = this;
  seen.menu = menu;
  return setContextMenu.call(this, menu);
};
Tray.prototype.setToolTip = function (tooltip) {
  seen.tray = this;
  seen.tooltip = tooltip;
  return setToolTip.call(this, tooltip);
};

const { show } = Notification.prototype;
Notification.prototype.show = function () {
  seen.notifications.push(this);
  return show.call(this);
};

dialog.showOpenDialog = async () => {
  if (seen.answers.length === 0) throw new Error('a folder chooser with no queued answer');
  return seen.answers.shift();
};

function labelsOf(menu) {
  return (menu?.items ?? []).flatMap((item) => [
    item.type === 'separator' ? '-' : item.label,
    ...labelsOf(item.submenu),
  ]);
}
