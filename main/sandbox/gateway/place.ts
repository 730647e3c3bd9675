// What a question of the gateway is asked about: an item of the namespace as one site sees it.

import type { Node, SiteName, Snapshot, World } from '../world.ts';

export interface GatewayOptions {
  /** Share of the payload that has arrived while a mover copies it to the site, else null. */
  isMoving(site: SiteName, node: Node): number | null;
  /** Whether the site's objectives want the payload there. */
  isWanted(site: SiteName, node: Node): boolean;
  /** How the file stands to its site's objectives; the same as the Anvil says. */
  alignment?(site: SiteName, node: Node): string;
  /** Takes what lies below a folder out of the namespace and off the site's disk. */
  removeBelow(site: SiteName, folder: Node): Promise<void>;
  /** Makes a clone of an item, and of all below it, in a folder. */
  clone(site: SiteName, item: Node, into: Node): Promise<void>;
}

export interface Place {
  readonly world: World;
  readonly options: GatewayOptions;
  readonly site: SiteName;
  readonly node: Node;
  /** Where the command was asked, which DPATH is told from. */
  readonly base: Node;
}

export function snapshotAt(place: Place): Snapshot {
  return place.node.seen.get(place.site) ?? place.node.head;
}

/** The site has a whole copy of the version it knows. */
export function isCurrent(place: Place): boolean {
  const { version } = snapshotAt(place);
  return (
    place.node.kind === 'file' && version > 0 && place.node.instances.get(place.site) === version
  );
}

export function childrenOf(place: Place): Node[] {
  const { world, site, node } = place;
  return node.kind === 'folder' ? world.list(site, node).map((entry) => entry.node) : [];
}

/** The item itself and all that the site sees below it. */
export function* subtreeOf(place: Place): Generator<Node> {
  yield place.node;
  for (const node of childrenOf(place)) yield* subtreeOf({ ...place, node });
}

export function volumeOf(site: SiteName): string {
  return `dsx-${site}-1::/hsvol0`;
}
