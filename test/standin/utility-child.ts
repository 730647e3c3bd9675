// First module of a utility process of the stand-in: makes process.parentPort, then imports the real entry as Electron does.

import { EventEmitter } from 'node:events';
import { pathToFileURL } from 'node:url';
import { ChannelEnd, MessagePortMain } from './ports.ts';
import { pretendElectron } from './pretend.ts';
import type { FromUtility, ToUtility } from './utility-messages.ts';

const bridged = new Map<number, ChannelEnd>();

function send(message: FromUtility): void {
  process.send?.(message);
}

class ParentPort extends EventEmitter {
  postMessage(data: unknown): void {
    send({ kind: 'message', data });
  }
}

const parentPort = new ParentPort();
// What comes before the entry listens is kept, as by Electron.
const kept: unknown[] = [];
parentPort.on('newListener', (name) => {
  if (name !== 'message') return;
  queueMicrotask(() => {
    for (const event of kept.splice(0)) parentPort.emit('message', event);
  });
});

function portOf(portId: number): MessagePortMain {
  const [inside, outside] = ChannelEnd.pair();
  bridged.set(portId, outside);
  outside.listen({
    onMessage: (data) => send({ kind: 'port-message', portId, data }),
    onClose: () => send({ kind: 'port-close', portId }),
  });
  return new MessagePortMain(inside);
}

process.on('message', (message: ToUtility) => {
  switch (message.kind) {
    case 'message': {
      const event = { data: message.data, ports: message.portIds.map(portOf) };
      if (parentPort.listenerCount('message') > 0) parentPort.emit('message', event);
      else kept.push(event);
      return;
    }
    case 'port-message':
      return bridged.get(message.portId)?.send(message.data);
    case 'port-close':
      bridged.get(message.portId)?.close();
      bridged.delete(message.portId);
  }
});
// A utility process never outlives the browser process, however that ended.
process.once('disconnect', () => process.exit(0));

Object.defineProperty(process, 'parentPort', { value: parentPort, enumerable: true });
pretendElectron();
process.argv.splice(1, 1);
// Imported and not run: there, import.meta.main is false in the entry (electron/lib/utility/init.ts).
await import(pathToFileURL(process.argv[1] ?? '').href);
