// The running app as a person at the desk has it, whichever way it is driven.

import type { Page } from 'playwright-core';

export interface TrayShown {
  readonly tooltip: string;
  /** Labels of the menu and its submenus, top to bottom. */
  readonly labels: readonly string[];
}

export interface RunningApp extends AsyncDisposable {
  /** The page of the open window; waits for one. */
  page(): Promise<Page>;
  /** How many windows are on the screen. */
  windows(): Promise<number>;
  closeWindow(): Promise<void>;
  tray(): Promise<TrayShown>;
  clickTray(): Promise<void>;
  /** Chooses from the tray's menu by the item's id. */
  chooseInTray(id: string): Promise<void>;
  /** What the next folder chooser will answer. */
  answerFolder(dir: string): Promise<void>;
  notifications(): Promise<readonly { title: string; body: string }[]>;
  clickNotification(): Promise<void>;
  /** Starts the app a second time and waits until that one has ended. */
  startAgain(): Promise<number | null>;
  /** Quits as the tray's Quit does; the exit code. */
  quit(): Promise<number | null>;
}

export interface Driver {
  readonly name: string;
  /** Whether the app runs the engine itself, or is attached to one that is there. */
  readonly ownsEngine: boolean;
  /** Null when it can run here; else what to install. */
  missing(): string | null;
  launch(place: Workplace): Promise<RunningApp>;
}

/** Folders of one run, all below one that goes away with it. */
export interface Workplace extends AsyncDisposable {
  readonly dir: string;
  readonly stateDir: string;
  /** Electron's own folder. */
  readonly userDir: string;
}
