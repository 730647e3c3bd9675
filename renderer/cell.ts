// One value that screens can follow: the smallest store, under the agent, the selection and the drag.

import { useSyncExternalStore } from 'react';

export interface Cell<T> {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

export function createCell<T>(initial: T): Cell<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Follows what `select` takes from the cell; `select` must give the same value for the same cell. */
export function useCell<T, Part>(cell: Cell<T>, select: (value: T) => Part): Part {
  return useSyncExternalStore(cell.subscribe, () => select(cell.get()));
}
