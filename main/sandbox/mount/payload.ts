// Bytes of the files on one mount: read from what has arrived at the site, pulled when it has not, written to the site's disk.

import { open, mkdir, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tree } from '../tree.ts';
import { isVisible, type Node, type SiteName, type World } from '../world.ts';
import { MountError } from './wire.ts';

export interface Payload {
  size(file: Node): Promise<number>;
  read(file: Node, range: { at: number; size: number }, signal: AbortSignal): Promise<Buffer>;
  startWriting(file: Node, options: { truncate: boolean }, signal: AbortSignal): Promise<void>;
  write(file: Node, at: number, bytes: Buffer): Promise<void>;
  truncate(file: Node, size: number): Promise<void>;
  /** What has been written so far becomes a version of the file. */
  commit(file: Node): Promise<void>;
  stopWriting(file: Node): Promise<void>;
  isWriting(file: Node): boolean;
  close(): Promise<void>;
}

interface Session {
  readonly handle: FileHandle;
  writers: number;
  isDirty: boolean;
}

const OWNER = 'artist';
const LOOK_MS = 25;

export function createPayload(world: World, site: SiteName, tree: Tree): Payload {
  const sessions = new Map<Node, Session>();
  const turns = new Map<Node, Promise<unknown>>();

  /** One after the other for each file: a commit must not meet a write. */
  function inTurn<T>(file: Node, act: () => Promise<T>): Promise<T> {
    const done = (turns.get(file) ?? Promise.resolve()).then(act, act);
    const last = done
      .catch(() => undefined)
      .then(() => {
        if (turns.get(file) === last) turns.delete(file);
      });
    turns.set(file, last);
    return done;
  }

  /** An open file is wanted here, so waiting is all there is to do; a link that is cut makes it a long wait. */
  async function arrival(file: Node, signal: AbortSignal): Promise<void> {
    for (;;) {
      const known = file.seen.get(site);
      if (!known || !isVisible(site, file)) throw new MountError('ESTALE');
      if (known.version === 0 || file.instances.get(site) === known.version) return;
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {
        throw new MountError('EINTR');
      });
    }
  }

  function sessionOf(file: Node): Session {
    const session = sessions.get(file);
    if (!session) throw new MountError('ESTALE');
    return session;
  }

  /** While it is written the site has no copy of the version it began as, for movers to take half of. */
  function soil(file: Node, session: Session): void {
    if (!session.isDirty) world.drop(site, file);
    session.isDirty = true;
  }

  async function commit(file: Node): Promise<void> {
    const session = sessions.get(file);
    if (!session?.isDirty) return;
    session.isDirty = false;
    await tree.written(world.pathAt(site, file), OWNER);
  }

  return {
    async size(file) {
      const session = sessions.get(file);
      if (session) return (await session.handle.stat()).size;
      return (file.seen.get(site) ?? file.head).size;
    },
    async read(file, { at, size }, signal) {
      const bytes = Buffer.allocUnsafe(size);
      const session = sessions.get(file);
      if (session) {
        const { bytesRead } = await session.handle.read(bytes, 0, size, at);
        return bytes.subarray(0, bytesRead);
      }
      await arrival(file, signal);
      if ((file.seen.get(site) ?? file.head).version === 0) return Buffer.alloc(0);
      await using handle = await open(tree.pathOf(file), 'r');
      const { bytesRead } = await handle.read(bytes, 0, size, at);
      return bytes.subarray(0, bytesRead);
    },
    startWriting: (file, { truncate }, signal) =>
      inTurn(file, async () => {
        const there = sessions.get(file);
        if (there) {
          there.writers += 1;
          if (!truncate) return;
          soil(file, there);
          await there.handle.truncate(0);
          return;
        }
        const isEmpty = truncate || (file.seen.get(site) ?? file.head).version === 0;
        if (!isEmpty) await arrival(file, signal);
        const path = tree.pathOf(file);
        tree.startWriting(world.pathAt(site, file));
        await mkdir(dirname(path), { recursive: true });
        const session: Session = {
          handle: await open(path, isEmpty ? 'w+' : 'r+'),
          writers: 1,
          isDirty: false,
        };
        sessions.set(file, session);
        if (isEmpty) soil(file, session);
      }),
    write: (file, at, bytes) =>
      inTurn(file, async () => {
        const session = sessionOf(file);
        soil(file, session);
        await session.handle.write(bytes, 0, bytes.length, at);
      }),
    truncate: (file, size) =>
      inTurn(file, async () => {
        const session = sessionOf(file);
        soil(file, session);
        await session.handle.truncate(size);
      }),
    commit: (file) => inTurn(file, () => commit(file)),
    stopWriting: (file) =>
      inTurn(file, async () => {
        const session = sessionOf(file);
        session.writers -= 1;
        if (session.writers > 0) return;
        try {
          if (isVisible(site, file)) await commit(file);
        } finally {
          sessions.delete(file);
          tree.stopWriting(world.pathAt(site, file));
          await session.handle.close();
        }
      }),
    isWriting: (file) => sessions.has(file),
    async close() {
      for (const { handle } of sessions.values()) await handle.close();
      sessions.clear();
    },
  };
}
