// The window's long-lived parts, made once in main.tsx and reached by screens through one context.

import { createContext, useContext, useSyncExternalStore } from 'react';
import type { WindowApi } from '../preload/shell.ts';
import type { AgentState } from '../preload/contract.ts';
import type { Agent, Connection } from './agent.ts';
import { useCell, type Cell } from './cell.ts';
import type { Drag } from './dragging.ts';
import type { Reports } from './reports.ts';
import type { Selection } from './selection.ts';
import type { Sendings } from './sending.ts';

export interface Parts {
  readonly agent: Agent;
  /** Null in a plain browser. */
  readonly shell: WindowApi | null;
  readonly selection: Selection;
  readonly drag: Cell<Drag | null>;
  readonly sendings: Sendings;
  readonly reports: Reports;
  readonly clock: Cell<number>;
  /** Whether a drop also submits the render job. */
  readonly submits: Cell<boolean>;
}

export const PartsContext = createContext<Parts | null>(null);

export function useParts(): Parts {
  const parts = useContext(PartsContext);
  if (parts === null) throw new Error('invariant: the window gives its parts to every screen');
  return parts;
}

/** Follows what `select` takes from the state; only for screens that are shown once there is a state. */
export function useAgent<Part>(select: (state: AgentState) => Part): Part {
  const { agent } = useParts();
  return useSyncExternalStore(agent.cell.subscribe, () => {
    const { state } = agent.cell.get();
    if (state === null) throw new Error('invariant: this screen is shown once there is a state');
    return select(state);
  });
}

export function useConnection(): Connection {
  const { agent } = useParts();
  return useCell(agent.cell, (snapshot) => snapshot.connection);
}

/** The time in whole minutes. */
export function useNow(): number {
  const { clock } = useParts();
  return useCell(clock, (now) => now);
}
