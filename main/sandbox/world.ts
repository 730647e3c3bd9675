// One simulated studio: sites that share a namespace. Metadata replicates by interval, payload moves only
// where something asks for it, and each site has its own view of what it has heard so far.

import { EventEmitter } from 'node:events';

export type SiteName = string;

/** What is known of a file or folder; immutable, so that a site can hold an older one. */
export interface Snapshot {
  readonly revision: number;
  readonly size: number;
  /** Epoch ms. */
  readonly modified: number;
  readonly created: number;
  readonly owner: string;
  /** Counts payload versions; an instance of another version is not current. */
  readonly version: number;
  /** Site whose write made this version. */
  readonly origin: SiteName;
  readonly deleted: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** Tags that an image service wrote. */
  readonly rekognitionTags?: Readonly<Record<string, string>>;
  readonly keywords: readonly string[];
  readonly keepOnSites: readonly SiteName[];
  readonly labels: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly objectives: readonly { readonly name: string; readonly condition: string }[];
  /** S3 user metadata of the object that made the version. */
  readonly userMetadata: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly etag: string;
}

export interface Node {
  readonly id: number;
  readonly uuid: string;
  name: string;
  readonly kind: 'file' | 'folder';
  readonly creator: SiteName;
  parent: Node | null;
  readonly children: Map<string, Node[]>;
  head: Snapshot;
  /** What each site has heard; a site that is absent does not know the node. */
  readonly seen: Map<SiteName, Snapshot>;
  /** Payload version each site holds a complete copy of. */
  readonly instances: Map<SiteName, number>;
}

export interface SiteSpec {
  readonly name: SiteName;
  readonly place: string;
  /** Share-wide participant id; not dense, the home site has 0 (reference: public screenshots show 0 and 10). */
  readonly participantId: number;
  /** How far the site's clock is ahead of the world's. */
  readonly clockSkewMs?: number;
}

/** Where a site keeps payload. */
export interface Volume {
  readonly name: string;
  readonly bytes: number;
  /** Above this share nothing new is put there. */
  readonly highPercent: number;
}

export interface LinkCounter {
  from: SiteName;
  to: SiteName;
  payloadBytes: number;
  payloadFiles: number;
  metadataBytes: number;
  metadataItems: number;
}

export interface WorldOptions {
  readonly sites: readonly SiteSpec[];
  readonly share: { readonly name: string; readonly path: string };
  readonly intervalMs: number;
  readonly now: () => number;
  readonly newUuid: () => string;
  /** How long metadata is on its way; none when absent. */
  readonly latencyMs?: (from: SiteName, to: SiteName) => number;
  /** Without one a site has room for everything. */
  readonly volume?: (site: SiteName) => Volume | undefined;
}

export interface Change {
  readonly node: Node;
  readonly site: SiteName;
}

