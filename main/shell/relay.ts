// Joins each window to the engine: one message channel per window, a fresh one after every restart.

import { MessageChannelMain, type IpcMain, type WebContents } from 'electron';
import { SHELL_CHANNELS } from '../../preload/shell.ts';
import type { AgentClient } from './agent-client.ts';
import type { EngineHost } from './host.ts';
import type { SenderCheck } from './sender.ts';

export function relayWindows(parts: {
  readonly ipc: IpcMain;
  readonly isOurPage: SenderCheck;
  readonly host: EngineHost;
  readonly agent: AgentClient;
}): void {
  const { host, agent } = parts;
  /** Pages that asked; true once they hold a port to the engine that runs now. */
  const pages = new Map<WebContents, boolean>();
  let wasUp = false;

  function join(page: WebContents): void {
    if (page.isDestroyed()) return void pages.delete(page);
    const { port1, port2 } = new MessageChannelMain();
    page.postMessage(SHELL_CHANNELS.port, null, [port1]);
    host.connect(port2);
    pages.set(page, true);
  }

  parts.ipc.on(SHELL_CHANNELS.connect, (event) => {
    if (!parts.isOurPage(event)) return;
    const page = event.sender;
    if (!pages.has(page)) page.once('destroyed', () => pages.delete(page));
    pages.set(page, false);
    if (agent.presence().kind === 'up') join(page);
  });

  agent.onChange((presence) => {
    const isUp = presence.kind === 'up';
    if (isUp === wasUp) return;
    wasUp = isUp;
    for (const [page, isJoined] of pages) {
      if (!isUp) pages.set(page, false);
      else if (!isJoined) join(page);
    }
  });
}
