// The contract of the ObjectStore port: conditions hold, checksums are checked, nothing is overwritten.

import { createHash, randomBytes } from 'node:crypto';
import {
  appendFile,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalPath } from '../../main/engine/core/names.ts';
import type { ObjectStore, WriteCondition } from '../../main/engine/ports/objects.ts';

const ABSENT: WriteCondition = { kind: 'absent' };

export interface ObjectsSubject {
  readonly store: ObjectStore;
  /** Key prefix the suite may write below, ending with '/'. */
  readonly prefix: string;
}

export function objectsContract(name: string, subject: () => ObjectsSubject): void {
  describe(`object store contract over ${name}`, () => {
    let dir: string;
    let next = 0;
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'waybill-objects-'));
    });
    afterAll(() => rm(dir, { recursive: true, force: true }));

    function newKey(suffix = 'bin'): string {
      next += 1;
      return `${subject().prefix}${process.pid}-${next}/file ä+&%.${suffix}`;
    }
    async function newFile(
      bytes: Buffer,
    ): Promise<{ path: LocalPath; size: number; sha256: string }> {
      next += 1;
      const path = join(dir, `file-${next}`) as LocalPath;
      await writeFile(path, bytes);
      return { path, size: bytes.length, sha256: sha256Of(bytes) };
    }

    test('an absent object has no facts, no text and cannot be downloaded', async () => {
      const { store } = subject();
      const key = newKey();
      const path = join(dir, 'absent') as LocalPath;
      expect(await store.head(key)).toBeNull();
      expect(await store.getText(key)).toBeNull();
      await expect(store.getFile(key, path)).rejects.toMatchObject({ code: 'file-missing' });
      await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    test.each([0, 1, 300_000, 3_000_001])(
      'a file of %i bytes comes back byte for byte with its checksum',
      async (size) => {
        const { store } = subject();
        const key = newKey();
        const bytes = randomBytes(size);
        const file = await newFile(bytes);
        const progress: number[] = [];
        const outcome = await store.putFile(
          { key, ...file, condition: ABSENT },
          { onProgress: (done) => progress.push(done) },
        );
        expect(outcome.kind).toBe('stored');
        expect(progress.at(-1) ?? 0).toBe(size);
        const facts = await store.head(key);
        expect(facts).toMatchObject({ key, size, sha256: file.sha256 });
        expect(outcome.kind === 'stored' && outcome.etag === facts?.etag).toBe(true);
        expect(Math.abs((facts?.modified ?? 0) - Date.now())).toBeLessThan(24 * 3_600_000);
        const path = join(dir, `down-${next}`) as LocalPath;
        const received: number[] = [];
        await store.getFile(key, path, { onProgress: (done) => received.push(done) });
        expect((await readFile(path)).equals(bytes)).toBe(true);
        expect(received.at(-1) ?? 0).toBe(size);
      },
    );

    test('a write for an absent object leaves what is there and shows it', async () => {
      const { store } = subject();
      const key = newKey('txt');
      expect((await store.putText({ key, text: 'first', condition: ABSENT })).kind).toBe('stored');
      const second = await store.putText({ key, text: 'second', condition: ABSENT });
      expect(second).toMatchObject({
        kind: 'refused',
        current: { key, size: 5, sha256: sha256Of(Buffer.from('first')) },
      });
      expect((await store.getText(key))?.text).toBe('first');
      const file = await newFile(Buffer.from('third'));
      expect((await store.putFile({ key, ...file, condition: ABSENT })).kind).toBe('refused');
      expect((await store.getText(key))?.text).toBe('first');
    });

    test('of ten writers for one absent name exactly one succeeds', async () => {
      const { store } = subject();
      const key = newKey('txt');
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          store.putText({ key, text: `writer ${index}`, condition: ABSENT }),
        ),
      );
      expect(outcomes.filter((outcome) => outcome.kind === 'stored')).toHaveLength(1);
      const winner = outcomes.findIndex((outcome) => outcome.kind === 'stored');
      expect((await store.getText(key))?.text).toBe(`writer ${winner}`);
    });

    test('a write for an unchanged object needs its newest tag', async () => {
      const { store } = subject();
      const key = newKey('txt');
      const first = await store.putText({ key, text: 'one', condition: ABSENT });
      if (first.kind !== 'stored') throw new Error('not stored');
      const second = await store.putText({
        key,
        text: 'two!',
        condition: { kind: 'unchanged', etag: first.etag },
      });
      expect(second.kind).toBe('stored');
      const stale = await store.putText({
        key,
        text: 'three',
        condition: { kind: 'unchanged', etag: first.etag },
      });
      expect(stale).toMatchObject({ kind: 'refused', current: { size: 4 } });
      expect((await store.getText(key))?.text).toBe('two!');
      const gone = await store.putText({
        key: newKey('txt'),
        text: 'x',
        condition: { kind: 'unchanged', etag: first.etag },
      });
      expect(gone).toEqual({ kind: 'refused', current: null });
    });

    test('text keeps every character', async () => {
      const { store } = subject();
      const key = newKey('txt');
      const text = 'Grüße 漢字 \u{1F3AC}\r\n\0end';
      await store.putText({ key, text, condition: ABSENT });
      expect((await store.getText(key))?.text).toBe(text);
    });

    test('a listing names exactly the objects below a prefix', async () => {
      const { store } = subject();
      const folder = `${subject().prefix}list-${process.pid}/`;
      for (const leaf of ['a.txt', 'b/c d.txt', 'b/ü.txt']) {
        await store.putText({ key: `${folder}${leaf}`, text: leaf, condition: ABSENT });
      }
      const found = await store.list(folder);
      expect(found.map((facts) => facts.key).toSorted()).toEqual(
        ['a.txt', 'b/c d.txt', 'b/ü.txt'].map((leaf) => `${folder}${leaf}`).toSorted(),
      );
      expect(found.every((facts) => facts.size > 0 && facts.etag !== '')).toBe(true);
      expect(await store.list(`${folder}none/`)).toEqual([]);
    });

    test('a file that is not what the caller measured is not stored', async () => {
      const { store } = subject();
      const file = await newFile(Buffer.from('twelve bytes'));
      const short = newKey();
      await expect(
        store.putFile({ key: short, ...file, size: 11, condition: ABSENT }),
      ).rejects.toMatchObject({ code: 'file-changed' });
      expect(await store.head(short)).toBeNull();
      const wrong = newKey();
      const sha256 = sha256Of(Buffer.from('other bytes.'));
      await expect(
        store.putFile({ key: wrong, ...file, sha256, condition: ABSENT }),
      ).rejects.toMatchObject({ code: 'file-changed' });
      expect(await store.head(wrong)).toBeNull();
    });

    test('a file that grows, or is replaced by rename, while it is sent is reported as changed', async () => {
      const { store } = subject();
      const grows = await newFile(randomBytes(2_000_000));
      let once = false;
      const growing = store.putFile(
        { key: newKey(), ...grows, condition: ABSENT },
        {
          onProgress: () => {
            if (once) return;
            once = true;
            void appendFile(grows.path, 'more');
          },
        },
      );
      await expect(growing).rejects.toMatchObject({ code: 'file-changed' });
      const touched = await newFile(randomBytes(2_000_000));
      let twice = false;
      const touching = store.putFile(
        { key: newKey(), ...touched, condition: ABSENT },
        {
          onProgress: () => {
            if (twice) return;
            twice = true;
            void utimes(touched.path, new Date(0), new Date(0));
          },
        },
      );
      await expect(touching).rejects.toMatchObject({ code: 'file-changed' });
    });

    test('a download never replaces a file and leaves no part behind when cancelled', async () => {
      const { store } = subject();
      const key = newKey();
      const file = await newFile(randomBytes(4_000_000));
      await store.putFile({ key, ...file, condition: ABSENT });
      const mine = join(dir, 'mine') as LocalPath;
      await writeFile(mine, 'mine');
      await expect(store.getFile(key, mine)).rejects.toMatchObject({ code: 'object-exists' });
      expect(await readFile(mine, 'utf8')).toBe('mine');
      const stop = new AbortController();
      const before = await readdir(dir);
      const call = store.getFile(key, join(dir, 'cancelled') as LocalPath, {
        signal: stop.signal,
        onProgress: () => stop.abort(),
      });
      await expect(call).rejects.toMatchObject({ name: 'AbortError' });
      expect(await readdir(dir)).toEqual(before);
    });

    test('a missing file to send is reported as missing', async () => {
      const { store } = subject();
      const path = join(dir, 'not-there') as LocalPath;
      const put = store.putFile({
        key: newKey(),
        path,
        size: 1,
        sha256: sha256Of(Buffer.from('x')),
        condition: ABSENT,
      });
      await expect(put).rejects.toMatchObject({ code: 'file-missing' });
    });

    test('a cancelled call ends with the signal', async () => {
      const { store } = subject();
      await expect(store.head('x', { signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
      });
    });
  });
}

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
