// `npm start`: the app where Electron and a display are, else the same window in the browser.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { AgentError, sentenceOf } from './engine/base/errors.ts';
import { defaultStateDir } from './ipc/paths.ts';
import { startSandbox, superviseAgent, type AgentProcess } from './supervise.ts';

export interface StartOptions {
  /** waybill.studio.json; the embedded sandbox when absent. */
  readonly studio: string | undefined;
  readonly stateDir: string | undefined;
  /** Never opens the app, only the browser's window. */
  readonly browser: boolean;
  readonly signal: AbortSignal;
}

export async function runStart(options: StartOptions): Promise<void> {
  const electron = options.browser ? { path: null, why: 'as asked' } : findElectron();
  if (electron.path !== null) return runApp(electron.path, options);
  console.log(`The window opens in your browser (${electron.why}).`);
  await runInBrowser(options);
}

type Found =
  | { readonly path: string; readonly why: null }
  | { readonly path: null; readonly why: string };

function findElectron(): Found {
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) {
    return { path: null, why: 'this machine has no display' };
  }
  const path = electronPath();
  if (path !== null) return { path, why: null };
  return { path: null, why: 'Electron is not downloaded; "npx install-electron" fetches it' };
}

/** Never asks the `electron` package itself: that would start a download. */
function electronPath(): string | null {
  const override = process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  const names = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' } as const;
  const name = names[process.platform as keyof typeof names] ?? 'electron';
  const folders = [override, distFolder()].filter((folder) => folder !== undefined);
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  return found ?? null;
}

function distFolder(): string | undefined {
  try {
    const require = createRequire(import.meta.url);
    return join(dirname(require.resolve('electron/package.json')), 'dist');
  } catch {
    // Not installed, as in the packaged app's command line: then there is no folder to look in.
    return undefined;
  }
}

async function runApp(path: string, options: StartOptions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  // An Electron that is too old for the engine still shows its window, joined to an engine on this Node.
  const attached = carriesSqlite(path) ? null : await startEngine(options, stack);
  await runElectron(path, options, attached?.socketPath ?? null);
}

/** Electron 35 brought the Node that has `node:sqlite`; a folder without a version file is taken as new. */
function carriesSqlite(path: string): boolean {
  const file = join(dirname(path), 'version');
  const major = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Infinity;
  return !(major < 35);
}

function runElectron(
  path: string,
  options: StartOptions,
  agentSocket: string | null,
): Promise<void> {
  const root = join(import.meta.dirname, import.meta.filename.endsWith('.js') ? '../..' : '..');
  const args = [
    root,
    ...(options.studio === undefined ? [] : ['--studio', options.studio]),
    ...(options.stateDir === undefined ? [] : ['--state', options.stateDir]),
    ...(agentSocket === null ? [] : ['--agent-socket', agentSocket]),
    // Chromium refuses its sandbox to root.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
  const child = spawn(path, args, { stdio: 'inherit' });
  options.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new AgentError('internal', {
          message: `Electron could not be started (${sentenceOf(cause)}). Try "npm start -- --browser".`,
          retry: 'never',
          cause,
        }),
      ),
    );
    child.once('exit', (code) => {
      process.exitCode = code ?? 0;
      resolve();
    });
  });
}

async function runInBrowser(options: StartOptions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const agent = await startEngine(options, stack);
  console.log(`Open ${agent.browserUrl ?? ''}`);
  console.log('The link works once, on this machine. Ctrl-C ends Waybill.');
  await Promise.race([aborted(options.signal), agent.failed]);
}

/** The engine on this Node, with the sandbox where no studio is named. */
async function startEngine(
  options: StartOptions,
  stack: AsyncDisposableStack,
): Promise<AgentProcess> {
  const stateDir = resolve(options.stateDir ?? defaultStateDir());
  const source =
    options.studio === undefined
      ? [
          '--sandbox',
          stack.use(await startSandbox({ dir: join(stateDir, 'sandbox') })).documentPath,
        ]
      : ['--studio', resolve(options.studio)];
  return stack.use(
    await superviseAgent({
      args: [...source, '--state', stateDir, '--http'],
      onRestart: () =>
        console.log(
          'The engine ended unexpectedly and was started again; "waybill open" gives a new link.',
        ),
    }),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
