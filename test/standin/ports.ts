// Message channels as Electron has them: queued until started, neutered once transferred, closed at both ends.

import { EventEmitter } from 'node:events';

interface Sink {
  onMessage(data: unknown): void;
  onClose(): void;
}

/** One end of a channel; what arrives before somebody listens is kept. */
export class ChannelEnd {
  #peer: ChannelEnd | null = null;
  #sink: Sink | null = null;
  #kept: unknown[] = [];
  #closed = false;

  static pair(): [ChannelEnd, ChannelEnd] {
    const [one, other] = [new ChannelEnd(), new ChannelEnd()];
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  send(data: unknown): void {
    if (this.#closed) return;
    const copy = structuredClone(data);
    queueMicrotask(() => this.#peer?.receive(copy));
  }

  listen(sink: Sink): void {
    this.#sink = sink;
    for (const data of this.#kept.splice(0)) sink.onMessage(data);
    if (this.#closed) queueMicrotask(() => sink.onClose());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink?.onClose();
    queueMicrotask(() => this.#peer?.close());
  }

  private receive(data: unknown): void {
    if (this.#sink) this.#sink.onMessage(data);
    else this.#kept.push(data);
  }
}

export class MessagePortMain extends EventEmitter {
  #end: ChannelEnd | null;
  #started = false;

  constructor(end: ChannelEnd) {
    super();
    this.#end = end;
  }

  postMessage(message: unknown, transfer: readonly MessagePortMain[] = []): void {
    if (transfer.length > 0) throw new Error('electron stand-in: a port over a port');
    this.#end?.send(message);
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#end?.listen({
      onMessage: (data) => this.emit('message', { data, ports: [] }),
      onClose: () => this.emit('close'),
    });
  }

  close(): void {
    this.#end?.close();
  }

  /** Gives the end away; the port is of no use afterwards. */
  neuter(): ChannelEnd {
    const end = this.#end;
    if (!end) throw new TypeError('Port at index 0 is already neutered.');
    this.#end = null;
    return end;
  }
}

export class MessageChannelMain {
  readonly port1: MessagePortMain;
  readonly port2: MessagePortMain;

  constructor() {
    const [one, other] = ChannelEnd.pair();
    this.port1 = new MessagePortMain(one);
    this.port2 = new MessagePortMain(other);
  }
}
