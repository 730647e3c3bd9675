// ipcMain of the stand-in: every argument and answer is cloned on its way, as between two processes.

import { EventEmitter } from 'node:events';
import type { Frame } from 'playwright-core';
import { strict } from './strict.ts';

type Handler = (event: object, ...args: unknown[]) => unknown;
interface Sent {
  readonly channel: string;
  readonly args: readonly unknown[];
}
type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

class IpcMain extends EventEmitter {
  readonly #handlers = new Map<string, Handler>();

  handle(channel: string, handler: Handler): void {
    if (this.#handlers.has(channel))
      throw new Error(`Attempted to register a second handler for '${channel}'`);
    this.#handlers.set(channel, handler);
  }

  async invokeFrom(sender: object, frame: Frame, sent: Sent): Promise<Answer> {
    const handler = this.#handlers.get(sent.channel);
    try {
      if (!handler) throw new Error(`No handler registered for '${sent.channel}'`);
      const args = structuredClone(sent.args);
      const value = await handler({ sender, senderFrame: frameOf(frame) }, ...args);
      return { ok: true, value: structuredClone(value) };
    } catch (error) {
      return { ok: false, message: error instanceof Error ? error.message : String(error) };
    }
  }

  sendFrom(sender: object, frame: Frame, sent: Sent): void {
    this.emit(sent.channel, { sender, senderFrame: frameOf(frame) }, ...structuredClone(sent.args));
  }
}

function frameOf(frame: Frame): object {
  return strict('WebFrameMain', {
    url: frame.url(),
    parent: frame.parentFrame() === null ? null : {},
  });
}

export const ipcMain = strict('ipcMain', new IpcMain());
