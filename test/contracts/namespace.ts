// The contract of the Gateway and Anvil ports. Runs over any site: the sandbox's, or a real one named by WAYBILL_REAL_*.

import { describe, expect, test } from 'vitest';
import type { NamespacePath } from '../../main/engine/core/names.ts';
import type { Anvil, Gateway, Mark } from '../../main/engine/ports/namespace.ts';

export interface NamespaceSubject {
  readonly gateway: Gateway;
  readonly anvil: Anvil;
  readonly share: { readonly name: string; readonly path: NamespacePath };
  /** An empty folder of the share that the suite may work in; its files can be made at home. */
  readonly dir: NamespacePath;
  /** Name of another site that takes part in the share. */
  readonly otherSite: string;
  makeFile(path: NamespacePath, bytes: Buffer): Promise<void>;
}

export function namespaceContract(name: string, subject: () => NamespaceSubject): void {
  describe(`gateway contract over ${name}`, () => {
    test('participants name this site and the others once each', async () => {
      const { gateway, dir, otherSite } = subject();
      const names = (await gateway.participants(dir)).map((participant) => participant.siteName);
      expect(names).toContain(gateway.siteName);
      expect(names).toContain(otherSite);
      expect(new Set(names).size).toBe(names.length);
    });

    test('the tree shows files and folders with exact sizes, and not the folder itself', async () => {
      const { gateway, dir, makeFile } = subject();
      await makeFile(`${dir}/tree/a b.txt` as NamespacePath, Buffer.alloc(1_234_567, 1));
      await makeFile(`${dir}/tree/tex/é.png` as NamespacePath, Buffer.alloc(3));
      await makeFile(`${dir}/tree/empty` as NamespacePath, Buffer.alloc(0));
      const items = await gateway.tree(`${dir}/tree` as NamespacePath);
      const shown = items.map(
        (item) => `${item.path} ${item.kind} ${item.kind === 'file' ? item.size : 0}`,
      );
      expect(shown).toHaveLength(4);
      expect(new Set(shown)).toEqual(
        new Set([
          `${dir}/tree/a b.txt file 1234567`,
          `${dir}/tree/empty file 0`,
          `${dir}/tree/tex folder 0`,
          `${dir}/tree/tex/é.png file 3`,
        ]),
      );
      for (const item of items) {
        expect(item.name).toBe(item.path.split('/').at(-1));
        if (item.kind !== 'file') continue;
        expect(item.online).toBe(true);
        expect(item.originSite).toBe(gateway.siteName);
        expect(Math.abs((item.modified ?? 0) - Date.now())).toBeLessThan(24 * 3_600_000);
      }
    });

    test('an absent folder is an empty tree', async () => {
      const { gateway, dir } = subject();
      expect(await gateway.tree(`${dir}/nowhere` as NamespacePath)).toEqual([]);
    });

    const marks: readonly ((subject: NamespaceSubject) => Mark)[] = [
      ({ otherSite }) => ({ kind: 'keep-on-site', site: otherSite }),
      () => ({ kind: 'keyword', keyword: 'WAYBILL_CONTRACT' }),
      () => ({ kind: 'tag', name: 'waybill.contract', value: 'eu-west-2:v1' }),
    ];
    for (const markOf of marks) {
      const kind = markOf({ otherSite: 'x' } as NamespaceSubject).kind;
      test(`a ${kind} mark of a file is added, read back and removed, each of them twice without harm`, async () => {
        const { gateway, dir, makeFile } = subject();
        const mark = markOf(subject());
        const file = `${dir}/marked-${kind}/file.txt` as NamespacePath;
        const neighbour = `${dir}/marked-${kind}/other.txt` as NamespacePath;
        await makeFile(file, Buffer.from('x'));
        await makeFile(neighbour, Buffer.from('y'));
        expect(await gateway.hasMark(file, mark)).toBe(false);
        await gateway.addMark(file, mark);
        await gateway.addMark(file, mark);
        expect(await gateway.hasMark(file, mark)).toBe(true);
        expect(await gateway.hasMark(neighbour, mark)).toBe(false);
        await gateway.removeMark(file, mark);
        await gateway.removeMark(file, mark);
        expect(await gateway.hasMark(file, mark)).toBe(false);
      });
    }

    test('a mark of a folder is inherited by what lies below it', async () => {
      const { gateway, dir, makeFile } = subject();
      const mark: Mark = { kind: 'keyword', keyword: 'WAYBILL_FOLDER' };
      const folder = `${dir}/inherit` as NamespacePath;
      const file = `${dir}/inherit/deep/file.txt` as NamespacePath;
      await makeFile(file, Buffer.from('x'));
      await gateway.addMark(folder, mark);
      expect(await gateway.hasMark(file, mark)).toBe(true);
      await gateway.removeMark(folder, mark);
      expect(await gateway.hasMark(file, mark)).toBe(false);
    });

    test.each(['a"b', "a'b", 'a b', 'ä', '', 'x\ny', '")'])(
      'a mark %j that would need escaping is refused before anything is sent',
      async (keyword) => {
        const { gateway, dir } = subject();
        await expect(gateway.addMark(dir, { kind: 'keyword', keyword })).rejects.toMatchObject({
          code: 'bad-argument',
        });
      },
    );

    test.each(['what?.txt', 'a"b.txt', "it's.txt", 'a\nb'])(
      'a file named %j cannot be marked',
      async (file) => {
        const { gateway, dir } = subject();
        const mark: Mark = { kind: 'keyword', keyword: 'K' };
        await expect(
          gateway.addMark(`${dir}/${file}` as NamespacePath, mark),
        ).rejects.toMatchObject({ code: 'bad-argument' });
      },
    );

    test.each(['/', '/other/x', '/shots/../etc', 'shots/x'])(
      'the path %s outside the share is refused',
      async (path) => {
        const { gateway } = subject();
        await expect(gateway.tree(path as NamespacePath)).rejects.toMatchObject({
          code: 'outside-project',
        });
      },
    );

    test('replication tells when metadata last went to the other site', async () => {
      const { gateway, dir, otherSite } = subject();
      const peers = await gateway.replication(dir);
      const peer = peers.find((candidate) => candidate.siteName === otherSite);
      expect(peer).toBeDefined();
      expect(
        peer?.sentAt === null || Math.abs((peer?.sentAt ?? 0) - Date.now()) < 24 * 3_600_000,
      ).toBe(true);
    });

    test('a cancelled call ends with the signal and harms no later one', async () => {
      const { gateway, dir } = subject();
      await expect(gateway.tree(dir, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
      });
      const soon = new AbortController();
      const call = gateway.participants(dir, { signal: soon.signal });
      soon.abort();
      await expect(call).rejects.toMatchObject({ name: 'AbortError' });
      expect(await gateway.participants(dir)).not.toEqual([]);
    });

    test('twenty questions at once are all answered', async () => {
      const { gateway, dir } = subject();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => gateway.participants(dir)),
      );
      expect(answers.every((answer) => answer.length === answers[0]?.length)).toBe(true);
    });
  });

  describe(`anvil contract over ${name}`, () => {
    test('the local site answers with its name and release', async () => {
      const { anvil } = subject();
      const site = await anvil.localSite();
      expect(site).toMatchObject({ name: anvil.siteName, kind: 'local' });
      expect(site.version).toMatch(/\d/);
    });

    test('the sites are this one and the others', async () => {
      const { anvil, otherSite } = subject();
      const sites = await anvil.sites();
      expect(sites.map((site) => site.name)).toContain(otherSite);
      expect(sites.find((site) => site.name === otherSite)?.kind).toBe('remote');
    });

    test('the share is known with its path, and an unknown share is null', async () => {
      const { anvil, share } = subject();
      expect(await anvil.share(share.name)).toMatchObject({ name: share.name, path: share.path });
      expect(await anvil.share('no such share/ä')).toBeNull();
    });

    test('the objectives of the share each carry a condition', async () => {
      const { anvil, share } = subject();
      const objectives = await anvil.objectives({ share: share.name, path: '/' });
      expect(objectives.length).toBeGreaterThan(0);
      expect(
        objectives.every((objective) => objective.name !== '' && objective.applicability !== ''),
      ).toBe(true);
    });

    test('a cancelled call ends with the signal', async () => {
      const { anvil } = subject();
      await expect(anvil.sites({ signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
      });
    });
  });
}
