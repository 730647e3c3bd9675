// The farm's named lists: pools, groups and limits, and which worker was put into which by hand.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const Saved = z.object({
  pools: z.array(z.string()),
  groups: z.array(z.string()),
  limits: z.record(z.string(), z.record(z.string(), z.unknown())),
  assigned: z.object({
    pools: z.record(z.string(), z.array(z.string())),
    groups: z.record(z.string(), z.array(z.string())),
  }),
});

export type ListKind = 'pools' | 'groups';

export interface FarmLists {
  /** With 'none', which every farm has. */
  names(kind: ListKind): string[];
  add(kind: ListKind, names: readonly string[]): void;
  remove(kind: ListKind, names: readonly string[]): void;
  assign(kind: ListKind, change: Assignment): void;
  /** What was assigned to a worker by hand; undefined when nothing ever was. */
  assigned(kind: ListKind, worker: string): readonly string[] | undefined;
  limits(): Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  setLimit(name: string, limit: Readonly<Record<string, unknown>>): void;
  removeLimits(names: readonly string[]): void;
}

export interface Assignment {
  readonly workers: readonly string[];
  readonly names: readonly string[];
  readonly overwrite: boolean;
}

export function openLists(path: string, groups: readonly string[]): FarmLists {
  const lists = existsSync(path)
    ? Saved.parse(JSON.parse(readFileSync(path, 'utf8')))
    : { pools: ['show'], groups: [], limits: {}, assigned: { pools: {}, groups: {} } };
  lists.groups = [...new Set([...groups, ...lists.groups])];

  function save(): void {
    writeFileSync(`${path}.part`, JSON.stringify(lists));
    renameSync(`${path}.part`, path);
  }

  return {
    names: (kind) => ['none', ...lists[kind]],
    add(kind, names) {
      const fresh = names.filter((name) => name !== '' && name !== 'none');
      lists[kind] = [...new Set([...lists[kind], ...fresh])];
      save();
    },
    remove(kind, names) {
      lists[kind] = lists[kind].filter((name) => !names.includes(name));
      save();
    },
    assign(kind, { workers, names, overwrite }) {
      const all = new Map(Object.entries(lists.assigned[kind]));
      for (const worker of workers)
        all.set(worker, [...new Set([...(overwrite ? [] : (all.get(worker) ?? [])), ...names])]);
      lists.assigned[kind] = Object.fromEntries(all);
      save();
    },
    assigned: (kind, worker) =>
      Object.hasOwn(lists.assigned[kind], worker) ? lists.assigned[kind][worker] : undefined,
    limits: () => lists.limits,
    setLimit(name, limit) {
      lists.limits = { ...lists.limits, [name]: { ...lists.limits[name], ...limit } };
      save();
    },
    removeLimits(names) {
      lists.limits = Object.fromEntries(
        Object.entries(lists.limits).filter(([name]) => !names.includes(name)),
      );
      save();
    },
  };
}
