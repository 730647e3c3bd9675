// The window's transport: a MessagePort that the shell hands over, and a new one after each engine restart.

import { SHELL_CHANNELS, type WindowApi } from '../../preload/shell.ts';
import type { ServerMessage } from '../../preload/contract.ts';
import type { Transport, TransportEvents } from './transport.ts';

/** How long a port may take before the shell is asked again. */
const ASK_AGAIN_MS = 5_000;
/** A port to an engine that is just ending closes at once; asking without a rest would spin. */
const AFTER_LOSS_MS = 500;

export function portTransport(shell: Pick<WindowApi, 'connect'>, page: Window): Transport {
  const stopped = new AbortController();
  let port: MessagePort | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function ask(): void {
    shell.connect();
    clearTimeout(timer);
    timer = setTimeout(ask, ASK_AGAIN_MS);
  }

  function adopt(next: MessagePort, events: TransportEvents): void {
    clearTimeout(timer);
    port?.close();
    port = next;
    next.addEventListener('message', (event: MessageEvent<ServerMessage>) => {
      if (port === next) events.onMessage(event.data);
    });
    // Electron adds this event to a page's ports (its guide 'MessagePorts in Electron'): the engine's process is gone.
    next.addEventListener('close', () => {
      if (port !== next) return;
      port = null;
      events.onLost();
      timer = setTimeout(ask, AFTER_LOSS_MS);
    });
    next.start();
    events.onOpen();
  }

  return {
    start(events) {
      page.addEventListener(
        'message',
        (event) => {
          const [next] = event.ports;
          if (event.source === page && next && isPortMessage(event.data)) adopt(next, events);
        },
        { signal: stopped.signal },
      );
      ask();
    },
    send: (message) => port?.postMessage(message),
    stop() {
      stopped.abort();
      clearTimeout(timer);
      port?.close();
      port = null;
    },
  };
}

function isPortMessage(data: unknown): boolean {
  return (
    typeof data === 'object' &&
    data !== null &&
    'channel' in data &&
    data.channel === SHELL_CHANNELS.port
  );
}
