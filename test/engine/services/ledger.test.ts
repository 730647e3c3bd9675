// The ledger: intents survive a kill at any moment, newer formats are left alone, equal events are one.

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLedger } from '../../../main/engine/services/ledger.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'waybill-ledger-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

describe('the ledger', () => {
  test('keeps every acknowledged row when its process is killed', async () => {
    const script = `
      import { openLedger } from ${JSON.stringify(join(import.meta.dirname, '../../../main/engine/services/ledger.ts'))};
      const ledger = openLedger(${JSON.stringify(dir)});
      for (let n = 0; ; n += 1) {
        ledger.intend({ id: 'i' + n, kind: 'mirror', subject: 's', payload: { n } }, n);
        process.stdout.write('i' + n + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString();
      if (said.length > 600) child.kill('SIGKILL');
    });
    await new Promise((resolve) => child.once('exit', resolve));
    const acknowledged = said.split('\n').slice(0, -1);
    expect(acknowledged.length).toBeGreaterThan(50);
    using ledger = openLedger(dir);
    for (const id of acknowledged) expect(ledger.intent(id)?.state).toBe('intended');
  });

  test('says one sentence and changes nothing when a newer Waybill wrote it', () => {
    openLedger(dir)[Symbol.dispose]();
    const db = new DatabaseSync(join(dir, 'ledger.sqlite'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    const before = readFileSync(join(dir, 'ledger.sqlite'));
    expect(() => openLedger(dir)).toThrow(/newer Waybill.*Update Waybill; nothing was changed/);
    expect(readFileSync(join(dir, 'ledger.sqlite')).equals(before)).toBe(true);
  });

  test('names the state folder when it cannot be written', () => {
    const blocked = join(dir, 'file');
    writeFileSync(blocked, '');
    chmodSync(blocked, 0o400);
    expect(() => openLedger(join(blocked, 'state'))).toThrow(/cannot be opened.*--state/);
    expect(existsSync(join(blocked, 'state'))).toBe(false);
  });

  test('names a state folder that no file system can hold, instead of trying for ever', () => {
    expect(() => openLedger('/proc/nothing/state')).toThrow(/cannot be opened.*--state/);
  });

  test('a step repeated after a crash tells its event once', () => {
    using ledger = openLedger(dir);
    const event = {
      key: 'w:ready',
      at: 1,
      kind: 'ready',
      subject: 'w',
      sentence: 'Ready.',
      proof: 'listed',
    } as const;
    expect(ledger.addActivity(event)).toBe(true);
    expect(ledger.addActivity({ ...event, at: 2 })).toBe(false);
    expect(ledger.activity(0, 10)).toHaveLength(1);
  });

  test('a file noted again while its record was on the way stays pending', () => {
    using ledger = openLedger(dir);
    const old = { relativePath: 'a.png', size: 1, mtimeNs: '1' };
    ledger.noteFiles('p', [old]);
    ledger.noteFiles('p', [{ ...old, mtimeNs: '2' }]);
    ledger.markMirrored('p', [old]);
    expect(ledger.recordCounts('p')).toEqual({ pending: 1, mirrored: 0 });
    ledger.markMirrored('p', ledger.pendingRecords('p', 10));
    expect(ledger.recordCounts('p')).toEqual({ pending: 0, mirrored: 1 });
  });
});
