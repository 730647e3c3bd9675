// What carries the contract's messages between this page and the agent.

import type { ClientMessage, ServerMessage } from '../../preload/contract.ts';

export interface Transport {
  /** Looks for the agent until stopped; every new link is announced by `onOpen`. */
  start(events: TransportEvents): void;
  /** Without a link the message is dropped: a new link starts with a new watch. */
  send(message: ClientMessage): void;
  stop(): void;
}

export interface TransportEvents {
  /** A link is there. Calls that were under way on the one before it are lost. */
  onOpen(): void;
  onMessage(message: ServerMessage): void;
  onLost(): void;
  /** The agent is there but does not know this page; only a person can go on. */
  onSignedOut(): void;
}
