// Holds the one AgentState, counts revisions and tells watchers which slices changed, at most ten times a second.

import type { StateChange } from '../api.ts';
import type { Clock } from '../ports/clock.ts';
import type { AgentState, SliceName } from '../state.ts';
import { isAbort } from './errors.ts';

const QUIET_MS = 100;

export interface Store extends Disposable {
  get(): AgentState;
  revision(): number;
  /** Replaces one slice; an unchanged value is no change. */
  set<K extends SliceName>(slice: K, value: AgentState[K]): void;
  /** Changes one entry of a keyed slice; undefined removes it. */
  put<K extends KeyedSlice>(slice: K, key: string, value: AgentState[K][string] | undefined): void;
  watch(slices: readonly SliceName[] | 'all', onChange: (change: StateChange) => void): Disposable;
}

type KeyedSlice =
  | 'health'
  | 'projects'
  | 'scenes'
  | 'regions'
  | 'waybills'
  | 'transfers'
  | 'jobs'
  | 'collisions';

export function createStore(initial: AgentState, clock: Clock): Store {
  let state = initial;
  let revision = 1;
  let pending = new Set<SliceName>();
  let flushing = false;
  const stop = new AbortController();
  const watchers = new Set<{
    slices: readonly SliceName[] | 'all';
    onChange: (change: StateChange) => void;
  }>();

  function set<K extends SliceName>(slice: K, value: AgentState[K]): void {
    if (state[slice] === value) return;
    state = { ...state, [slice]: value };
    pending.add(slice);
    if (!flushing) flushSoon();
  }

  function flushSoon(): void {
    flushing = true;
    clock
      .sleep(QUIET_MS, { signal: stop.signal })
      .then(flush)
      .catch((error: unknown) => {
        if (!isAbort(error)) throw error;
      });
  }

  function flush(): void {
    flushing = false;
    const changed = pending;
    pending = new Set();
    revision += 1;
    for (const watcher of watchers) {
      const slices: Partial<Record<SliceName, unknown>> = {};
      for (const slice of changed) {
        if (watcher.slices === 'all' || watcher.slices.includes(slice))
          slices[slice] = state[slice];
      }
      watcher.onChange({ revision, slices: slices as Partial<AgentState> });
    }
  }

  return {
    get: () => state,
    revision: () => revision,
    set,
    put(slice, key, value) {
      const before = state[slice] as Readonly<Record<string, unknown>>;
      if (value === undefined) {
        if (!(key in before)) return;
        const { [key]: _gone, ...rest } = before;
        set(slice, rest as AgentState[typeof slice]);
        return;
      }
      set(slice, { ...before, [key]: value } as AgentState[typeof slice]);
    },
    watch(slices, onChange) {
      const watcher = { slices, onChange };
      watchers.add(watcher);
      return { [Symbol.dispose]: () => void watchers.delete(watcher) };
    },
    [Symbol.dispose]: () => stop.abort(),
  };
}
