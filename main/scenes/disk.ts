// The disk as the readers may see it: inside the allowed roots, one listing per folder, nothing opened.

import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { sentenceOf } from '../engine/base/errors.ts';
import type { Place } from './places.ts';

export type Look =
  | { readonly kind: 'file'; readonly path: string; readonly size: number }
  /** `near` is a name in the same folder that differs only in case or in its Unicode form. */
  | { readonly kind: 'absent'; readonly near: string | null }
  | { readonly kind: 'outside' }
  /** The system did not say; that is not absence. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

export type ListingLook =
  | { readonly kind: 'listed'; readonly listing: Listing }
  | Exclude<Look, { readonly kind: 'file' }>;

export interface Disk {
  look(place: LocalPlace): Look;
  list(place: LocalPlace): ListingLook;
}

export type LocalPlace = Extract<Place, { readonly kind: 'local' }>;

/** Names are one thing for these systems whatever their case; what a scene says may differ from the disk. */
const FOLDS_CASE = process.platform === 'win32' || process.platform === 'darwin';
const MAX_LINKS = 40;
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);

/** A view for one closure: listings are kept, so make a new one for the next. `roots` null allows all. */
export function createDisk(roots: readonly string[] | null): Disk {
  const allowedDirs = roots && [...new Set(roots.flatMap(spellings))];
  const reachable = new Map<string, boolean>();
  const listings = new Map<string, ListingLook>();
  const folded = new Map<string, ReadonlyMap<string, string>>();

  function isAllowed(place: LocalPlace): boolean {
    if (!allowedDirs) return !place.remote;
    return staysInside(place.path, 0);
  }

  /** Follows the links of a path one by one, so that none is followed out of the roots. */
  function staysInside(target: string, links: number): boolean {
    const known = reachable.get(target);
    if (known !== undefined) return known;
    const inside = links < MAX_LINKS && resolvesInside(target, links);
    reachable.set(target, inside);
    return inside;
  }

  function resolvesInside(target: string, links: number): boolean {
    if (allowedDirs?.some((dir) => isSame(dir, target))) return true;
    if (!allowedDirs?.some((dir) => isBelow(dir, target))) return false;
    const parent = path.dirname(target);
    if (!staysInside(parent, links)) return false;
    const link = linkTarget(target);
    return link === null || staysInside(path.resolve(parent, link), links + 1);
  }

  function list(place: LocalPlace): ListingLook {
    const known = listings.get(place.path);
    if (known) return known;
    const look = isAllowed(place) ? readListing(place.path) : ({ kind: 'outside' } as const);
    listings.set(place.path, look);
    return look;
  }

  /** The name on disk that this path means when case and Unicode form are set aside. */
  function nearName(place: LocalPlace): string | null {
    const dir = path.dirname(place.path);
    const look = list({ ...place, path: dir });
    if (look.kind !== 'listed') return null;
    let names = folded.get(dir);
    if (!names) {
      names = new Map(look.listing.files.map((name) => [fold(name), name]));
      folded.set(dir, names);
    }
    return names.get(fold(path.basename(place.path))) ?? null;
  }

  return {
    list,
    look(place) {
      if (!isAllowed(place)) return { kind: 'outside' };
      try {
        const stat = statSync(place.path, { throwIfNoEntry: false });
        if (!stat) return { kind: 'absent', near: nearName(place) };
        if (!stat.isFile()) return { kind: 'absent', near: null };
        const name = FOLDS_CASE ? nearName(place) : null;
        const real = name === null ? place.path : path.join(path.dirname(place.path), name);
        return { kind: 'file', path: real, size: stat.size };
      } catch (error) {
        return failedLook(error);
      }
    },
  };
}

function readListing(dir: string): ListingLook {
  try {
    const files: string[] = [];
    const folders: string[] = [];
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (entry.isDirectory()) folders.push(entry.name);
      // A link may lead to a file; what it leads to is looked at before it counts.
      else if (entry.isFile() || entry.isSymbolicLink()) files.push(entry.name);
    }
    return { kind: 'listed', listing: { files, folders } };
  } catch (error) {
    return failedLook(error);
  }
}

function failedLook(error: unknown): Exclude<Look, { readonly kind: 'file' }> {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code !== undefined && ABSENT.has(code)) return { kind: 'absent', near: null };
  return { kind: 'unknown', why: code ?? sentenceOf(error) };
}

function linkTarget(target: string): string | null {
  try {
    return lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink() === true
      ? readlinkSync(target)
      : null;
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

/** A root as the studio wrote it and as it really is; the roots are trusted, so they may be followed. */
function spellings(root: string): string[] {
  const written = path.resolve(root);
  try {
    return [written, realpathSync(written)];
  } catch (error) {
    if (error instanceof Error) return [written];
    throw error;
  }
}

function isSame(dir: string, target: string): boolean {
  return FOLDS_CASE ? fold(dir) === fold(target) : dir === target;
}

function isBelow(dir: string, target: string): boolean {
  const prefix = dir.endsWith(path.sep) ? dir : `${dir}${path.sep}`;
  return FOLDS_CASE ? fold(target).startsWith(fold(prefix)) : target.startsWith(prefix);
}

function fold(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
