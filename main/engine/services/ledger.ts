// The durable record of every intent and what became of it: SQLite on the local disk, synchronous=FULL.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AgentError, sentenceOf } from '../base/errors.ts';
import { makeFolders } from '../base/folders.ts';
import type { ActivityKind, ActivityView, LedgerRow, NoticeView } from '../state.ts';

const SCHEMA_VERSION = 1;

export type IntentKind = 'mirror' | 'upload' | 'tag' | 'untag' | 'submit' | 'release' | 'return';
/** 'sent' means an effect may already have happened; only proof moves it to 'done'. */
export type IntentState = 'intended' | 'sent' | 'done' | 'refused' | 'cancelled';

export interface Intent {
  readonly id: string;
  readonly kind: IntentKind;
  readonly state: IntentState;
  readonly subject: string;
  /** JSON of what is to be done; enough to do it again after a crash. */
  readonly payload: unknown;
  readonly proof: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ProjectRow {
  readonly id: string;
  readonly name: string;
  readonly dir: string;
  readonly namespacePath: string;
  /** st_dev of the folder when it was added: another volume in its place is not the project. */
  readonly dev: string;
  readonly addedAt: number;
}

export interface RecordRow {
  readonly relativePath: string;
  readonly size: number;
  readonly mtimeNs: string;
}

/** What we stored at an object key, or fetched from it; the base of every conditional write. */
export interface ObjectRow {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  readonly sha256: string;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

export interface ActivityInput {
  /** Equal keys are one event, however often a crash repeats the step. */
  readonly key: string;
  readonly at: number;
  readonly kind: ActivityKind;
  readonly subject: string;
  readonly sentence: string;
  readonly bytes?: number;
  readonly files?: number;
  readonly proof: string;
}

export interface Ledger extends Disposable {
  addProject(row: ProjectRow): void;
  removeProject(id: string): void;
  projects(): ProjectRow[];

  /** Marks files as seen with this version; returns how many wait to be mirrored. */
  noteFiles(projectId: string, files: readonly RecordRow[]): number;
  pendingRecords(projectId: string, limit: number): RecordRow[];
  recordCounts(projectId: string): { pending: number; mirrored: number };
  /** Every file known, path → size and mtime. */
  knownFiles(projectId: string): Map<string, RecordRow>;
  /** Files proven in the namespace; a version noted since stays pending. */
  markMirrored(projectId: string, files: readonly RecordRow[]): void;

  intend(intent: Pick<Intent, 'id' | 'kind' | 'subject' | 'payload'>, at: number): Intent;
  setIntent(
    id: string,
    state: IntentState,
    change: { at: number; proof?: string; payload?: unknown },
  ): void;
  intent(id: string): Intent | null;
  openIntents(kind: IntentKind): Intent[];
  rows(limit: number): LedgerRow[];

  object(key: string): ObjectRow | null;
  saveObject(row: ObjectRow): void;

  /** Documents kept whole: waybills and collisions. */
  saveDocument(kind: 'waybill' | 'collision', id: string, document: unknown, at: number): void;
  documents(kind: 'waybill' | 'collision'): unknown[];

