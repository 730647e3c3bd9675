// A reference as a scene file holds it, before anybody looks at the disk: the words every reader shares.

import type { FileKind } from '../engine/core/closure.ts';

export interface Reference {
  readonly kind: FileKind;
  /** Exactly as the file holds it, e.g. '//tex\wood.<UDIM>.png'. */
  readonly raw: string;
  readonly shape: ReferenceShape;
  /** A cache that was never baked is not missing; a texture that is not there is. */
  readonly whenAbsent: 'missing' | 'nothing';
}

/** How many files a reference stands for, and how they are found. */
export type ReferenceShape =
  | { readonly kind: 'file' }
  /** Every frame on disk whose name differs from the given one only in its last group of digits. */
  | { readonly kind: 'sequence' }
  /** One file per tile: the names hold <UDIM> or <UVTILE>. */
  | { readonly kind: 'tiles'; readonly tiles: readonly number[] }
  /** The entries of a folder with these names; of a folder among them everything below it. */
  | { readonly kind: 'folder'; readonly entries: RegExp }
  /** The files of a folder whose names begin with a stem and go on with a frame number. */
  | { readonly kind: 'frames'; readonly stem: string };

export function fileReference(kind: FileKind, raw: string): Reference {
  return { kind, raw, shape: { kind: 'file' }, whenAbsent: 'missing' };
}
