// What the stand-in shows to nobody: tray, menus, notifications, dialogs, images, screens.

import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import type {
  MenuItemConstructorOptions,
  NotificationConstructorOptions,
  OpenDialogOptions,
} from 'electron';
import { record, takeAnswer } from './records.ts';
import { strict } from './strict.ts';

export class MenuItem {
  readonly id: string | undefined;
  readonly label: string;
  readonly enabled: boolean;
  readonly submenu: Menu | null;
  readonly click: () => void;

  constructor(options: MenuItemConstructorOptions) {
    this.id = options.id;
    this.label = options.type === 'separator' ? '-' : (options.label ?? '');
    this.enabled = options.enabled ?? true;
    this.submenu = Array.isArray(options.submenu) ? Menu.buildFromTemplate(options.submenu) : null;
    this.click = () => (options.click as (() => void) | undefined)?.();
  }
}

export class Menu {
  readonly items: MenuItem[];

  constructor(items: MenuItem[]) {
    this.items = items;
  }
  static setApplicationMenu(menu: Menu | null): void {
    record('applicationMenu', menu?.items.length ?? null);
  }
  static buildFromTemplate(template: readonly MenuItemConstructorOptions[]): Menu {
    return new Menu(template.map((options) => new MenuItem(options)));
  }
  getMenuItemById(id: string): MenuItem | null {
    for (const item of this.items) {
      const found = item.id === id ? item : item.submenu?.getMenuItemById(id);
      if (found) return found;
    }
    return null;
  }
}

class NativeImage {
  readonly #bytes: Buffer | null;
  constructor(bytes: Buffer | null) {
    this.#bytes = bytes;
  }
  isEmpty(): boolean {
    return this.#bytes === null || this.#bytes.length === 0;
  }
  setTemplateImage(isTemplate: boolean): void {
    if (this.isEmpty()) throw new Error(`electron stand-in: empty template image ${isTemplate}`);
  }
}

export const nativeImage = strict('nativeImage', {
  createFromPath(path: string) {
    try {
      return strict('NativeImage', new NativeImage(readFileSync(path)));
    } catch {
      // Electron answers an empty image for a path that is not there.
      return strict('NativeImage', new NativeImage(null));
    }
  },
});

export const trays: ShownTray[] = [];

export interface ShownTray {
  readonly tooltip: string;
  readonly menu: Menu | null;
  emit(event: 'click'): boolean;
}

export class Tray extends EventEmitter implements ShownTray {
  tooltip = '';
  menu: Menu | null = null;

  constructor(image: NativeImage) {
    super();
    this.setImage(image);
    trays.push(this);
    return strict('Tray', this);
  }
  setImage(image: NativeImage): void {
    if (image.isEmpty()) throw new Error('electron stand-in: the tray got an empty image');
  }
  setToolTip(text: string): void {
    this.tooltip = text;
  }
  setContextMenu(menu: Menu | null): void {
    this.menu = menu;
  }
}

export const notifications: Notification[] = [];

export class Notification extends EventEmitter {
  readonly #options: NotificationConstructorOptions;

  constructor(options: NotificationConstructorOptions) {
    super();
    this.#options = options;
  }
  static isSupported(): boolean {
    return true;
  }
  show(): void {
    const { title, body } = this.#options;
    record('notification', { title, body });
    notifications.push(this);
  }
}

export const dialog = strict('dialog', {
  // The parent window, when there is one, comes before the options.
  async showOpenDialog(...args: readonly unknown[]) {
    record('showOpenDialog', (args.at(-1) as OpenDialogOptions).properties ?? []);
    return takeAnswer('showOpenDialog');
  },
  showErrorBox(title: string, content: string) {
    record('errorBox', [title, content]);
  },
});

export const shell = strict('shell', {
  async openPath(path: string) {
    record('openPath', path);
    return '';
  },
  showItemInFolder(path: string) {
    record('showItemInFolder', path);
  },
});

export const screen = strict('screen', {
  getAllDisplays: () => [{ id: 1, workArea: { x: 0, y: 0, width: 1280, height: 800 } }],
});
