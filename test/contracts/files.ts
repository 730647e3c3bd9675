// The contract of the Files port: absence is proven, links are not followed, nothing is ever replaced.

import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  link,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LocalPath } from '../../main/engine/core/names.ts';
import type { Files } from '../../main/engine/ports/files.ts';

export function filesContract(name: string, files: () => Files): void {
  describe(`files contract over ${name}`, () => {
    let dir: LocalPath;
    const at = (path: string): LocalPath => join(dir, path) as LocalPath;
    beforeEach(async () => {
      dir = (await realpath(await mkdtemp(join(tmpdir(), 'waybill-files-')))) as LocalPath;
    });
    afterEach(() => rm(dir, { recursive: true, force: true }));

    test('a file, a folder and a link are told apart, with exact nanoseconds', async () => {
      await writeFile(at('file'), 'twelve bytes');
      await symlink(at('file'), at('link'));
      expect(await files().stat(at('file'))).toMatchObject({ kind: 'file', size: 12 });
      expect(await files().stat(dir)).toMatchObject({ kind: 'folder' });
      expect(await files().stat(at('link'))).toMatchObject({ kind: 'other' });
      const stats = await files().stat(at('file'));
      expect(stats.mtimeNs).toMatch(/^\d{19}$/);
      expect(stats.ctimeNs).toMatch(/^\d{19}$/);
    });

    test('same size and same times but new content shows in the ctime', async () => {
      await writeFile(at('file'), 'aaaa');
      execFileSync('touch', ['-d', '2026-01-05T10:11:12Z', at('file')]);
      const before = await files().stat(at('file'));
      await writeFile(at('file'), 'bbbb');
      execFileSync('touch', ['-d', '2026-01-05T10:11:12Z', at('file')]);
      const after = await files().stat(at('file'));
      expect(after.mtimeNs).toBe(before.mtimeNs);
      expect(after.size).toBe(before.size);
      expect(after.ctimeNs).not.toBe(before.ctimeNs);
    });

    test('a listing shows each entry once, sorted, and links as other', async () => {
      await writeFile(at('b'), 'x');
      await mkdir(at('a'));
      await symlink('/etc', at('c'));
      const entries = await files().list(dir);
      expect(entries.map((entry) => [entry.name, entry.kind])).toEqual([
        ['a', 'folder'],
        ['b', 'file'],
        ['c', 'other'],
      ]);
      expect(await files().list(at('a'))).toEqual([]);
    });

    test('what is not there is missing, by name or by a file in its way', async () => {
      await writeFile(at('file'), 'x');
      for (const path of [at('none'), at('file/below')]) {
        await expect(files().stat(path)).rejects.toMatchObject({
          code: 'file-missing',
          facts: { path },
        });
        await expect(files().digest(path)).rejects.toMatchObject({ code: 'file-missing' });
        await expect(files().remove(path)).rejects.toMatchObject({ code: 'file-missing' });
        await expect(files().realPath(path)).rejects.toMatchObject({ code: 'file-missing' });
      }
      await expect(files().list(at('none'))).rejects.toMatchObject({ code: 'file-missing' });
      await expect(files().list(at('file'))).rejects.toMatchObject({ code: 'not-a-folder' });
      await expect(files().makeDir(at('file'))).rejects.toMatchObject({ code: 'not-a-folder' });
    });

    test('folders are made with their parents, and again without harm', async () => {
      await files().makeDir(at('a/b/c'));
      await files().makeDir(at('a/b/c'));
      expect(await files().stat(at('a/b/c'))).toMatchObject({ kind: 'folder' });
    });

    test('a finished file is placed once and never over another', async () => {
      await writeFile(at('temp1'), 'one');
      await writeFile(at('temp2'), 'two');
      await files().placeNew(at('temp1'), at('place'));
      await expect(files().placeNew(at('temp2'), at('place'))).rejects.toMatchObject({
        code: 'object-exists',
      });
      expect(await readFile(at('place'), 'utf8')).toBe('one');
      expect(await readFile(at('temp2'), 'utf8')).toBe('two');
      await expect(files().stat(at('temp1'))).rejects.toMatchObject({ code: 'file-missing' });
    });

    test('of ten that place one name exactly one does, and a dangling link counts as taken', async () => {
      await Promise.all(
        Array.from({ length: 10 }, (_, index) => writeFile(at(`t${index}`), String(index))),
      );
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) => files().placeNew(at(`t${index}`), at('place'))),
      );
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled');
      expect(await readFile(at('place'), 'utf8')).toBe(String(winner));
      await symlink(at('nowhere'), at('dangling'));
      await writeFile(at('temp'), 'x');
      await expect(files().placeNew(at('temp'), at('dangling'))).rejects.toMatchObject({
        code: 'object-exists',
      });
    });

    test('placing again after the answer was lost ends well', async () => {
      await writeFile(at('temp'), 'x');
      await link(at('temp'), at('place'));
      await files().placeNew(at('temp'), at('place'));
      expect(await readFile(at('place'), 'utf8')).toBe('x');
      await expect(files().stat(at('temp'))).rejects.toMatchObject({ code: 'file-missing' });
    });

    test('the digest is SHA-256 of the content, of large files too', async () => {
      await writeFile(at('small'), 'abc');
      expect(await files().digest(at('small'))).toBe(
        createHash('sha256').update('abc').digest('hex'),
      );
      await writeFile(at('large'), '');
      await truncate(at('large'), 5_000_000);
      expect(await files().digest(at('large'))).toBe(
        createHash('sha256').update(Buffer.alloc(5_000_000)).digest('hex'),
      );
    });

    test('neither a link nor a pipe nor a folder is read', async (context) => {
      if (process.platform === 'win32') context.skip('pipes in folders need a POSIX system');
      await writeFile(at('file'), 'x');
      await symlink(at('file'), at('link'));
      execFileSync('mkfifo', [at('pipe')]);
      for (const path of [at('link'), at('pipe'), dir]) {
        await expect(files().digest(path)).rejects.toMatchObject({ code: 'file-unreadable' });
      }
    });

    test('a cancelled call ends with the signal', async () => {
      await expect(files().list(dir, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
      });
    });
  });
}
