// Rules of the house that no linter knows: layout, directions, words, and that nothing is left without its test.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../main/version.ts';
import { COMMANDS } from '../preload/contract.ts';

const root = resolve(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const sources = tracked.filter((path) => ['.ts', '.tsx'].includes(extname(path)));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  version: string;
  dependencies: Record<string, string>;
};

test('the root holds what the layout allows and nothing else', () => {
  const allowed = new Set([
    'main',
    'renderer',
    'preload',
    'resources',
    'test',
    'bench',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'vite.config.ts',
    'vitest.config.ts',
    'electron-builder.yml',
    'knip.json',
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'LICENSE',
  ]);
  const entries = new Set(tracked.map((path) => path.split('/')[0] ?? ''));
  expect([...entries].filter((name) => !allowed.has(name) && !name.startsWith('.'))).toEqual([]);
});

test('no folder or file is a drawer', () => {
  const drawers = /^(utils?|helpers?|common|misc|lib|shared|stuff)(\.\w+)*$/i;
  expect(
    tracked.filter((path) => path.split('/').some((segment) => drawers.test(segment))),
  ).toEqual([]);
});

test('every source says in its first line what it is for', () => {
  const silent = sources.filter((path) => {
    const [first = '', second = ''] = read(path).split('\n');
    return !/^\/\/ \S/.test(first.startsWith('#!') ? second : first);
  });
  expect(silent).toEqual([]);
});

describe('directions', () => {
  const importsOf = (path: string): string[] =>
    [...read(path).matchAll(/(?:from|import|import\()\s*'([^']+)'/g)].map(
      (match) => match[1] ?? '',
    );
  const targetOf = (path: string, specifier: string): string =>
    specifier.startsWith('.') ? relative(root, resolve(root, dirname(path), specifier)) : specifier;

  function offenders(from: string, isForbidden: (target: string) => boolean): string[] {
    return sources
      .filter((path) => path.startsWith(from))
      .flatMap((path) =>
        importsOf(path)
          .map((specifier) => targetOf(path, specifier))
          .filter(isForbidden)
          .map((target) => `${path} imports ${target}`),
      );
  }

  test('the sandbox imports nothing of ours, and nothing of ours imports the sandbox', () => {
    const ours = /^(main|preload|renderer)\//;
    expect(
      offenders(
        'main/sandbox/',
        (target) => ours.test(target) && !target.startsWith('main/sandbox/'),
      ),
    ).toEqual([]);
    expect(
      offenders('main/', (target) => target.startsWith('main/sandbox/')).filter(
        (line) => !line.startsWith('main/sandbox/'),
      ),
    ).toEqual([]);
  });

  test('core decides and does nothing: it imports only core', () => {
    expect(
      offenders('main/engine/core/', (target) => !target.startsWith('main/engine/core/')),
    ).toEqual([]);
  });

  test('the engine knows neither Electron nor an adapter', () => {
    expect(
      offenders(
        'main/engine/',
        (target) => target === 'electron' || /^main\/(adapters|ipc|shell|scenes)\//.test(target),
      ),
    ).toEqual([]);
  });

  test('services do not import each other, but for the ledger and the types they keep in it', () => {
    const service = /^main\/engine\/services\/(?!ledger|waybill)/;
    expect(offenders('main/engine/services/', (target) => service.test(target))).toEqual([]);
  });

  test('the window sees only the contract', () => {
    expect(
      offenders(
        'renderer/',
        (target) =>
          target.startsWith('main/') || target.startsWith('node:') || target === 'electron',
      ),
    ).toEqual([]);
  });
});

test('every port has a contract suite', () => {
  const ports = readdirSync(join(root, 'main/engine/ports')).map((name) => basename(name, '.ts'));
  const without = ports.filter(
    (port) => port !== 'scenes' && !existsSync(join(root, 'test/contracts', `${port}.ts`)),
  );
  expect(without).toEqual([]);
});

test('every command of the contract is asked for by a test', () => {
  const tests = sources
    .filter((path) => path.startsWith('test/'))
    .map(read)
    .join('\n');
  const unasked = Object.keys(COMMANDS).filter(
    (name) => !new RegExp(`\\.${name}\\(|'${name}'|"${name}"`).test(tests),
  );
  expect(unasked).toEqual([]);
});

test('each run-time dependency stands in ARCHITECTURE.md with its reason', () => {
  const text = read('ARCHITECTURE.md');
  const without = Object.keys(manifest.dependencies).filter(
    (name) => !new RegExp(`^\\| \`${name.replace('/', '\\/')}\` \\| .{20,}`, 'm').test(text),
  );
  expect(without).toEqual([]);
});

test('the version the product shows is the one it is published as', () => {
  expect(VERSION).toBe(manifest.version);
});

test('no file names a machine or a registry', () => {
  const words = /\/root\/|\/work\/(main|shared)|registry\.npmjs|deb\.debian/;
  const text = tracked.filter((path) =>
    ['.ts', '.tsx', '.md', '.json', '.yml', '.css', '.html', '.py'].includes(extname(path)),
  );
  expect(
    text.filter(
      (path) =>
        path !== 'test/shape.test.ts' && path !== 'package-lock.json' && words.test(read(path)),
    ),
  ).toEqual([]);
});
