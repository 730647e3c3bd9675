// The stand-in's door for the test process: what a hand on the desktop would do, and what an eye would see.

import { app } from './app.ts';
import { notifications, trays, type Menu } from './desktop.ts';
import { queueAnswer, recorded } from './records.ts';
import { utilityPids } from './utility-process.ts';
import { BrowserWindow } from './window.ts';

export interface TrayShown {
  readonly tooltip: string;
  readonly labels: readonly string[];
}

/** Name → argument and answer of each command. */
export interface Commands {
  tray: { argument: null; answer: TrayShown };
  trayClick: { argument: null; answer: null };
  trayChoose: { argument: string; answer: null };
  clickNotification: { argument: null; answer: null };
  answerDialog: { argument: unknown; answer: null };
  recorded: { argument: string; answer: readonly unknown[] };
  windows: { argument: null; answer: number };
  closeWindow: { argument: null; answer: null };
  children: { argument: null; answer: readonly number[] };
  quit: { argument: null; answer: null };
}
export type CommandName = keyof Commands;

const handlers: {
  readonly [K in CommandName]: (argument: Commands[K]['argument']) => Commands[K]['answer'];
} = {
  tray: () => ({
    tooltip: trays[0]?.tooltip ?? '',
    labels: trays[0]?.menu ? labelsOf(trays[0].menu) : [],
  }),
  trayClick: () => {
    trays[0]?.emit('click');
    return null;
  },
  trayChoose: (id) => {
    const item = trays[0]?.menu?.getMenuItemById(id);
    if (!item?.enabled) throw new Error(`the tray's menu has no ${id} that can be chosen`);
    item.click();
    return null;
  },
  clickNotification: () => {
    notifications.at(-1)?.emit('click');
    return null;
  },
  answerDialog: (answer) => {
    queueAnswer(answer);
    return null;
  },
  recorded: (kind) => recorded(kind),
  windows: () => BrowserWindow.getAllWindows().filter((window) => window.isVisible()).length,
  closeWindow: () => {
    BrowserWindow.getAllWindows()[0]?.close();
    return null;
  },
  children: () => utilityPids(),
  quit: () => {
    setImmediate(() => app.quit());
    return null;
  },
};

export interface Asked {
  readonly id: number;
  readonly command: CommandName;
  readonly argument: unknown;
}
export type Told =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: string };

export function serveTest(): void {
  process.on('message', ({ id, command, argument }: Asked) => {
    const handler = handlers[command] as (argument: unknown) => unknown;
    let told: Told;
    try {
      told = { id, answer: handler(argument) };
    } catch (error) {
      told = { id, failure: String(error) };
    }
    process.send?.(told);
  });
  // A killed test run leaves no app behind.
  process.once('disconnect', () => process.exit(0));
}

function labelsOf(menu: Menu): string[] {
  return menu.items.flatMap((item) => [
    item.label,
    ...(item.submenu ? labelsOf(item.submenu) : []),
  ]);
}
