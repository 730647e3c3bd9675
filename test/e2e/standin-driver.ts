// Driver A: the built app in plain Node on the stand-in for Electron, its pages in Debian's Chromium.

import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import type { Asked, CommandName, Commands, Told } from '../standin/control.ts';
import type { Driver, RunningApp, Workplace } from './app.ts';
import { runLeashed, waitForText, watched, type Ended } from './process.ts';

const root = join(import.meta.dirname, '../..');
const chromiumPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const PAGE = /\/out\/renderer\/index\.html/;
const PAGE_MS = 15_000;

export const standinDriver: Driver = {
  name: 'the stand-in and Chromium',
  ownsEngine: true,
  missing: () => (existsSync(chromiumPath) ? null : 'Chromium: apt-get install chromium'),
  launch,
};

async function launch(place: Workplace): Promise<RunningApp> {
  await using stack = new AsyncDisposableStack();
  const { cdp } = stack.use(await startChromium(join(place.dir, 'chromium')));
  const browser = await chromium.connectOverCDP(cdp);
  stack.defer(() => browser.close());
  const environment = {
    ...process.env,
    STANDIN_CDP: cdp,
    STANDIN_APP_DIR: root,
    STANDIN_USER_DIR: place.userDir,
    WAYBILL_STATE: place.stateDir,
    // Nothing but Node is found, so no Blender: the sandbox renders with its own small script, in seconds.
    PATH: dirname(process.execPath),
  };
  const start = (): Ended =>
    watched(
      fork(join(root, 'test/standin/run.ts'), [join(root, 'out/main/app.js')], {
        execArgv: [],
        env: environment,
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    );
  const main = start();
  stack.defer(() => endWithChildren(main, place));
  const ask = questions(main);

  async function page(): Promise<Page> {
    const until = performance.now() + PAGE_MS;
    while (performance.now() < until) {
      const [context] = browser.contexts();
      const found = context?.pages().find((open) => PAGE.test(open.url()) && !open.isClosed());
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the app opened no window in time');
  }

  const owned = stack.move();
  return {
    page,
    windows: () => ask('windows', null),
    closeWindow: async () => void (await ask('closeWindow', null)),
    tray: () => ask('tray', null),
    clickTray: async () => void (await ask('trayClick', null)),
    chooseInTray: async (id) => void (await ask('trayChoose', id)),
    answerFolder: async (dir) =>
      void (await ask('answerDialog', { canceled: false, filePaths: [dir] })),
    notifications: async () =>
      (await ask('recorded', 'notification')) as { title: string; body: string }[],
    clickNotification: async () => void (await ask('clickNotification', null)),
    startAgain: () => start().exited,
    async quit() {
      await ask('quit', null);
      return main.exited;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Commands to the stand-in over the process's own channel. */
function questions(
  main: Ended,
): <K extends CommandName>(
  command: K,
  argument: Commands[K]['argument'],
) => Promise<Commands[K]['answer']> {
  const waiting = new Map<number, (told: Told) => void>();
  let lastId = 0;
  main.child.on('message', (told: Told) => {
    waiting.get(told.id)?.(told);
    waiting.delete(told.id);
  });
  return (command, argument) => {
    lastId += 1;
    const asked: Asked = { id: lastId, command, argument };
    const answer = new Promise<Told>((resolve) => waiting.set(asked.id, resolve));
    main.child.send(asked);
    const gone = main.exited.then((code): Told => {
      return { id: asked.id, failure: `the app ended with code ${code}` };
    });
    return Promise.race([answer, gone]).then((told) => {
      if ('failure' in told) throw new Error(`${command}: ${told.failure}`);
      return told.answer as Commands[typeof command]['answer'];
    });
  };
}

/** The app's children end with it; one that hangs is ended by the id it wrote down. */
async function endWithChildren(main: Ended, place: Workplace): Promise<void> {
  const pids = await Promise.all([
    pidIn(join(place.stateDir, 'agent.json')),
    pidIn(join(place.stateDir, 'sandbox/studio.json')),
  ]);
  await main.end();
  for (const pid of pids) if (pid !== null) await endPid(pid);
}

async function pidIn(path: string): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as { pid: number }).pid;
}

async function endPid(pid: number): Promise<void> {
  for (let tries = 0; tries < 40; tries += 1) {
    try {
      process.kill(pid, tries < 39 ? 0 : 'SIGKILL');
    } catch {
      // Gone, as it should be.
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Chromium extends AsyncDisposable {
  /** Address of its debugging socket, on this machine only. */
  readonly cdp: string;
}

async function startChromium(profileDir: string): Promise<Chromium> {
  const chromiumProcess = runLeashed(
    chromiumPath,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Electron loads modules from disk; Chromium has to be allowed to.
      '--allow-file-access-from-files',
      // A port tells its other end when it closes: on in Electron, still off in plain Chromium.
      '--enable-blink-features=MessagePortCloseEvent',
      '--remote-debugging-port=0',
      `--user-data-dir=${profileDir}`,
      'about:blank',
    ],
    { stderr: 'pipe' },
  );
  const cdp = await waitForText(chromiumProcess.child.stderr, /DevTools listening on (ws:\S+)/);
  return { cdp, [Symbol.asyncDispose]: () => chromiumProcess.end() };
}
