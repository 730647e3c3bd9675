// Places of the namespace: which share a path lies in, and what is there.

import type { ShareRecord } from '../setup.ts';
import type { Node } from '../world.ts';
import type { Desk } from './desk.ts';

export interface Place {
  readonly share: ShareRecord;
  /** Null for a share that has no tree in the studio: it is an empty folder. */
  readonly node: Node | null;
  readonly path: string;
}

/** The place of a namespace path (share path and below), or null where nothing is. */
export function placeAt(desk: Desk, path: string): Place | null {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (!path.startsWith('/') || segments.some((segment) => segment === '..' || segment === '.'))
    return null;
  const clean = `/${segments.join('/')}`;
  const share = publishedShares(desk)
    .filter(({ path: root }) => clean === root || clean.startsWith(`${root}/`))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
  if (!share) return null;
  const node = nodeAt(desk, clean);
  if (node === null && clean !== share.path) return null;
  return { share, node, path: clean };
}

/** The place of a path inside a share, '/' being the share itself. */
export function placeIn(desk: Desk, share: ShareRecord, inner: string): Place | null {
  const place = placeAt(desk, `${share.path}/${inner}`);
  return place && (place.path === share.path || place.path.startsWith(`${share.path}/`))
    ? place
    : null;
}

export function publishedShares(desk: Desk): readonly ShareRecord[] {
  return desk.objectives.setup.of(desk.local).shares.filter(({ state }) => state === 'PUBLISHED');
}

function nodeAt(desk: Desk, path: string): Node | null {
  const root = desk.world.options.share.path;
  if (path === root) return desk.world.root;
  return path.startsWith(`${root}/`)
    ? desk.world.find(desk.local, path.slice(root.length + 1))
    : null;
}
