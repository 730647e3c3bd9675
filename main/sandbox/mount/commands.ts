// Gateway files of one mount: written, closed, opened again and read, they give the answer; no folder lists them.

import type { Node } from '../world.ts';

export interface GatewayFile {
  readonly id: number;
  readonly folder: Node;
  command: Buffer;
  /** Null until the file that was written has been closed. */
  answer: Buffer | null;
  modifiedMs: number;
}

export interface Commands {
  find(folder: Node, name: string): GatewayFile | undefined;
  byId(id: number): GatewayFile | undefined;
  create(folder: Node, name: string): GatewayFile;
  remove(folder: Node, name: string): boolean;
}

/**
 * `.fs_command_gateway <id>` with one space and a hex id [C hstk]. Anything may stand before it: the public event
 * plug-in writes `<dir>.fs_command_gateway <id>` without a separator, and is answered for the folder that lies in.
 */
const NAME = /^.*\.fs_command_gateway 0x[0-9a-fA-F]{1,32}$/s;
/** An answer that nobody reads is forgotten after this long. */
const KEEP_MS = 5 * 60_000;
/** Above every number the world gives to an item, below what a double can hold. */
const FIRST_ID = 2 ** 40;

export function isGatewayName(name: string): boolean {
  return NAME.test(name);
}

export function createCommands(): Commands {
  const files = new Map<string, GatewayFile>();
  const byId = new Map<number, GatewayFile>();
  let next = FIRST_ID;
  const keyOf = (folder: Node, name: string): string => `${folder.id}/${name}`;

  function forgetOld(): void {
    const limit = Date.now() - KEEP_MS;
    for (const [key, file] of files) {
      // The oldest come first.
      if (file.modifiedMs > limit) return;
      files.delete(key);
      byId.delete(file.id);
    }
  }

  return {
    find: (folder, name) => files.get(keyOf(folder, name)),
    byId: (id) => byId.get(id),
    create(folder, name) {
      forgetOld();
      next += 1;
      const file = {
        id: next,
        folder,
        command: Buffer.alloc(0),
        answer: null,
        modifiedMs: Date.now(),
      };
      files.set(keyOf(folder, name), file);
      byId.set(file.id, file);
      return file;
    },
    remove(folder, name) {
      const file = files.get(keyOf(folder, name));
      if (!file) return false;
      byId.delete(file.id);
      return files.delete(keyOf(folder, name));
    },
  };
}
