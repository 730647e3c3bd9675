// What a preload finds in the page: a require of its own, IPC over bindings, and ports made of real MessageChannels.

/** Names of the bindings the page calls, and of the functions the stand-in calls in the page. */
export const BINDINGS = {
  invoke: '__standinInvoke',
  send: '__standinSend',
  portMessage: '__standinPortMessage',
  portClose: '__standinPortClose',
} as const;

/** Script for the page: runs the preload's source as Electron's sandbox would. */
export function preloadScript(preloadSource: string): string {
  return `(${installRuntime.toString()})(${JSON.stringify(BINDINGS)}, (module, exports, require) => {
${preloadSource}
});`;
}

/** Messages from the stand-in into the page, in the order they were sent. */
export type ToPage =
  | {
      readonly kind: 'event';
      readonly channel: string;
      readonly args: readonly unknown[];
      readonly portIds: readonly number[];
    }
  | { readonly kind: 'port-message'; readonly portId: number; readonly data: unknown }
  | { readonly kind: 'port-close'; readonly portId: number };

type Preload = (
  module: { exports: object },
  exports: object,
  require: (name: string) => unknown,
) => void;

/** Runs in the page, so it may use nothing from around it. */
function installRuntime(bindings: typeof BINDINGS, preload: Preload): void {
  if (window !== window.top) return;
  const listeners = new Map<string, Set<(event: unknown, ...args: unknown[]) => void>>();
  const bridged = new Map<number, MessagePort>();
  const binding = (name: string): ((...args: unknown[]) => Promise<unknown>) =>
    (globalThis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[name] ??
    (() => Promise.reject(new Error(`${name} is not bound`)));

  function portOf(portId: number): MessagePort {
    const { port1, port2 } = new MessageChannel();
    bridged.set(portId, port2);
    port2.addEventListener('message', (event) => {
      void binding(bindings.portMessage)(portId, event.data);
    });
    port2.addEventListener('close', () => void binding(bindings.portClose)(portId));
    port2.start();
    return port1;
  }

  Object.defineProperty(globalThis, '__standinReceive', {
    value(message: ToPage) {
      switch (message.kind) {
        case 'event': {
          const event = { sender: ipcRenderer, ports: message.portIds.map(portOf) };
          for (const listener of listeners.get(message.channel) ?? [])
            listener(event, ...message.args);
          return;
        }
        case 'port-message':
          bridged.get(message.portId)?.postMessage(message.data);
          return;
        case 'port-close':
          bridged.get(message.portId)?.close();
          bridged.delete(message.portId);
      }
    },
  });

  const ipcRenderer = {
    async invoke(channel: string, ...args: unknown[]): Promise<unknown> {
      const answer = (await binding(bindings.invoke)(channel, structuredClone(args))) as
        | { readonly ok: true; readonly value: unknown }
        | { readonly ok: false; readonly message: string };
      if (answer.ok) return answer.value;
      throw new Error(`Error invoking remote method '${channel}': Error: ${answer.message}`);
    },
    send(channel: string, ...args: unknown[]): void {
      void binding(bindings.send)(channel, structuredClone(args));
    },
    on(channel: string, listener: (event: unknown, ...args: unknown[]) => void) {
      const known = listeners.get(channel) ?? new Set();
      listeners.set(channel, known.add(listener));
      return ipcRenderer;
    },
  };
  const electron = {
    ipcRenderer,
    contextBridge: {
      exposeInMainWorld(name: string, api: object): void {
        Object.defineProperty(window, name, { value: Object.freeze({ ...api }) });
      },
    },
    webUtils: { getPathForFile: (file: File & { path?: string }) => file.path ?? '' },
  };
  const module = { exports: {} };
  preload(module, module.exports, (name) => {
    if (name === 'electron') return electron;
    throw new Error(`a sandboxed preload cannot require ${name}`);
  });
}