  addActivity(input: ActivityInput): boolean;
  activity(afterSeq: number, limit: number): ActivityView[];
  newestActivity(limit: number): ActivityView[];
  addNotice(notice: NoticeView): boolean;
  dismissNotice(id: string): void;
  openNotices(): NoticeView[];
}

export function openLedger(stateDir: string): Ledger {
  const path = join(stateDir, 'ledger.sqlite');
  const db = openDatabase(stateDir, path);
  const all = <Row>(sql: string, ...values: (string | number | null)[]): Row[] =>
    db.prepare(sql).all(...values) as Row[];
  const one = <Row>(sql: string, ...values: (string | number | null)[]): Row | undefined =>
    db.prepare(sql).get(...values) as Row | undefined;
  const run = (sql: string, ...values: (string | number | null)[]): number =>
    Number(db.prepare(sql).run(...values).changes);

  function inTransaction<T>(action: () => T): T {
    db.exec('BEGIN IMMEDIATE');
    try {
      const result = action();
      db.exec('COMMIT');
      return result;
    } catch (error) {
      db.exec('ROLLBACK');
      throw error;
    }
  }

  function intentById(id: string): Intent | null {
    const row = one<IntentRow>(`SELECT ${INTENT_COLUMNS} FROM intent WHERE id = ?`, id);
    return row ? intentOf(row) : null;
  }

  return {
    addProject: (row) =>
      void run(
        'INSERT INTO project(id, name, dir, namespace_path, dev, added_at) VALUES (?, ?, ?, ?, ?, ?)',
        row.id,
        row.name,
        row.dir,
        row.namespacePath,
        row.dev,
        row.addedAt,
      ),
    removeProject: (id) =>
      inTransaction(() => {
        run('DELETE FROM record WHERE project_id = ?', id);
        run('DELETE FROM project WHERE id = ?', id);
      }),
    projects: () =>
      all<ProjectRow>(
        'SELECT id, name, dir, namespace_path AS namespacePath, dev, added_at AS addedAt FROM project ORDER BY added_at',
      ),

    noteFiles: (projectId, files) =>
      inTransaction(() => {
        const note = db.prepare(
          `INSERT INTO record(project_id, relative_path, size, mtime_ns, state) VALUES (?, ?, ?, ?, 'pending')
           ON CONFLICT(project_id, relative_path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, state = 'pending'
           WHERE size <> excluded.size OR mtime_ns <> excluded.mtime_ns`,
        );
        let changed = 0;
        for (const file of files) {
          changed += Number(
            note.run(projectId, file.relativePath, file.size, file.mtimeNs).changes,
          );
        }
        return changed;
      }),
    pendingRecords: (projectId, limit) =>
      all<RecordRow>(
        `SELECT relative_path AS relativePath, size, mtime_ns AS mtimeNs FROM record
         WHERE project_id = ? AND state = 'pending' ORDER BY relative_path LIMIT ?`,
        projectId,
        limit,
      ),
    recordCounts: (projectId) => {
      const rows = all<{ state: string; n: number }>(
        'SELECT state, count(*) AS n FROM record WHERE project_id = ? GROUP BY state',
        projectId,
      );
      const count = (state: string): number => rows.find((row) => row.state === state)?.n ?? 0;
      return { pending: count('pending'), mirrored: count('mirrored') };
    },
    knownFiles: (projectId) =>
      new Map(
        all<RecordRow>(
          'SELECT relative_path AS relativePath, size, mtime_ns AS mtimeNs FROM record WHERE project_id = ?',
          projectId,
        ).map((row) => [row.relativePath, row]),
      ),
    markMirrored: (projectId, files) =>
      inTransaction(() => {
        const mark = db.prepare(
          `UPDATE record SET state = 'mirrored' WHERE project_id = ? AND relative_path = ? AND size = ? AND mtime_ns = ?`,
        );
        for (const file of files) mark.run(projectId, file.relativePath, file.size, file.mtimeNs);
      }),

    intend(intent, at) {
      run(
        `INSERT INTO intent(id, kind, state, subject, payload, proof, created_at, updated_at)
         VALUES (?, ?, 'intended', ?, ?, NULL, ?, ?) ON CONFLICT(id) DO NOTHING`,
        intent.id,
        intent.kind,
        intent.subject,
        JSON.stringify(intent.payload),
        at,
        at,
      );
      return intentById(intent.id) as Intent;
    },
    setIntent: (id, state, change) =>
      void run(
        `UPDATE intent SET state = ?, updated_at = ?, proof = coalesce(?, proof), payload = coalesce(?, payload) WHERE id = ?`,
        state,
        change.at,
        change.proof ?? null,
        change.payload === undefined ? null : JSON.stringify(change.payload),
        id,
      ),
    intent: intentById,
    openIntents: (kind) =>
      all<IntentRow>(
        `SELECT ${INTENT_COLUMNS} FROM intent WHERE kind = ? AND state IN ('intended', 'sent') ORDER BY created_at, id`,
        kind,
      ).map(intentOf),
    rows: (limit) =>
      all<LedgerRow>(
        `SELECT id, kind, state, subject, created_at AS createdAt, updated_at AS updatedAt, proof
         FROM intent ORDER BY updated_at DESC, id LIMIT ?`,
        limit,
      ),

    object: (key) =>
      one<ObjectRow>(
        'SELECT key, etag, size, sha256, mtime_ns AS mtimeNs, ctime_ns AS ctimeNs FROM object WHERE key = ?',
        key,
      ) ?? null,
    saveObject: (row) =>
      void run(
        `INSERT INTO object(key, etag, size, sha256, mtime_ns, ctime_ns) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT(key) DO UPDATE SET etag = excluded.etag, size = excluded.size, sha256 = excluded.sha256,
           mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns`,
        row.key,
        row.etag,
        row.size,
        row.sha256,
        row.mtimeNs,
        row.ctimeNs,
      ),

    saveDocument: (kind, id, document, at) =>
      void run(
        `INSERT INTO document(kind, id, body, updated_at) VALUES (?, ?, ?, ?)
         ON CONFLICT(kind, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at`,
        kind,
        id,
        JSON.stringify(document),
        at,
      ),
    documents: (kind) =>
      all<{ body: string }>('SELECT body FROM document WHERE kind = ? ORDER BY rowid', kind).map(
        (row) => JSON.parse(row.body) as unknown,
      ),

    addActivity: (input) =>
      run(
        `INSERT INTO activity(key, at, kind, subject, sentence, bytes, files, proof) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT(key) DO NOTHING`,
        input.key,
        input.at,
        input.kind,
        input.subject,
        input.sentence,
        input.bytes ?? null,
        input.files ?? null,
        input.proof,
      ) > 0,
    activity: (afterSeq, limit) =>
      all<ActivityView>(
        `SELECT ${ACTIVITY_COLUMNS} FROM activity WHERE seq > ? ORDER BY seq LIMIT ?`,
        afterSeq,
        limit,
      ),
    newestActivity: (limit) =>
      all<ActivityView>(
        `SELECT ${ACTIVITY_COLUMNS} FROM activity ORDER BY seq DESC LIMIT ?`,
        limit,
      ).toReversed(),
    addNotice: (notice) =>
      run(
        'INSERT INTO notice(id, at, title, body, shown) VALUES (?, ?, ?, ?, 0) ON CONFLICT(id) DO NOTHING',
        notice.id,
        notice.at,
        notice.title,
        notice.body,
      ) > 0,
    dismissNotice: (id) => void run('UPDATE notice SET shown = 1 WHERE id = ?', id),
    openNotices: () =>
      all<NoticeView>('SELECT id, at, title, body FROM notice WHERE shown = 0 ORDER BY at, id'),

    [Symbol.dispose]: () => db.close(),
  };
}

interface IntentRow extends Omit<Intent, 'payload'> {
  readonly payload: string;
}

const INTENT_COLUMNS =
  'id, kind, state, subject, payload, proof, created_at AS createdAt, updated_at AS updatedAt';
const ACTIVITY_COLUMNS = 'seq, at, kind, subject, sentence, bytes, files, proof';

function intentOf(row: IntentRow): Intent {
  return { ...row, payload: JSON.parse(row.payload) as unknown };
}

function openDatabase(stateDir: string, path: string): DatabaseSync {
  try {
    makeFolders(stateDir, 0o700);
    const db = new DatabaseSync(path);
    // FULL: with NORMAL a power cut lost every acknowledged row (measured).
    // EXCLUSIVE: one agent per ledger, held by the OS and gone with the process, however it ends.
    db.exec(
      'PRAGMA busy_timeout = 2000; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT;',
    );
    migrate(db, path);
    return db;
  } catch (error) {
    if (error instanceof AgentError) throw error;
    if (/database is locked/.test(sentenceOf(error))) {
      throw new AgentError('agent-already-running', {
        message: `A Waybill agent already works with the ledger in ${stateDir}. Use it, or choose another folder with --state.`,
        retry: 'never',
        cause: error,
        facts: { path },
      });
    }
    throw new AgentError('state-not-writable', {
      message: `The ledger in ${stateDir} cannot be opened (${sentenceOf(error)}). Make the folder writable or choose another with --state.`,
      retry: 'never',
      cause: error,
      facts: { path },
    });
  }
}

function migrate(db: DatabaseSync, path: string): void {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as {
    user_version: number;
  };
  if (version > SCHEMA_VERSION) {
    db.close();
    throw new AgentError('state-newer', {
      message: `The ledger ${path} was written by a newer Waybill (format ${version}, this one knows ${SCHEMA_VERSION}). Update Waybill; nothing was changed.`,
      retry: 'never',
      facts: { path },
    });
  }
  if (version === SCHEMA_VERSION) return;
  db.exec(`
    BEGIN;
    CREATE TABLE project(id TEXT PRIMARY KEY, name TEXT NOT NULL, dir TEXT NOT NULL UNIQUE, namespace_path TEXT NOT NULL UNIQUE,
      dev TEXT NOT NULL, added_at INTEGER NOT NULL) STRICT;
    CREATE TABLE record(project_id TEXT NOT NULL, relative_path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns TEXT NOT NULL,
      state TEXT NOT NULL, PRIMARY KEY(project_id, relative_path)) STRICT, WITHOUT ROWID;
    CREATE INDEX record_state ON record(project_id, state);
    CREATE TABLE intent(id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, subject TEXT NOT NULL, payload TEXT NOT NULL,
      proof TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;
    CREATE INDEX intent_open ON intent(kind, state);
    CREATE TABLE object(key TEXT PRIMARY KEY, etag TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
      mtime_ns TEXT NOT NULL, ctime_ns TEXT NOT NULL) STRICT;
    CREATE TABLE document(kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, updated_at INTEGER NOT NULL,
      PRIMARY KEY(kind, id)) STRICT;
    CREATE TABLE activity(seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, kind TEXT NOT NULL,
      subject TEXT NOT NULL, sentence TEXT NOT NULL, bytes INTEGER, files INTEGER, proof TEXT NOT NULL) STRICT;
    CREATE TABLE notice(id TEXT PRIMARY KEY, at INTEGER NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, shown INTEGER NOT NULL) STRICT;
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;
  `);
}
