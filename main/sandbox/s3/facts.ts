// What S3 knows of objects and uploads beside their bytes, kept in one small database so that a restart forgets nothing.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Rows of JSON by kind and id; ids come back in the order of their UTF-8 bytes, as S3 lists keys. */
export interface Facts {
  get<T>(kind: string, id: string): T | null;
  set(kind: string, id: string, value: unknown): void;
  remove(kind: string, id: string): void;
  removeAll(kind: string): void;
  /** Rows after an id; `next` may be told to go on after a later one. */
  after<T>(kind: string, id: string): IterableIterator<readonly [string, T]>;
  close(): void;
}

const PAGE_ROWS = 500;

export function openFacts(dir: string): Facts {
  mkdirSync(dir, { recursive: true });
  const database = new DatabaseSync(join(dir, 's3.sqlite'));
  // A killed process loses nothing this way; a simulated studio need not survive a power cut.
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    CREATE TABLE IF NOT EXISTS facts (
      kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID`);
  const get = database.prepare('SELECT value FROM facts WHERE kind = ? AND id = ?');
  const set = database.prepare('INSERT OR REPLACE INTO facts (kind, id, value) VALUES (?, ?, ?)');
  const remove = database.prepare('DELETE FROM facts WHERE kind = ? AND id = ?');
  const removeAll = database.prepare('DELETE FROM facts WHERE kind = ?');
  const page = database.prepare(
    `SELECT id, value FROM facts WHERE kind = ? AND id > ? ORDER BY id LIMIT ${PAGE_ROWS}`,
  );
  return {
    get<T>(kind: string, id: string) {
      const row = get.get(kind, id);
      return row ? (JSON.parse(String(row['value'])) as T) : null;
    },
    set: (kind, id, value) => void set.run(kind, id, JSON.stringify(value)),
    remove: (kind, id) => void remove.run(kind, id),
    removeAll: (kind) => void removeAll.run(kind),
    *after<T>(kind: string, id: string) {
      let last = id;
      for (;;) {
        const rows = page.all(kind, last);
        for (const row of rows) {
          last = String(row['id']);
          yield [last, JSON.parse(String(row['value'])) as T] as const;
        }
        if (rows.length < PAGE_ROWS) return;
      }
    },
    close: () => database.close(),
  };
}
