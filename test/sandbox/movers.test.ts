// Movers over a link that breaks: what was cut off is moved again, whole, and counted once.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machineClock } from '../../main/sandbox/clock.ts';
import { startMovers } from '../../main/sandbox/movers.ts';
import { startS3 } from '../../main/sandbox/s3.ts';
import { createTree, type Tree } from '../../main/sandbox/tree.ts';
import { World } from '../../main/sandbox/world.ts';
import { until } from './farm-subject.ts';

const SITES = [
  { name: 'london', place: '', participantId: 0 },
  { name: 'oregon', place: '', participantId: 2 },
];
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };

test('a connection that breaks in the middle of an upload costs a new try and nothing else', async () => {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'waybill-movers-'));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const world = new World({
    sites: SITES,
    share: { name: 'shots', path: '/shots' },
    intervalMs: 100,
    now: () => Date.now(),
    newUuid: () => randomUUID(),
  });
  const trees = new Map<string, Tree>();
  for (const { name } of SITES) trees.set(name, createTree(world, name, join(dir, name)));
  stack.defer(() => trees.forEach((tree) => tree.close()));
  const home = trees.get('london');
  if (!home) throw new Error('no home');
  const s3 = await startS3({
    world,
    homeSite: 'london',
    homeTree: home,
    stagingDir: join(dir, 'staging'),
    credentials,
    region: 'eu-west-2',
    port: 0,
  });
  stack.defer(() => s3.stop());
  const breaker = await startBreaker(s3.port, { connections: 2, afterBytes: 30_000 });
  stack.defer(() => breaker.stop());
  const movers = startMovers({
    world,
    clock: machineClock(),
    trees,
    s3: { endpoint: `http://127.0.0.1:${breaker.port}`, region: 'eu-west-2', credentials },
    bandwidth: () => 300_000,
  });
  stack.defer(() => movers.stop());

  const text = 'payload '.repeat(12_500);
  const path = join(dir, 'london/shots/a.txt');
  await writeFile(path, text);
  await home.notice('', { deep: false });
  const node = world.find('london', 'a.txt');
  if (!node) throw new Error('the file was not noticed');
  world.update('london', node, { keepOnSites: ['oregon'] });
  world.replicate();
  const arrived = join(dir, 'oregon/shots/a.txt');
  await until(
    () => readFile(arrived, 'utf8').catch(() => ''),
    (found) => found === text,
  );
  await until(
    async () => movers.progress('oregon', node),
    (progress) => progress === null,
  );
  expect(breaker.broken()).toBe(2);
  expect(world.link('london', 'oregon')).toMatchObject({ payloadBytes: 100_000, payloadFiles: 1 });
  expect(node.instances.get('oregon')).toBe(1);
});

/** Passes connections on, and cuts the first few off after so many bytes. */
async function startBreaker(
  target: number,
  breaks: { connections: number; afterBytes: number },
): Promise<{ port: number; broken(): number; stop(): void }> {
  let broken = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const onward = connect(target, '127.0.0.1');
    let sent = 0;
    for (const socket of [client, onward]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        client.destroy();
        onward.destroy();
      });
    }
    client.on('data', (part) => {
      sent += part.length;
      if (sent > breaks.afterBytes && broken < breaks.connections) {
        broken += 1;
        client.destroy();
      } else onward.write(part);
    });
    onward.on('data', (part) => client.write(part));
    onward.once('end', () => client.end());
    client.once('end', () => onward.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    broken: () => broken,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
