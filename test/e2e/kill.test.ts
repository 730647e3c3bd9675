// The engine is killed again and again in the middle of the main job: it comes back by itself and ends the same way.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentPidIn, runDemo } from './studio-run.ts';

const KILLS = 10;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'waybill-kill-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('ten kills at random moments: one job, no duplicate, no lost record', async () => {
  const dir = join(root, 'demo');
  let over = false;
  const killed: number[] = [];

  async function killOften(): Promise<void> {
    while (!over && killed.length < KILLS) {
      await sleep(300 + Math.random() * 1_700);
      const pid = agentPidIn(dir);
      if (pid === null || killed.includes(pid)) continue;
      try {
        process.kill(pid, 'SIGKILL');
        killed.push(pid);
      } catch {
        // It ended between the look and the shot.
      }
    }
  }
  const killing = killOften();
  const run = await runDemo({ args: ['--dir', dir, '--no-blender', '--keep-files'] });
  over = true;
  await killing;

  expect({
    code: run.code,
    complaints: run.complaints.replaceAll(/The engine ended.*\n/g, ''),
  }).toEqual({ code: 0, complaints: '' });
  expect(killed.length).toBe(KILLS);
  expect(run.summary?.restarts).toBeGreaterThanOrEqual(KILLS);
  expect(run.summary?.checks.filter((check) => !check.holds)).toEqual([]);
  const counted = new Map<string, number>();
  for (const { event } of run.events) counted.set(event, (counted.get(event) ?? 0) + 1);
  for (const once of [
    'watched',
    'closure',
    'tagged',
    'submitted',
    'held',
    'ready',
    'released',
    'rendering',
    'frames-home',
    'notified',
    'collision',
  ]) {
    expect([once, counted.get(once)]).toEqual([once, 1]);
  }
  using ledger = openedReadOnly(join(dir, 'state', 'ledger.sqlite'));
  expect(ledger.rows("SELECT count(*) AS n FROM record WHERE state <> 'mirrored'")).toEqual([
    { n: 0 },
  ]);
  expect(
    ledger.rows("SELECT count(*) AS n FROM intent WHERE kind = 'submit' AND state = 'done'"),
  ).toEqual([{ n: 1 }]);
}, 240_000);

function openedReadOnly(path: string): Disposable & { rows(sql: string): unknown[] } {
  const db = new DatabaseSync(path, { readOnly: true });
  return {
    rows: (sql) =>
      db
        .prepare(sql)
        .all()
        .map((row) => ({ ...row })),
    [Symbol.dispose]: () => db.close(),
  };
}
