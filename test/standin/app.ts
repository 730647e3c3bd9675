// app of the stand-in: its life from ready to quit, its paths, and the lock of the single instance.

import { EventEmitter } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { record } from './records.ts';
import { preventable, strict } from './strict.ts';

const appDir = environment('STANDIN_APP_DIR');
const userDir = environment('STANDIN_USER_DIR');
const about = JSON.parse(readFileSync(join(appDir, 'package.json'), 'utf8')) as {
  readonly name: string;
  readonly productName?: string;
  readonly version: string;
};

/** Closed in turn by app.quit; filled by the windows. */
export const quitGuards: (() => boolean)[] = [];
/** Run to their end before the process exits. */
export const beforeExit: (() => Promise<unknown>)[] = [];

class App extends EventEmitter {
  readonly isPackaged = false;
  #ready = false;
  #markReady: () => void = () => undefined;
  readonly #whenReady = new Promise<void>((resolve) => (this.#markReady = resolve));

  getName(): string {
    return about.productName ?? about.name;
  }
  getVersion(): string {
    return about.version;
  }
  getAppPath(): string {
    return appDir;
  }
  getPath(name: string): string {
    if (name === 'home') return homedir();
    if (name === 'userData') return userDir;
    throw new Error(`electron stand-in: app.getPath('${name}') is not modelled`);
  }
  isReady(): boolean {
    return this.#ready;
  }
  whenReady(): Promise<void> {
    return this.#whenReady;
  }
  setAppUserModelId(id: string): void {
    record('appUserModelId', id);
  }

  requestSingleInstanceLock(): boolean {
    mkdirSync(userDir, { recursive: true });
    const lockPath = join(userDir, 'standin.lock');
    const socketPath = join(userDir, 'standin.sock');
    const holder = pidIn(lockPath);
    if (holder !== null && isAlive(holder)) {
      beforeExit.push(() => tell(socketPath, { argv: process.argv, cwd: process.cwd() }));
      return false;
    }
    writeFileSync(lockPath, String(process.pid));
    rmSync(socketPath, { force: true });
    const server = createServer((socket) => {
      let text = '';
      socket.on('data', (part) => (text += part.toString()));
      socket.once('end', () => {
        const { argv, cwd } = JSON.parse(text) as { argv: string[]; cwd: string };
        this.emit('second-instance', {}, argv, cwd, null);
        socket.end();
      });
    });
    server.listen(socketPath).unref();
    return true;
  }

  quit(): void {
    const before = preventable();
    this.emit('before-quit', before);
    if (before.defaultPrevented) return;
    if (!quitGuards.every((close) => close())) return;
    const will = preventable();
    this.emit('will-quit', will);
    if (!will.defaultPrevented) this.exit(0);
  }

  exit(code = 0): void {
    this.emit('quit', {}, code);
    void Promise.allSettled(beforeExit.map((end) => end())).then(() => process.exit(code));
  }

  /** Called once the main module has been evaluated: a top-level wait for 'ready' never ends, as in Electron. */
  markReady(): void {
    this.#ready = true;
    this.emit('ready', {});
    this.#markReady();
  }
}

const instance = new App();
export const app = strict('app', instance);

export function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`electron stand-in: ${name} is not set`);
  return value;
}

function pidIn(path: string): number | null {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    // Nobody holds the lock.
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // Left by one that was killed.
    return false;
  }
}

function tell(socketPath: string, message: unknown): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(socketPath, () => socket.end(JSON.stringify(message)));
    socket.once('close', () => resolve());
    socket.once('error', () => resolve());
    socket.resume();
  });
}
