// What a path written on some workstation means on this one. Pure text: nothing here touches a disk.

import path from 'node:path';

export type Place =
  | {
      readonly kind: 'local';
      readonly path: string;
      /** On another machine (UNC): only touched inside a configured root. */
      readonly remote: boolean;
    }
  /** Cannot be on this workstation, or must not be touched. */
  | { readonly kind: 'elsewhere'; readonly path: string; readonly why: string };

const WINDOWS = process.platform === 'win32';
const DRIVE = /^[A-Za-z]:[/\\]/;
const UNC = /^\\\\[^\\/]/;
const URL_SCHEME = /^[A-Za-z][A-Za-z0-9+.-]+:\/\//;

/** An absolute path of any system. Anything else is relative to a folder nobody knows, hence elsewhere. */
export function placeOf(written: string, ownerDir: string): Place {
  if (URL_SCHEME.test(written)) {
    return {
      kind: 'elsewhere',
      path: written,
      why: 'it is a network address, which is not opened',
    };
  }
  if (DRIVE.test(written)) return drivePlace(written);
  if (UNC.test(written)) return uncPlace(written);
  const slashed = written.replaceAll('\\', '/');
  if (!slashed.startsWith('/')) {
    return {
      kind: 'elsewhere',
      path: joinTo(ownerDir, slashed),
      why: 'its path is relative to whatever folder the program is started in',
    };
  }
  if (WINDOWS) {
    return { kind: 'elsewhere', path: slashed, why: 'its path is of another system' };
  }
  return { kind: 'local', path: path.posix.normalize(slashed), remote: false };
}

/** A path relative to a folder of this workstation; back-slashes of Windows are separators everywhere. */
export function placeBelow(dir: string, written: string): Place {
  return { kind: 'local', path: joinTo(dir, written), remote: UNC.test(dir) };
}

function joinTo(dir: string, written: string): string {
  return path.join(dir, written.replaceAll('\\', '/'));
}

function drivePlace(written: string): Place {
  if (WINDOWS) return { kind: 'local', path: path.win32.normalize(written), remote: false };
  return {
    kind: 'elsewhere',
    path: written.replaceAll('\\', '/'),
    why: 'its path is on a Windows drive',
  };
}

function uncPlace(written: string): Place {
  if (WINDOWS) return { kind: 'local', path: path.win32.normalize(written), remote: true };
  return {
    kind: 'elsewhere',
    // As Blender on Linux and macOS shows it: the server mark stays, the rest is turned.
    path: `\\\\${written.slice(2).replaceAll('\\', '/')}`,
    why: 'its path is on a Windows file server',
  };
}
