// Where an agent keeps its state and where it listens, per platform.

import { createHash } from 'node:crypto';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** sun_path holds 108 bytes on Linux and 104 on macOS, its NUL included. */
const SOCKET_PATH_BYTES = 100;

export function defaultStateDir(): string {
  const home = homedir();
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'Waybill');
  if (process.platform === 'win32') {
    return join(process.env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'Waybill');
  }
  return join(process.env['XDG_STATE_HOME'] ?? join(home, '.local', 'state'), 'waybill');
}

/** One agent per state folder: the name of its socket or pipe follows from the folder. */
export function defaultSocketPath(stateDir: string): string {
  const digest = createHash('sha256').update(stateDir).digest('hex').slice(0, 16);
  if (process.platform === 'win32') {
    return `\\\\.\\pipe\\waybill-${userInfo().username}-${digest}`;
  }
  const beside = join(stateDir, 'run', 'agent.sock');
  if (Buffer.byteLength(beside) <= SOCKET_PATH_BYTES) return beside;
  return join(tmpdir(), `waybill-${userInfo().uid}-${digest}`, 'agent.sock');
}
