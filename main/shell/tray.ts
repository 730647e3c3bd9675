// The tray: its shape and sentence follow the state, its menu reaches what an artist needs without a window.

import { join } from 'node:path';
import {
  Menu,
  Tray,
  dialog,
  nativeImage,
  shell,
  type MenuItemConstructorOptions,
  type NativeImage,
} from 'electron';
import { sentenceOf } from '../engine/base/errors.ts';
import type { AgentClient, AgentPresence } from './agent-client.ts';
import { chooseFolder } from './requests.ts';
import { liveWaybills, progressOf, trayView, type TrayShape } from './tray-view.ts';
import { words } from './words.ts';

/** Windows cuts a tooltip at 128 characters, its end included. */
const TOOLTIP_CHARS = 127;
const MAX_WAYBILLS = 5;
const MAX_LABEL_CHARS = 80;
/** The menu is rebuilt at most this often: a rebuilt menu closes under the pointer on some desktops. */
const REBUILD_MS = 1_000;

export function createTray(parts: {
  readonly agent: AgentClient;
  readonly resourcesDir: string;
  openWindow(): void;
  toggleWindow(): void;
  quit(): void;
}): Tray {
  const { agent } = parts;
  const images = new Map<TrayShape, NativeImage>();
  const tray = new Tray(imageOf(trayView(agent.presence()).shape));
  let shownShape: TrayShape | null = null;
  let shownMenu = '';
  let builtAt = 0;
  let rebuild: NodeJS.Timeout | null = null;

  function imageOf(shape: TrayShape): NativeImage {
    const known = images.get(shape);
    if (known) return known;
    const image = nativeImage.createFromPath(join(parts.resourcesDir, 'tray', `${shape}.png`));
    // On macOS the system paints it in the colour of the menu bar.
    image.setTemplateImage(true);
    images.set(shape, image);
    return image;
  }

  function showView(): void {
    const view = trayView(agent.presence());
    tray.setToolTip(view.sentence.slice(0, TOOLTIP_CHARS));
    if (view.shape === shownShape) return;
    shownShape = view.shape;
    tray.setImage(imageOf(view.shape));
  }

  function showMenu(): void {
    rebuild = null;
    builtAt = performance.now();
    const template = menuOf(agent.presence(), { ...parts, call: agent.call });
    const text = JSON.stringify(template);
    if (text === shownMenu) return;
    shownMenu = text;
    tray.setContextMenu(Menu.buildFromTemplate(template));
  }

  tray.on('click', () => parts.toggleWindow());
  agent.onChange(() => {
    showView();
    rebuild ??= setTimeout(showMenu, Math.max(0, builtAt + REBUILD_MS - performance.now()));
  });
  showView();
  showMenu();
  return tray;
}

interface MenuActions {
  readonly call: AgentClient['call'];
  openWindow(): void;
  quit(): void;
}

function menuOf(presence: AgentPresence, actions: MenuActions): MenuItemConstructorOptions[] {
  const state = presence.kind === 'up' ? presence.state : null;
  return [
    { id: 'sentence', label: labelOf(trayView(presence).sentence), enabled: false },
    { id: 'open', label: words.open, click: () => actions.openWindow() },
    { type: 'separator' },
    waybillsItem(presence, actions),
    projectsItem(presence, actions),
    state?.agent.paused
      ? { id: 'resume', label: words.resume, click: () => attempt(actions.call('resume', {})) }
      : pauseItem(actions, state !== null),
    { type: 'separator' },
    { id: 'quit', label: words.quit, click: () => actions.quit() },
  ];
}

function waybillsItem(presence: AgentPresence, actions: MenuActions): MenuItemConstructorOptions {
  const state = presence.kind === 'up' ? presence.state : null;
  const rows = state
    ? liveWaybills(state)
        .slice(0, MAX_WAYBILLS)
        .map((waybill) => ({
          label: labelOf(progressOf(state, waybill)),
          click: () => actions.openWindow(),
        }))
    : [];
  return {
    id: 'waybills',
    label: words.waybills,
    submenu: rows.length > 0 ? rows : [{ label: words.noWaybills, enabled: false }],
  };
}

function projectsItem(presence: AgentPresence, actions: MenuActions): MenuItemConstructorOptions {
  const projects = presence.kind === 'up' ? Object.values(presence.state.projects) : [];
  const rows: MenuItemConstructorOptions[] = projects.map((project) => ({
    id: project.id,
    label: labelOf(project.name),
    click: () => void shell.openPath(project.dir),
  }));
  return {
    id: 'projects',
    label: words.projects,
    submenu: [
      ...(rows.length > 0 ? rows : [{ label: words.noProjects, enabled: false }]),
      { type: 'separator' },
      {
        id: 'add-folder',
        label: words.addFolder,
        enabled: presence.kind === 'up',
        click: () => attempt(addFolder(actions)),
      },
    ],
  };
}

function pauseItem(actions: MenuActions, enabled: boolean): MenuItemConstructorOptions {
  const pause = (forMinutes: number | null) => () => attempt(actions.call('pause', { forMinutes }));
  return {
    id: 'pause',
    label: words.pause,
    enabled,
    submenu: [
      { id: 'pause-hour', label: words.pauseForHour, click: pause(60) },
      { id: 'pause-until-resumed', label: words.pauseUntilResumed, click: pause(null) },
    ],
  };
}

async function addFolder(actions: MenuActions): Promise<void> {
  const dir = await chooseFolder(null);
  if (dir !== null) await actions.call('addProject', { dir });
}

/** What was asked for in a menu and failed is said in a dialog: there may be no window to say it in. */
function attempt(task: Promise<unknown>): void {
  task.catch((error: unknown) => dialog.showErrorBox(words.productName, sentenceOf(error)));
}

/** In a menu an ampersand marks the access key of the next letter. */
function labelOf(text: string): string {
  const cut = text.length > MAX_LABEL_CHARS ? `${text.slice(0, MAX_LABEL_CHARS - 1)}…` : text;
  return cut.replaceAll('&', '&&');
}
