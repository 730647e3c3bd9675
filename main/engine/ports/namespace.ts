// Hammerspace as the engine sees it: the gateway (in band, writes metadata) and the Anvil (REST) of one site.

import type { NamespacePath } from '../core/names.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** A mark that makes a site keep the data. Names and values hold only [A-Za-z0-9_.:-]. */
export type Mark =
  | { readonly kind: 'keep-on-site'; readonly site: string }
  | { readonly kind: 'keyword'; readonly keyword: string }
  | { readonly kind: 'tag'; readonly name: string; readonly value: string };

export interface Participant {
  readonly id: number;
  readonly siteName: string;
}

/** One item of a subtree as one site sees it. */
export interface NamespaceItem {
  readonly path: NamespacePath;
  /** Name as this site shows it, collision suffix and all. */
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'other';
  readonly size: number;
  /** Epoch ms; null when the site did not say. */
  readonly modified: number | null;
  /** True when this site holds a current copy of the payload. */
  readonly online: boolean;
  readonly moving: boolean;
  /** Name of the site that owns the data, or null when unknown. */
  readonly originSite: string | null;
}

/** How far the metadata of a share has travelled to one peer. */
export interface PeerReplication {
  readonly siteName: string;
  /** Epoch ms of the last send; null when never. */
  readonly sentAt: number | null;
}

/**
 * The in-band metadata gateway of one site's view of the share. It gives no status: every write here
 * is read back before the call returns. Errors: 'not-hammerspace' (our own command came back),
 * 'unexpected-answer' (with the server's text as a fact), 'connection-*', 'file-missing'.
 */
export interface Gateway {
  readonly siteName: string;
  participants(dir: NamespacePath, options?: CallOptions): Promise<Participant[]>;
  addMark(target: NamespacePath, mark: Mark, options?: CallOptions): Promise<void>;
  removeMark(target: NamespacePath, mark: Mark, options?: CallOptions): Promise<void>;
  hasMark(target: NamespacePath, mark: Mark, options?: CallOptions): Promise<boolean>;
  /** The whole subtree in one exchange; an absent folder is an empty list. */
  tree(dir: NamespacePath, options?: CallOptions): Promise<NamespaceItem[]>;
  replication(dir: NamespacePath, options?: CallOptions): Promise<PeerReplication[]>;
}

export interface SiteFacts {
  readonly name: string;
  readonly kind: 'local' | 'remote';
  readonly version: string | null;
}

export interface ObjectiveFacts {
  readonly name: string;
  readonly applicability: string;
}

export interface ShareFacts {
  readonly name: string;
  readonly path: string;
  readonly totalBytes: number | null;
  readonly availableBytes: number | null;
}

/** The Anvil's REST service of one site. Errors: 'sign-in-failed', 'tls-untrusted', 'connection-*', 'unexpected-answer'. */
export interface Anvil {
  readonly siteName: string;
  /** Answers without a login: the cheap reachability probe. */
  localSite(options?: CallOptions): Promise<SiteFacts>;
  sites(options?: CallOptions): Promise<SiteFacts[]>;
  share(name: string, options?: CallOptions): Promise<ShareFacts | null>;
  /** Objectives in force on a path inside the share. */
  objectives(
    where: { share: string; path: string },
    options?: CallOptions,
  ): Promise<ObjectiveFacts[]>;
}
