// Turns references into the files of a closure: looks each up, keeps what is missing and says why.

import path from 'node:path';
import type { ClosureFile, FileKind, MissingReference } from '../engine/core/closure.ts';
import type { Disk, LocalPlace, Look } from './disk.ts';
import { frameOf, framePattern, gapsBetween, isCacheFrame, tileName } from './expand.ts';
import type { Place } from './places.ts';
import type { Reference } from './references.ts';

export interface Collector {
  /** Looks a reference up; `via` is the file that holds it. */
  add(reference: Reference, place: Place, via: string): void;
  /** A file that is itself read, such as a library: its path when it is there. */
  addReadable(reference: Reference, place: Place, via: string): string | null;
  warn(sentence: string): void;
  result(): {
    readonly files: readonly ClosureFile[];
    readonly missing: readonly MissingReference[];
    readonly warnings: readonly string[];
  };
}

/** A closure beyond this is a mistake or an attack; it is cut with a warning. */
const MAX_FILES = 500_000;
const MAX_WARNINGS = 200;
const MAX_CACHE_DEPTH = 6;
const MAX_MISSING_OF_ONE = 2_000;

export function createCollector(disk: Disk, scene: { path: string; size: number }): Collector {
  const files = new Map<string, ClosureFile>();
  const missing = new Map<string, MissingReference>();
  const warnings = new Set<string>();
  let unsaidWarnings = 0;
  let isCut = false;
  files.set(scene.path, {
    path: scene.path,
    kind: 'scene',
    exists: true,
    size: scene.size,
    via: null,
  });

  function warn(sentence: string): void {
    if (warnings.size < MAX_WARNINGS) warnings.add(printable(sentence));
    else unsaidWarnings += 1;
  }

  function keep(file: ClosureFile): void {
    const known = files.get(file.path);
    if (known?.exists === true) return;
    if (files.size >= MAX_FILES) {
      isCut = true;
      return;
    }
    files.set(file.path, file);
  }

  function keepMissing(reference: Reference, absent: string, via: string): void {
    if (reference.whenAbsent === 'nothing') return;
    keep({ path: absent, kind: reference.kind, exists: false, size: 0, via });
    if (!missing.has(absent) && missing.size < MAX_FILES) {
      missing.set(absent, { path: absent, raw: reference.raw, kind: reference.kind, via });
    }
  }

  /** Keeps the file when it is there, and says whether it is. */
  function keepIfThere(reference: Reference, place: LocalPlace, via: string): string | null {
    const look = disk.look(place);
    if (look.kind === 'file') {
      keep({ path: look.path, kind: reference.kind, exists: true, size: look.size, via });
      if (look.path !== place.path) warn(caseWarning(place.path, path.basename(look.path)));
      return look.path;
    }
    keepMissing(reference, place.path, via);
    explain(reference, place.path, look);
    return null;
  }

  function explain(
    reference: Reference,
    absent: string,
    look: Exclude<Look, { readonly kind: 'file' }>,
  ): void {
    if (reference.whenAbsent === 'nothing' && look.kind === 'absent') return;
    switch (look.kind) {
      case 'absent':
        if (look.near !== null) warn(caseWarning(absent, look.near));
        return;
      case 'outside':
        warn(
          `${absent} lies outside the folders Waybill may look into, so it was not looked at. Add its folder to the roots, or bring it into the project.`,
        );
        return;
      case 'unknown':
        warn(
          `${absent} could not be looked at (${look.why}). Check that you may read it, then retry.`,
        );
    }
  }

  function addSequence(reference: Reference, place: LocalPlace, via: string): void {
    const name = path.basename(place.path);
    const dir = path.dirname(place.path);
    const pattern = framePattern(name);
    const look = pattern && disk.list({ ...place, path: dir });
    if (!pattern || look?.kind !== 'listed') {
      keepIfThere(reference, place, via);
      return;
    }
    const frames: number[] = [];
    for (const found of look.listing.files) {
      const frame = frameOf(pattern, found);
      if (frame === null) continue;
      frames.push(frame);
      keepIfThere(reference, { ...place, path: path.join(dir, found) }, via);
    }
    if (frames.length === 0) keepIfThere(reference, place, via);
    const gaps = gapsBetween(frames);
    if (gaps.length > 0) {
      const shown = gaps.slice(0, 3).map(({ first, last }) => rangeText(first, last));
      const more = gaps.length > 3 ? ` and ${gaps.length - 3} more gaps` : '';
      warn(`${place.path}: the sequence lacks frames ${shown.join(', ')}${more}.`);
    }
  }

  function tilePaths(reference: Reference, place: LocalPlace, tiles: readonly number[]): string[] {
    const dir = path.dirname(place.path);
    const name = path.basename(place.path);
    const wanted = tiles.length === 0 ? [1001] : tiles;
    if (wanted.length > MAX_MISSING_OF_ONE) {
      warn(
        `${reference.raw} names ${wanted.length} tiles; the first ${MAX_MISSING_OF_ONE} were looked up.`,
      );
    }
    return wanted.slice(0, MAX_MISSING_OF_ONE).map((tile) => path.join(dir, tileName(name, tile)));
  }

  function addCacheFrames(reference: Reference, place: LocalPlace, at: CacheFrames): void {
    const look = disk.list(place);
    let found = 0;
    if (look.kind === 'listed') {
      for (const name of look.listing.files) {
        if (!isCacheFrame(at.stem, name)) continue;
        found += 1;
        keepIfThere(reference, { ...place, path: path.join(place.path, name) }, at.via);
      }
    } else {
      explain(reference, place.path, look);
    }
    if (found === 0) keepMissing(reference, path.join(place.path, `${at.stem}*`), at.via);
  }

  function addFolder(reference: Reference, place: LocalPlace, at: CacheFolder): void {
    const look = disk.list(place);
    if (look.kind !== 'listed') {
      keepMissing(reference, place.path, at.via);
      explain(reference, place.path, look);
      return;
    }
    const matching = (names: readonly string[]): string[] =>
      at.entries === null ? [...names] : names.filter((name) => at.entries?.test(name));
    for (const name of matching(look.listing.files)) {
      if (isCut) return;
      keepIfThere(reference, { ...place, path: path.join(place.path, name) }, at.via);
    }
    if (at.depth >= MAX_CACHE_DEPTH) return;
    for (const name of matching(look.listing.folders)) {
      const below = { ...place, path: path.join(place.path, name) };
      addFolder(reference, below, { entries: null, via: at.via, depth: at.depth + 1 });
    }
  }

  return {
    warn,
    addReadable(reference, place, via) {
      if (place.kind === 'local') return keepIfThere(reference, place, via);
      keepMissing(reference, place.path, via);
      warn(elsewhereWarning(reference, place));
      return null;
    },
    add(reference, place, via) {
      if (place.kind === 'elsewhere') {
        keepMissing(reference, place.path, via);
        if (reference.whenAbsent === 'missing') warn(elsewhereWarning(reference, place));
        return;
      }
      const { shape } = reference;
      switch (shape.kind) {
        case 'file':
          keepIfThere(reference, place, via);
          return;
        case 'sequence':
          addSequence(reference, place, via);
          return;
        case 'tiles':
          for (const tile of tilePaths(reference, place, shape.tiles)) {
            keepIfThere(reference, { ...place, path: tile }, via);
          }
          return;
        case 'frames':
          addCacheFrames(reference, place, { stem: shape.stem, via });
          return;
        case 'folder':
          addFolder(reference, place, { entries: shape.entries, via, depth: 0 });
      }
    },
    result() {
      if (isCut) warn(`Only the first ${MAX_FILES} files are listed.`);
      const unsaid = unsaidWarnings > 0 ? [`${unsaidWarnings} more warnings are not shown.`] : [];
      return {
        files: [...files.values()],
        missing: [...missing.values()],
        warnings: [...warnings, ...unsaid],
      };
    },
  };
}

interface CacheFrames {
  readonly stem: string;
  readonly via: string;
}

interface CacheFolder {
  /** Null takes every entry. */
  readonly entries: RegExp | null;
  readonly via: string;
  readonly depth: number;
}

/** What a file says may hold terminal codes or turn the reading direction. */
function printable(sentence: string): string {
  return sentence.replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD');
}

function caseWarning(asked: string, near: string): string {
  const asWritten = path.basename(asked);
  const what =
    asWritten.normalize('NFC') === near.normalize('NFC')
      ? 'the two differ in their Unicode form'
      : 'the two differ in case';
  return `${asked}: the folder holds "${near}", but the scene asks for "${asWritten}"; ${what}, which Linux takes as two names. Rename one of them.`;
}

function elsewhereWarning(
  reference: Reference,
  place: Extract<Place, { readonly kind: 'elsewhere' }>,
): string {
  const kind: FileKind = reference.kind;
  return `${reference.raw} (${kind}) cannot be found from here: ${place.why}. Make its path relative to the scene.`;
}

function rangeText(first: number, last: number): string {
  return first === last ? String(first) : `${first}-${last}`;
}
