// Finds names two sites made for one thing, from what each site's listing shows.

import type { NamespacePath } from './names.ts';

export interface SeenItem {
  readonly path: NamespacePath;
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'other';
  readonly size: number;
  readonly modified: number | null;
  /** Site whose item it is; null when the listing does not say. */
  readonly originSite: string | null;
}

export interface CollisionSide {
  readonly shownName: string;
  readonly site: string;
  readonly size: number | null;
  readonly modified: number | null;
}

export interface FoundCollision {
  readonly kind: 'file-file' | 'folder-folder';
  /** The name both sides want. */
  readonly path: NamespacePath;
  readonly sides: readonly CollisionSide[];
}

export interface CollisionSuffix {
  readonly name: string;
  readonly siteId: number;
  readonly kind: 'file-file' | 'folder-folder';
}

/**
 * Splits 'lookdev[#S!=2].txt' into name and site id. Folders carry '=', files '!='; public examples put
 * the suffix at the end, and whether an extension may follow is unproven, so both places are read.
 */
export function parseCollisionName(shown: string): CollisionSuffix | null {
  const match = /^(.*)\[#S(!?)=(\d{1,9})\](\.[^.[\]]*)?$/.exec(shown);
  if (!match || (match[1] === '' && match[4] === undefined)) return null;
  return {
    name: `${match[1]}${match[4] ?? ''}`,
    siteId: Number(match[3]),
    kind: match[2] === '!' ? 'file-file' : 'folder-folder',
  };
}

/** Collisions in one site's listing. `siteNames` maps participant id to name; unknown ids are shown raw. */
export function findCollisions(view: {
  readonly siteName: string;
  readonly items: readonly SeenItem[];
  readonly siteNames: ReadonlyMap<number, string>;
}): FoundCollision[] {
  const byPath = new Map(view.items.map((item) => [item.path as string, item]));
  const sidesByPath = new Map<string, { kind: FoundCollision['kind']; sides: CollisionSide[] }>();
  for (const item of view.items) {
    const suffix = parseCollisionName(item.name);
    if (!suffix || insideSuffixed(item.path)) continue;
    const path = `${item.path.slice(0, item.path.length - item.name.length)}${suffix.name}`;
    const found = sidesByPath.get(path) ?? { kind: suffix.kind, sides: [] };
    found.sides.push(sideOf(item, view.siteNames.get(suffix.siteId) ?? `site ${suffix.siteId}`));
    sidesByPath.set(path, found);
  }
  return [...sidesByPath].map(([path, found]) => {
    const own = byPath.get(path);
    // At a third site the plain name is another site's item, too.
    const ownSide = own ? [sideOf(own, own.originSite ?? view.siteName)] : [];
    return { kind: found.kind, path: path as NamespacePath, sides: [...ownSide, ...found.sides] };
  });
}

/** The collision sits at the topmost folder; what lies below a suffixed folder is no collision of its own. */
function insideSuffixed(path: string): boolean {
  return path
    .split('/')
    .slice(0, -1)
    .some((segment) => parseCollisionName(segment) !== null);
}

function sideOf(item: SeenItem, site: string): CollisionSide {
  return {
    shownName: item.name,
    site,
    size: item.kind === 'file' ? item.size : null,
    modified: item.modified,
  };
}
