// The farm's named lists: pools, groups, limits, users, and what a client saved of workers; kept in one file.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { HammerspaceSettings } from './hammerspace-event.ts';

const Document = z.record(z.string(), z.unknown());
const Names = z.record(z.string(), z.array(z.string()));

const Saved = z.object({
  pools: z.array(z.string()),
  groups: z.array(z.string()),
  limits: z.record(z.string(), Document),
  assigned: z.object({ pools: Names, groups: Names }),
  users: z.record(z.string(), Document).default({}),
  userGroups: Names.default({ Everyone: [] }),
  workerSettings: z.record(z.string(), Document).default({}),
  hammerspace: HammerspaceSettings.nullable().default(null),
});

type FarmDocument = z.infer<typeof Document>;
export type ListKind = 'pools' | 'groups';

export interface FarmLists {
  /** With 'none', which every farm has. */
  names(kind: ListKind): string[];
  add(kind: ListKind, names: readonly string[]): void;
  remove(kind: ListKind, names: readonly string[]): void;
  /** Replaces what a worker was given by hand. */
  assign(kind: ListKind, worker: string, names: readonly string[]): void;
  /** What was assigned to a worker by hand; undefined when nothing ever was. */
  assigned(kind: ListKind, worker: string): readonly string[] | undefined;
  limits(): Readonly<Record<string, FarmDocument>>;
  setLimit(name: string, limit: FarmDocument): void;
  removeLimits(names: readonly string[]): void;
  users(): Readonly<Record<string, FarmDocument>>;
  /** True when the user is new. */
  saveUser(name: string, user: FarmDocument): boolean;
  removeUsers(names: readonly string[]): void;
  userGroups(): Readonly<Record<string, readonly string[]>>;
  setUserGroup(name: string, users: readonly string[]): void;
  removeUserGroup(name: string): void;
  workerSettings(worker: string): FarmDocument;
  saveWorkerSettings(worker: string, settings: FarmDocument): void;
  /** Settings of the Hammerspace event plug-in; null while it is not installed. */
  hammerspace(): HammerspaceSettings | null;
  setHammerspace(settings: HammerspaceSettings | null): void;
}

export function openLists(path: string, groups: readonly string[]): FarmLists {
  const lists = Saved.parse(
    existsSync(path)
      ? JSON.parse(readFileSync(path, 'utf8'))
      : { pools: ['show'], groups: [], limits: {}, assigned: { pools: {}, groups: {} } },
  );
  lists.groups = [...new Set([...groups, ...lists.groups])];

  function change(values: Partial<typeof lists>): void {
    Object.assign(lists, values);
    writeFileSync(`${path}.part`, JSON.stringify(lists));
    renameSync(`${path}.part`, path);
  }

  return {
    names: (kind) => ['none', ...lists[kind]],
    add(kind, names) {
      const fresh = names.filter((name) => name !== '' && name !== 'none');
      change({ [kind]: [...new Set([...lists[kind], ...fresh])] });
    },
    remove: (kind, names) =>
      change({ [kind]: lists[kind].filter((name) => !names.includes(name)) }),
    assign: (kind, worker, names) =>
      change({
        assigned: {
          ...lists.assigned,
          [kind]: withEntry(lists.assigned[kind], worker, [...new Set(names)]),
        },
      }),
    assigned: (kind, worker) => own(lists.assigned[kind], worker),
    limits: () => lists.limits,
    setLimit: (name, limit) =>
      change({ limits: withEntry(lists.limits, name, { ...own(lists.limits, name), ...limit }) }),
    removeLimits: (names) => change({ limits: without(lists.limits, names) }),
    users: () => lists.users,
    saveUser(name, user) {
      const isNew = own(lists.users, name) === undefined;
      change({ users: withEntry(lists.users, name, { ...own(lists.users, name), ...user }) });
      return isNew;
    },
    removeUsers(names) {
      const userGroups = Object.entries(lists.userGroups).map(([group, users]) => [
        group,
        users.filter((user) => !names.includes(user)),
      ]);
      change({
        users: without(lists.users, names),
        userGroups: Object.fromEntries(userGroups) as typeof lists.userGroups,
      });
    },
    userGroups: () => lists.userGroups,
    setUserGroup: (name, users) =>
      change({ userGroups: withEntry(lists.userGroups, name, [...new Set(users)]) }),
    removeUserGroup: (name) => change({ userGroups: without(lists.userGroups, [name]) }),
    workerSettings: (worker) => own(lists.workerSettings, worker) ?? {},
    saveWorkerSettings: (worker, settings) =>
      change({ workerSettings: withEntry(lists.workerSettings, worker, settings) }),
    hammerspace: () => lists.hammerspace,
    setHammerspace: (hammerspace) => change({ hammerspace }),
  };
}

/** Names come from clients: one called `__proto__` is an entry like any other. */
function withEntry<T>(record: Record<string, T>, name: string, value: T): Record<string, T> {
  return Object.fromEntries([...Object.entries(record), [name, value]]);
}

function without<T>(record: Record<string, T>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

function own<T>(record: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