/** Raised for a path or name that cannot be served; the text is what a client is told. */
export class WorldError extends Error {
  readonly code: 'not-found' | 'is-folder' | 'is-file' | 'bad-name';
  constructor(code: WorldError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Payload that has crossed a link. */
export interface Crossing {
  readonly from: SiteName;
  readonly to: SiteName;
  readonly bytes: number;
}

/** An item has another name or folder; `from` is where each site showed it before. */
export interface Renaming {
  readonly node: Node;
  readonly from: ReadonlyMap<SiteName, string>;
}

export class World extends EventEmitter<{
  replicated: [Change];
  changed: [Change];
  crossed: [Crossing];
  renamed: [Renaming];
}> {
  readonly options: WorldOptions;
  readonly root: Node;
  readonly sendTimes = new Map<string, number>();
  readonly receiveTimes = new Map<string, number>();
  readonly cutLinks = new Set<string>();
  /** The schema of labels: each with those it implies. The first two are the guide's own example [OG]. */
  readonly labels = new Map<string, readonly string[]>([
    ['Project Apollo', []],
    ['Mission Alpha', ['Project Apollo']],
    ['hero', []],
    ['approved', []],
  ]);
  /** How often a file is open at a site; open state is a site's own affair (reference §3.5). */
  readonly #opened = new Map<string, number>();
  #nextId = 100;
  #revision = 0;
  #changes = 0;
  readonly #links = new Map<string, LinkCounter>();
  readonly #skews = new Map<SiteName, number>();
  /** Bytes of each copy a site holds, by node. */
  readonly #copies = new Map<SiteName, Map<number, number>>();
  readonly #used = new Map<SiteName, number>();
  /** When each node with news was last changed, for links that take their time. */
  readonly #changedAt = new Map<Node, number>();
  readonly #nodes = new Map<number, Node>();
  /** Nodes with news, so that a tick costs what changed and not what exists. */
  readonly #dirty = new Set<Node>();

  constructor(options: WorldOptions) {
    super();
    this.options = options;
    const first = options.sites[0]?.name ?? 'site';
    this.root = this.#makeNode({ name: '', kind: 'folder', creator: first, parent: null, id: 2 });
    for (const site of options.sites) this.root.seen.set(site.name, this.root.head);
    this.#dirty.delete(this.root);
  }

  site(name: SiteName): SiteSpec | undefined {
    return this.options.sites.find((site) => site.name === name);
  }

  /** The time a site's own clock shows. */
  nowAt(site: SiteName): number {
    return this.options.now() + (this.#skews.get(site) ?? this.site(site)?.clockSkewMs ?? 0);
  }

  /** Something outside the tree changed, such as a link: whoever waits for news looks again. */
  stir(): void {
    this.#changes += 1;
  }

  skewClock(site: SiteName, byMs: number): void {
    this.#skews.set(site, byMs);
  }

  /** Bytes of payload a site holds. */
  usedBytes(site: SiteName): number {
    return this.#used.get(site) ?? 0;
  }

  /** Whether payload of this size may still be put on a site's volume. */
  hasRoom(site: SiteName, bytes: number): boolean {
    const volume = this.options.volume?.(site);
    if (!volume) return true;
    return this.usedBytes(site) + bytes <= (volume.bytes * volume.highPercent) / 100;
  }

  nodes(): IterableIterator<Node> {
    return this.#nodes.values();
  }

  node(id: number): Node | undefined {
    return this.#nodes.get(id);
  }

  isOpen(site: SiteName, node: Node): boolean {
    return this.#opened.has(`${site}\n${node.id}`);
  }

  /** A user opened (1) or closed (-1) a file on a site's mount. */
  countOpen(site: SiteName, node: Node, step: 1 | -1): void {
    const key = `${site}\n${node.id}`;
    const count = (this.#opened.get(key) ?? 0) + step;
    // News for whoever looks only when something changed: an open file is wanted.
    this.#changes += 1;
    if (count > 0) this.#opened.set(key, count);
    else this.#opened.delete(key);
  }

  /** Items one site knows newer than another has heard of. */
  pendingFor(from: SiteName, to: SiteName): number {
    let count = 0;
    for (const node of this.#dirty) {
      const known = node.seen.get(from)?.revision ?? -1;
      if (known > (node.seen.get(to)?.revision ?? -1)) count += 1;
    }
    return count;
  }

  /** Grows with every change, so that a saver can tell whether there is anything new. */
  get changes(): number {
    return this.#changes;
  }

  /** Something beside the tree has changed what sites want, such as an objective. */
  touch(): void {
    this.#changes += 1;
  }

  /** Names a site's users see in a folder, collision suffixes and all. */
  list(site: SiteName, folder: Node): { name: string; node: Node }[] {
    const shown: { name: string; node: Node }[] = [];
    for (const twins of folder.children.values()) {
      const visible = twins.filter((node) => isVisible(site, node));
      for (const node of visible) shown.push({ name: this.#shownName(site, node, visible), node });
    }
    return shown.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Each site sees its own item as the original; the other site's carries that site's id [C vFilO, plug README]. */
  #shownName(site: SiteName, node: Node, visible: readonly Node[]): string {
    if (visible.length < 2 || node.creator === site) return node.name;
    const own = visible.some((other) => other.creator === site);
    // assumed: at a third site, the item of the lowest site id keeps the plain name
    const lowest = [...visible].sort((a, b) => this.#idOf(a.creator) - this.#idOf(b.creator))[0];
    if (!own && node === lowest) return node.name;
    return `${node.name}[#S${node.kind === 'file' ? '!' : ''}=${this.#idOf(node.creator)}]`;
  }

  #idOf(site: SiteName): number {
    return this.site(site)?.participantId ?? -1;
  }

  /** The node a path below the share names at a site; null when that site does not know it. */
  find(site: SiteName, path: string): Node | null {
    let node = this.root;
    for (const segment of segmentsOf(path)) {
      const plain = stripSuffix(segment);
      const twins = [
        ...(node.children.get(segment) ?? []),
        ...(plain === segment ? [] : (node.children.get(plain) ?? [])),
      ];
      const visible = twins.filter((twin) => isVisible(site, twin));
      const sameName = (twin: Node): readonly Node[] =>
        visible.filter((other) => other.name === twin.name);
      const match = visible.find((twin) => this.#shownName(site, twin, sameName(twin)) === segment);
      if (!match) return null;
      node = match;
    }
    return node;
  }

  /** Path below the share as a site shows it, '' for the share itself. */
  pathAt(site: SiteName, node: Node): string {
    const segments: string[] = [];
    for (let at: Node = node; at.parent; at = at.parent) {
      const twins = (at.parent.children.get(at.name) ?? []).filter((twin) => isVisible(site, twin));
      segments.unshift(this.#shownName(site, at, twins));
    }
    return segments.join('/');
  }

  /** Makes the folders of a path that the site does not see yet. */
  makeFolders(site: SiteName, path: string, owner: string): Node {
    let node = this.root;
    const done: string[] = [];
    for (const segment of segmentsOf(path)) {
      done.push(segment);
      const there = this.find(site, done.join('/'));
      if (there && there.kind !== 'folder')
        throw new WorldError('is-file', `${done.join('/')} is a file`);
      node = there ?? this.#create(site, node, { name: segment, kind: 'folder', owner });
    }
    return node;
  }

  /** Writes a new payload version of a file at a site, making file and folders as needed. */
  writeFile(
    site: SiteName,
    path: string,
    change: { size: number; modified: number; owner: string } & Partial<
      Pick<Snapshot, 'userMetadata' | 'contentType' | 'etag'>
    >,
  ): Node {
    const segments = segmentsOf(path);
    const name = segments.pop();
    if (name === undefined) throw new WorldError('is-folder', 'the share itself is a folder');
    const there = this.find(site, path);
    if (there && there.kind !== 'file') throw new WorldError('is-folder', `${path} is a folder`);
    const node =
      there ??
      this.#create(site, this.makeFolders(site, segments.join('/'), change.owner), {
        name,
        kind: 'file',
        owner: change.owner,
      });
    const version = node.head.version + 1;
    this.update(site, node, {
      size: change.size,
      modified: change.modified,
      version,
      origin: site,
      userMetadata: change.userMetadata ?? {},
      contentType: change.contentType ?? 'application/octet-stream',
      etag: change.etag ?? '',
    });
    this.hold(site, node, version);
    return node;
  }

  /** A site holds a complete copy of a payload version. */
  hold(site: SiteName, node: Node, version: number): void {
    this.#changes += 1;
    node.instances.set(site, version);
    const bytes = (node.seen.get(site) ?? node.head).size;
    const copies = this.#copies.get(site) ?? new Map<number, number>();
    this.#copies.set(site, copies);
    this.#used.set(site, this.usedBytes(site) + bytes - (copies.get(node.id) ?? 0));
    copies.set(node.id, bytes);
  }

  /** A site holds no copy, or none that is current. */
  drop(site: SiteName, node: Node): void {
    if (!node.instances.delete(site)) return;
    this.#changes += 1;
    const copies = this.#copies.get(site);
    this.#used.set(site, this.usedBytes(site) - (copies?.get(node.id) ?? 0));
    copies?.delete(node.id);
  }

  remove(site: SiteName, node: Node): void {
    this.update(site, node, { deleted: true });
    this.drop(site, node);
  }

  /**
   * Gives an item another name or folder. assumed: all sites see it at once, not at the next interval; how a rename
   * races with other changes is documented nowhere (reference §9.7), and this way no site loses payload by it.
   */
  rename(site: SiteName, node: Node, to: { readonly folder: Node; readonly name: string }): void {
    assertName(to.name);
    if (!node.parent) throw new WorldError('is-folder', 'the share itself keeps its name');
    const from = new Map(
      this.options.sites.map(({ name }) => [name, this.pathAt(name, node)] as const),
    );
    const twins = node.parent.children.get(node.name) ?? [];
    const others = twins.filter((twin) => twin !== node);
    if (others.length > 0) node.parent.children.set(node.name, others);
    else node.parent.children.delete(node.name);
    node.name = to.name;
    node.parent = to.folder;
    to.folder.children.set(to.name, [...(to.folder.children.get(to.name) ?? []), node]);
    this.update(site, node, {});
    this.emit('renamed', { node, from });
  }

  /** Changes what is known of a node, as written at one site; others hear of it at the next interval. */
  update(site: SiteName, node: Node, change: Partial<Snapshot>): void {
    const base = node.seen.get(site) ?? node.head;
    this.#changes += 1;
    this.#revision += 1;
    node.head = { ...base, ...change, revision: this.#revision };
    node.seen.set(site, node.head);
    this.#markDirty(node);
    this.emit('changed', { node, site });
  }

  #create(
    site: SiteName,
    parent: Node,
    from: { name: string; kind: Node['kind']; owner: string },
  ): Node {
    assertName(from.name);
    const node = this.#makeNode({ ...from, creator: site, parent, id: this.#nextId++ });
    this.emit('changed', { node, site });
    return node;
  }

  #makeNode(from: {
    name: string;
    kind: Node['kind'];
    creator: SiteName;
    parent: Node | null;
    id: number;
    owner?: string;
    uuid?: string;
    head?: Snapshot;
  }): Node {
    this.#changes += 1;
    this.#revision += 1;
    const now = this.options.now();
    const head: Snapshot = from.head ?? {
      ...NOTHING_YET,
      revision: this.#revision,
      modified: now,
      created: now,
      owner: from.owner ?? 'root',
      origin: from.creator,
    };
    const node: Node = {
      id: from.id,
      uuid: from.uuid ?? this.options.newUuid(),
      name: from.name,
      kind: from.kind,
      creator: from.creator,
      parent: from.parent,
      children: from.kind === 'folder' ? new Map() : NO_CHILDREN,
      head,
      seen: new Map([[from.creator, head]]),
      instances: new Map(),
    };
    this.#nodes.set(node.id, node);
    if (from.parent)
      from.parent.children.set(node.name, [...(from.parent.children.get(node.name) ?? []), node]);
    this.#markDirty(node);
    return node;
  }

  #markDirty(node: Node): void {
    this.#dirty.add(node);
    this.#changedAt.set(node, this.options.now());
  }

  #forgetNews(node: Node): void {
    this.#dirty.delete(node);
    this.#changedAt.delete(node);
  }

  /** News that a link has not carried yet is heard at a later interval. */
  #isUnderWay(node: Node, from: SiteName, to: SiteName): boolean {
    const latencyMs = this.options.latencyMs?.(from, to) ?? 0;
    if (latencyMs === 0) return false;
    return this.options.now() - (this.#changedAt.get(node) ?? 0) < latencyMs;
  }

  /** One replication interval: every site hears what the others know, over the links that are up. */
  replicate(): void {
    for (const from of this.options.sites) {
      for (const to of this.options.sites) {
        if (from === to || this.isCut(from.name, to.name)) continue;
        this.sendTimes.set(linkKey(from.name, to.name), this.nowAt(from.name));
        this.receiveTimes.set(linkKey(to.name, from.name), this.nowAt(to.name));
      }
    }
    if (this.#dirty.size === 0) return;
    // Parents before children: a site never shows a file in a folder it has not heard of.
    for (const node of [...this.#dirty].toSorted((a, b) => a.id - b.id)) {
      const behind = this.options.sites.filter(
        (site) => (node.seen.get(site.name)?.revision ?? -1) < node.head.revision,
      );
      const source = this.options.sites.find(
        (site) => node.seen.get(site.name)?.revision === node.head.revision,
      );
      for (const site of behind) {
        if (!source || this.isCut(source.name, site.name)) continue;
        if (this.#isUnderWay(node, source.name, site.name)) continue;
        this.#changes += 1;
        node.seen.set(site.name, node.head);
        const counter = this.link(source.name, site.name);
        counter.metadataBytes += Buffer.byteLength(
          JSON.stringify({
            name: node.name,
            kind: node.kind,
            parent: node.parent?.uuid,
            ...node.head,
          }),
        );
        counter.metadataItems += 1;
        this.emit('replicated', { node, site: site.name });
      }
      if (
        this.options.sites.every(
          (site) => node.seen.get(site.name)?.revision === node.head.revision,
        )
      ) {
        this.#forgetNews(node);
      }
    }
  }

  isCut(a: SiteName, b: SiteName): boolean {
    return this.cutLinks.has(linkKey(a, b)) || this.cutLinks.has(linkKey(b, a));
  }

  link(from: SiteName, to: SiteName): LinkCounter {
    const key = linkKey(from, to);
    const counter = this.#links.get(key) ?? {
      from,
      to,
      payloadBytes: 0,
      payloadFiles: 0,
      metadataBytes: 0,
      metadataItems: 0,
    };
    this.#links.set(key, counter);
    return counter;
  }

  /** Payload crossed a link. */
  count(from: SiteName, to: SiteName, bytes: number): void {
    this.#changes += 1;
    const counter = this.link(from, to);
    counter.payloadBytes += bytes;
    counter.payloadFiles += 1;
    this.emit('crossed', { from, to, bytes });
  }

  counters(): LinkCounter[] {
    return [...this.#links.values()];
  }

  /** A value set on the node itself or inherited from a folder above, as one site knows it. */
  inherited<T>(
    site: SiteName,
    node: Node,
    read: (snapshot: Snapshot) => T | undefined,
  ): T | undefined {
    for (let at: Node | null = node; at; at = at.parent) {
      const snapshot = at.seen.get(site);
      const value = snapshot === undefined ? undefined : read(snapshot);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Everything of a list kind that applies to the node, nearest first. */
  gathered<T>(site: SiteName, node: Node, read: (snapshot: Snapshot) => readonly T[]): T[] {
    const found: T[] = [];
    for (let at: Node | null = node; at; at = at.parent) {
      const snapshot = at.seen.get(site);
      if (snapshot) found.push(...read(snapshot));
    }
    return [...new Set(found)];
  }

  savedHeader(): SavedHeader {
    return {
      version: SAVED_VERSION,
      nextId: this.#nextId,
      revision: this.#revision,
      links: this.counters(),
      nodes: this.#nodes.size,
    };
  }

  /** One at a time, parents first: a large world is never held twice. */
  *savedNodes(): Generator<SavedNode> {
    for (const node of this.#nodes.values()) {
      yield {
        id: node.id,
        uuid: node.uuid,
        name: node.name,
        kind: node.kind,
        creator: node.creator,
        parent: node.parent?.id ?? null,
        head: packed(node.head),
        // A site that knows the newest needs no copy of it.
        seen: [...node.seen].map(([site, known]) => [
          site,
          known === node.head ? null : packed(known),
        ]),
        instances: [...node.instances],
      };
    }
  }

  load(header: SavedHeader, nodes: Iterable<SavedNode>): void {
    for (const from of nodes) {
      const parent = from.parent === null ? null : (this.#nodes.get(from.parent) ?? null);
      const head = unpacked(from.head);
      const node = from.id === this.root.id ? this.root : this.#makeNode({ ...from, head, parent });
      node.head = head;
      node.seen.clear();
      for (const [site, known] of from.seen) node.seen.set(site, known ? unpacked(known) : head);
      for (const [site, version] of from.instances) this.hold(site, node, version);
      const isHeard = this.options.sites.every(
        (site) => node.seen.get(site.name)?.revision === head.revision,
      );
      if (isHeard) this.#forgetNews(node);
      else this.#markDirty(node);
    }
    for (const counter of header.links) this.#links.set(linkKey(counter.from, counter.to), counter);
    this.#nextId = header.nextId;
    this.#revision = header.revision;
  }
}

/** What most nodes have in common is kept once. */
const NOTHING_YET = {
  revision: 0,
  size: 0,
  modified: 0,
  created: 0,
  owner: 'root',
  version: 0,
  origin: '',
  deleted: false,
  tags: Object.freeze({}),
  keywords: Object.freeze([]) as readonly string[],
  keepOnSites: Object.freeze([]) as readonly string[],
  labels: Object.freeze([]) as readonly string[],
  attributes: Object.freeze({}),
  objectives: Object.freeze([]) as Snapshot['objectives'],
  userMetadata: Object.freeze({}),
  contentType: '',
  etag: '',
} satisfies Snapshot;
/** A file has none, and never will. */
const NO_CHILDREN = new Map<string, Node[]>();

/** Without what is as in every new node. */
function packed(snapshot: Snapshot): Partial<Snapshot> {
  const usual = NOTHING_YET as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(snapshot).filter(
      ([key, value]) => value !== usual[key] && !(typeof value === 'object' && isEmpty(value)),
    ),
  );
}

function unpacked(saved: Partial<Snapshot>): Snapshot {
  return { ...NOTHING_YET, ...saved };
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

export const SAVED_VERSION = 2;

export interface SavedHeader {
  readonly version: number;
  readonly nextId: number;
  readonly revision: number;
  readonly links: readonly LinkCounter[];
  /** How many follow: a file that was cut short is told by it. */
  readonly nodes: number;
}

export interface SavedNode {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly kind: Node['kind'];
  readonly creator: SiteName;
  readonly parent: number | null;
  readonly head: Partial<Snapshot>;
  readonly seen: readonly (readonly [SiteName, Partial<Snapshot> | null])[];
  readonly instances: readonly (readonly [SiteName, number])[];
}

export function isVisible(site: SiteName, node: Node): boolean {
  const snapshot = node.seen.get(site);
  return snapshot !== undefined && !snapshot.deleted;
}

export function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function stripSuffix(segment: string): string {
  return segment.replace(/\[#S!?=\d+\]$/, '');
}

function linkKey(from: SiteName, to: SiteName): string {
  return `${from}>${to}`;
}

function assertName(name: string): void {
  if (
    name === '.' ||
    name === '..' ||
    name.includes('/') ||
    name.includes('\0') ||
    Buffer.byteLength(name) > 255
  ) {
    throw new WorldError('bad-name', `"${name}" is no file name`);
  }
}
