// Driver B: the built app in the real Electron binary on a virtual screen, attached to an agent on this Node.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { _electron, type ElectronApplication } from 'playwright-core';
import { startSandbox, superviseAgent } from '../../main/supervise.ts';
import { electronBinary } from '../electron/binary.ts';
import type { Driver, RunningApp, TrayShown, Workplace } from './app.ts';
import { run, runLeashed, waitForText, watched } from './process.ts';

const root = join(import.meta.dirname, '../..');
const LAUNCH_MS = 20_000;
const TOOLS = { Xvfb: '/usr/bin/Xvfb', 'dbus-daemon': '/usr/bin/dbus-daemon' };

export const electronDriver: Driver = {
  name: 'the real Electron',
  ownsEngine: false,
  missing() {
    if (process.platform !== 'linux') return 'Linux: this driver brings its own X screen';
    if (electronBinary() === null) return 'the Electron binary: node test/electron/fetch.ts';
    if (!existsSync(TOOLS.Xvfb)) return 'Xvfb: apt-get install xvfb';
    if (!existsSync(TOOLS['dbus-daemon'])) return 'D-Bus: apt-get install dbus';
    return null;
  },
  launch,
};

/** What electron-hook.cjs puts into the main process. */
interface Hook {
  tray(): TrayShown;
  clickTray(): void;
  choose(id: string): void;
  answer(value: unknown): void;
  notifications(): { title: string; body: string }[];
  clickNotification(): void;
  windows(): number;
  closeWindow(): void;
}

async function launch(place: Workplace): Promise<RunningApp> {
  await using stack = new AsyncDisposableStack();
  const sandbox = stack.use(
    await startSandbox({ dir: join(place.stateDir, 'sandbox'), useBlender: false }),
  );
  const agent = stack.use(
    await superviseAgent({ args: ['--sandbox', sandbox.documentPath, '--state', place.stateDir] }),
  );
  const app = stack.use(
    await launchElectron({
      place,
      appDir: root,
      environment: { WAYBILL_AGENT_SOCKET: agent.socketPath },
    }),
  );
  const owned = stack.move();
  return { ...app, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export interface ElectronApp extends RunningApp {
  /** Process ids of the engines the shell runs itself: one, or none for a moment. */
  enginePids(): Promise<readonly number[]>;
}

/** Starts the app in `appDir` on a screen of its own. */
export async function launchElectron(options: {
  readonly place: Workplace;
  readonly appDir: string;
  readonly environment: Readonly<Record<string, string>>;
}): Promise<ElectronApp> {
  const executablePath = electronBinary();
  if (executablePath === null) throw new Error('there is no Electron binary');
  await using stack = new AsyncDisposableStack();
  const screen = stack.use(await startScreen());
  const environment = {
    ...process.env,
    ...screen.environment,
    ...options.environment,
  } as Record<string, string>;
  const args = [
    // Chromium refuses its own sandbox to root.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    `--user-data-dir=${options.place.userDir}`,
    options.appDir,
  ];
  const app = await _electron.launch({
    timeout: LAUNCH_MS,
    executablePath,
    args: ['-r', join(import.meta.dirname, 'electron-hook.cjs'), ...args],
    env: environment,
  });
  const main = watched(app.process());
  stack.defer(() => main.end());
  const hook = hookOf(app);

  const owned = stack.move();
  return {
    async page() {
      const open = app.windows().find((page) => !page.isClosed());
      return open ?? app.waitForEvent('window');
    },
    windows: () => hook('windows'),
    closeWindow: () => hook('closeWindow'),
    tray: () => hook('tray'),
    clickTray: () => hook('clickTray'),
    chooseInTray: (id) => hook('choose', id),
    answerFolder: (dir) => hook('answer', { canceled: false, filePaths: [dir] }),
    notifications: () => hook('notifications'),
    clickNotification: () => hook('clickNotification'),
    startAgain: () => run(executablePath, args, { env: environment, stdio: 'ignore' }).exited,
    enginePids: () =>
      app.evaluate(({ app: electron }) =>
        electron
          .getAppMetrics()
          .filter((metric) => metric.name === 'Waybill engine')
          .map((metric) => metric.pid),
      ),
    async quit() {
      await app.evaluate(({ app: electron }) => void setTimeout(() => electron.quit(), 20));
      return main.exited;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type AskHook = <K extends keyof Hook>(
  name: K,
  ...args: Parameters<Hook[K]>
) => Promise<ReturnType<Hook[K]>>;

/** Calls the hook inside the main process. */
function hookOf(app: ElectronApplication): AskHook {
  return (name, ...args) =>
    app.evaluate(
      (_electronModule, [method, values]) => {
        const { waybillTest } = globalThis as unknown as {
          waybillTest: Record<string, (...values: unknown[]) => unknown>;
        };
        return waybillTest[method]?.(...values) as never;
      },
      [name as string, args as unknown[]] as const,
    );
}

interface Screen extends AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;
}

/** An X screen and a session bus of its own: nothing of a real desktop is touched. */
async function startScreen(): Promise<Screen> {
  const xvfb = runLeashed(
    TOOLS.Xvfb,
    ['-displayfd', '1', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'],
    { stdout: 'pipe' },
  );
  const display = await waitForText(xvfb.child.stdout, /(\d+)\n/);
  const bus = runLeashed(TOOLS['dbus-daemon'], ['--session', '--nofork', '--print-address'], {
    stdout: 'pipe',
  });
  const address = await waitForText(bus.child.stdout, /(unix:\S+)\n/);
  return {
    environment: { DISPLAY: `:${display}`, DBUS_SESSION_BUS_ADDRESS: address },
    async [Symbol.asyncDispose]() {
      await bus.end();
      await xvfb.end();
    },
  };
}
