// Decides what is proven in a region: every file current there, and the same bytes that were tagged.

import type { NamespacePath } from './names.ts';

export interface WantedFile {
  readonly path: NamespacePath;
  readonly size: number;
  /** Modification time at home right after it was accepted; what "the same version" means. */
  readonly homeModified: number | null;
}

export interface SeenFile {
  readonly size: number;
  readonly modified: number | null;
  readonly online: boolean;
}

export interface Readiness {
  readonly kind: 'metadata-missing' | 'metadata-in-region' | 'payload-arriving' | 'ready';
  readonly filesKnown: number;
  readonly filesReady: number;
  readonly bytesReady: number;
  /** Files whose version in the region is not the one that was tagged. */
  readonly stale: readonly NamespacePath[];
}

/** Nothing is ready that was not seen: an empty view proves nothing, and unknown is not ready. */
export function readinessIn(
  wanted: readonly WantedFile[],
  seen: ReadonlyMap<string, SeenFile>,
): Readiness {
  let filesKnown = 0;
  let filesReady = 0;
  let bytesReady = 0;
  const stale: NamespacePath[] = [];
  for (const file of wanted) {
    const there = seen.get(file.path);
    if (!there) continue;
    if (!sameVersion(file, there)) {
      stale.push(file.path);
      continue;
    }
    filesKnown += 1;
    if (!there.online) continue;
    filesReady += 1;
    bytesReady += file.size;
  }
  return {
    kind: kindOf({ wanted: wanted.length, filesKnown, filesReady }),
    filesKnown,
    filesReady,
    bytesReady,
    stale,
  };
}

export function sameVersion(
  wanted: Pick<WantedFile, 'size' | 'homeModified'>,
  seen: Pick<SeenFile, 'size' | 'modified'>,
): boolean {
  if (wanted.size !== seen.size || wanted.homeModified === null || seen.modified === null)
    return false;
  return wanted.homeModified === seen.modified;
}

function kindOf(count: {
  wanted: number;
  filesKnown: number;
  filesReady: number;
}): Readiness['kind'] {
  if (count.wanted === 0 || count.filesKnown < count.wanted) return 'metadata-missing';
  if (count.filesReady === count.wanted) return 'ready';
  return count.filesReady > 0 ? 'payload-arriving' : 'metadata-in-region';
}
