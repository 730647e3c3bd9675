// Answers what a window may ask of the shell itself: to choose a folder and to show a file in the OS.

import { realpath } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { app, BrowserWindow, dialog, shell, type IpcMain } from 'electron';
import { z } from 'zod';
import { SHELL_CHANNELS } from '../../preload/shell.ts';
import type { AgentClient, AgentPresence } from './agent-client.ts';
import type { SenderCheck } from './sender.ts';
import { words } from './words.ts';

const Path = z.string().min(1).max(4096);

export function answerRequests(parts: {
  readonly ipc: IpcMain;
  readonly isOurPage: SenderCheck;
  readonly agent: AgentClient;
}): void {
  const { ipc, isOurPage, agent } = parts;

  ipc.handle(SHELL_CHANNELS.chooseFolder, async (event): Promise<string | null> => {
    if (!isOurPage(event)) throw new Error(words.strangeSender);
    return chooseFolder(BrowserWindow.fromWebContents(event.sender));
  });

  ipc.handle(SHELL_CHANNELS.showInFolder, async (event, argument: unknown): Promise<void> => {
    if (!isOurPage(event)) throw new Error(words.strangeSender);
    const wanted = Path.parse(argument);
    const path = await realpath(wanted).catch(() => null);
    if (path === null) throw new Error(words.notThere(wanted));
    if (!isInside(path, await rootsOf(agent.presence()))) throw new Error(words.outside(wanted));
    shell.showItemInFolder(path);
  });
}

/** Null when the person cancelled. */
export async function chooseFolder(window: BrowserWindow | null): Promise<string | null> {
  const options: Electron.OpenDialogOptions = {
    title: words.chooseFolder,
    defaultPath: app.getPath('home'),
    properties: ['openDirectory'],
  };
  const answer = await (window
    ? dialog.showOpenDialog(window, options)
    : dialog.showOpenDialog(options));
  return answer.filePaths[0] ?? null;
}

/** Only what lies in a project is shown: a page must not open a file manager anywhere it likes. */
async function rootsOf(presence: AgentPresence): Promise<string[]> {
  if (presence.kind !== 'up') return [];
  return Promise.all(
    Object.values(presence.state.projects).map((project) =>
      realpath(project.dir).catch(() => project.dir),
    ),
  );
}

function isInside(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    const below = relative(root, path);
    return !isAbsolute(below) && below.split(/[\\/]/)[0] !== '..';
  });
}
