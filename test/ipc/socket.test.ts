// The local socket: one agent per state folder, nobody else gets in, nothing of a killed agent is in the way.

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLog } from '../../main/adapters/log/log.ts';
import { defaultSocketPath } from '../../main/ipc/paths.ts';
import { connectSocket, serveSocket } from '../../main/ipc/socket.ts';

const log = createLog({ write: () => undefined });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'waybill-socket-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the local socket', () => {
  test('lies in a folder that only its owner may enter', async () => {
    const path = join(root, 'run', 'agent.sock');
    await using _server = await serveSocket({ path, log });
    expect(lstatSync(join(root, 'run')).mode & 0o777).toBe(0o700);
  });

  test('is not made in a folder that is open to others', async () => {
    mkdirSync(join(root, 'open'));
    chmodSync(join(root, 'open'), 0o755);
    await expect(serveSocket({ path: join(root, 'open', 'agent.sock'), log })).rejects.toThrow(
      /open to others.*chmod 700/,
    );
  });

  test('a second agent is told that one runs already', async () => {
    const path = join(root, 'run', 'agent.sock');
    await using _first = await serveSocket({ path, log });
    await expect(serveSocket({ path, log })).rejects.toMatchObject({
      code: 'agent-already-running',
    });
  });

  test('what a killed agent left is taken over', async () => {
    const path = join(root, 'run', 'agent.sock');
    mkdirSync(join(root, 'run'), { mode: 0o700 });
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(existsSync(path)).toBe(true);
    await using _server = await serveSocket({ path, log });
    (await connectSocket(path)).close();
  });

  test('no agent is one sentence with what to do', async () => {
    await expect(connectSocket(join(root, 'none.sock'))).rejects.toThrow(
      /No Waybill agent answers at .*none\.sock\. Start the app, or run "waybill agent"\./,
    );
  });

  test('a line without an end and a line that is no JSON end the connection, not the agent', async () => {
    const path = join(root, 'run', 'agent.sock');
    await using server = await serveSocket({ path, log });
    server.serve({} as never);
    for (const attack of ['{"kind":\n', Buffer.alloc(1_100_000, 'a')]) {
      const socket = connect(path);
      socket.on('error', () => undefined);
      socket.write(attack);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    (await connectSocket(path)).close();
  });

  test('a path too long for a socket is replaced by a short one of the same folder', () => {
    const long = join(root, 'x'.repeat(200));
    expect(Buffer.byteLength(defaultSocketPath(long))).toBeLessThanOrEqual(100);
    expect(defaultSocketPath(long)).toBe(defaultSocketPath(long));
    expect(defaultSocketPath(long)).not.toBe(defaultSocketPath(`${long}y`));
  });
});
