// Which scenes are selected, and which row the keyboard is at. Rules as in every file manager.

import { createCell, type Cell } from './cell.ts';

export interface SelectionState {
  readonly ids: ReadonlySet<string>;
  /** The row the keyboard is at; a range starts at `anchor`. */
  readonly active: string | null;
  readonly anchor: string | null;
}

export type SelectMode = 'only' | 'toggle' | 'range';

export interface Selection {
  readonly cell: Cell<SelectionState>;
  /** The rows as they are listed now; what is not listed any more is not selected any more. */
  show(order: readonly string[]): void;
  select(id: string, mode: SelectMode): void;
  /** The keyboard came to a row without selecting it. */
  focus(id: string): void;
  selectAll(): void;
  clear(): void;
  /** The row `by` places away from the active one, within the list; null when it is empty. */
  neighbour(by: number): string | null;
}

export function createSelection(): Selection {
  const cell = createCell<SelectionState>({ ids: new Set(), active: null, anchor: null });
  let order: readonly string[] = [];

  return {
    cell,
    show(next) {
      order = next;
      const { ids, active, anchor } = cell.get();
      const listed = new Set(next);
      const kept = [...ids].filter((id) => listed.has(id));
      const isActiveListed = active !== null && listed.has(active);
      if (kept.length === ids.size && (isActiveListed || active === null)) return;
      cell.set({
        ids: kept.length === ids.size ? ids : new Set(kept),
        active: isActiveListed ? active : null,
        anchor: anchor !== null && listed.has(anchor) ? anchor : null,
      });
    },
    select(id, mode) {
      const { ids, anchor } = cell.get();
      switch (mode) {
        case 'only':
          cell.set({ ids: new Set([id]), active: id, anchor: id });
          return;
        case 'toggle': {
          const next = new Set(ids);
          if (!next.delete(id)) next.add(id);
          cell.set({ ids: next, active: id, anchor: id });
          return;
        }
        case 'range':
          cell.set({
            ids: new Set(between(order, anchor ?? id, id)),
            active: id,
            anchor: anchor ?? id,
          });
      }
    },
    focus: (id) => cell.set({ ...cell.get(), active: id }),
    selectAll() {
      const { active, anchor } = cell.get();
      cell.set({ ids: new Set(order), active, anchor });
    },
    clear() {
      const { active } = cell.get();
      cell.set({ ids: new Set(), active, anchor: null });
    },
    neighbour(by) {
      const { active } = cell.get();
      const at = active === null ? -1 : order.indexOf(active);
      const wanted = at < 0 ? 0 : Math.max(0, Math.min(order.length - 1, at + by));
      return order[wanted] ?? null;
    },
  };
}

function between(order: readonly string[], from: string, to: string): readonly string[] {
  const a = order.indexOf(from);
  const b = order.indexOf(to);
  return a < 0 || b < 0 ? [to] : order.slice(Math.min(a, b), Math.max(a, b) + 1);
}
