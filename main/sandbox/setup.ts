// What the administrators of each site have set up: shares, objectives and where they apply, groups, labels, volumes.

import type { SiteName } from './world.ts';

/** A place for payload as an objective or a volume group names it. */
export interface Location {
  readonly kind: 'node' | 'volume' | 'group';
  readonly name: string;
}

/** What every entity of an Anvil carries (reference §2.2). Times are epoch ms. */
export interface Entity {
  readonly uuid: string;
  readonly internalId: number;
  readonly name: string;
  readonly comment: string;
  readonly extendedInfo: Readonly<Record<string, string>>;
  readonly created: number;
  readonly modified: number;
}

export interface ObjectiveRecord extends Entity {
  readonly isBuiltIn: boolean;
  readonly priority: string;
  /** Advanced objectives: `IF … THEN {SLO('…')}`. */
  readonly expression: string | null;
  /** Each entry asks for one instance on any of its locations. */
  readonly placeOn: readonly (readonly Location[])[];
  readonly confineTo: readonly Location[];
  readonly excludeFrom: readonly Location[];
  /** 0 asks for an instance on a volume without delay: keep-online. */
  readonly allowedOnlineDelay: number | null;
  readonly doNotMove: boolean;
  readonly capacityOptimize: boolean;
  /** Numbers of nines; 0 asks for nothing. */
  readonly durability: number;
  readonly availability: number;
}

export interface GroupRecord extends Entity {
  readonly isBuiltIn: boolean;
  readonly locations: readonly Location[];
}

export interface LabelRecord extends Entity {
  readonly implies: readonly string[];
}

export interface ShareRecord extends Entity {
  readonly path: string;
  readonly state: 'PUBLISHED' | 'REMOVED';
  /** When a removed share goes for good. */
  readonly purgeAt: number | null;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly snapshots: readonly { readonly name: string; readonly created: number }[];
}

export interface VolumeRecord extends Entity {
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface AppliedObjective {
  readonly name: string;
  readonly condition: string;
  /** Conditions that end in ?ALWAYS stay [C OG p14]. */
  readonly removable: boolean;
  /** A removed inherited objective is masked by a negated copy [C CLI]. */
  readonly negated: boolean;
  /** Set through the gateway: goes when it is deleted there. */
  readonly isInBand?: boolean;
}

export interface SiteSetup {
  objectives: readonly ObjectiveRecord[];
  groups: readonly GroupRecord[];
  labels: readonly LabelRecord[];
  shares: readonly ShareRecord[];
  objectVolumes: readonly VolumeRecord[];
  /** Objectives applied at a place of a share, by its key. */
  applied: Record<string, readonly AppliedObjective[]>;
  /** What was changed of the local site. */
  site: { readonly modified: number; readonly settings: Readonly<Record<string, unknown>> };
  nextInternalId: number;
}

export const SETUP_VERSION = 1;

export interface SavedSetup {
  readonly version: number;
  readonly sites: Readonly<Record<SiteName, SiteSetup>>;
}

export interface SetupOptions {
  /** What a fresh site has. */
  initial(site: SiteName): SiteSetup;
  readonly saved: SavedSetup | undefined;
  onChange(): void;
}

export class Setup {
  readonly #sites = new Map<SiteName, SiteSetup>();
  readonly #options: SetupOptions;
  #changes = 0;

  constructor(options: SetupOptions) {
    this.#options = options;
    for (const [site, setup] of Object.entries(options.saved?.sites ?? {}))
      this.#sites.set(site, setup);
  }

  /** Grows with every change, for savers and for what is derived from a setup. */
  get changes(): number {
    return this.#changes;
  }

  of(site: SiteName): Readonly<SiteSetup> {
    const known = this.#sites.get(site);
    if (known) return known;
    const fresh = this.#options.initial(site);
    this.#sites.set(site, fresh);
    return fresh;
  }

  change(site: SiteName, change: Partial<SiteSetup>): void {
    this.#changes += 1;
    this.#sites.set(site, { ...this.of(site), ...change });
    this.#options.onChange();
  }

  applied(site: SiteName, key: string): readonly AppliedObjective[] {
    return this.of(site).applied[key] ?? [];
  }

  setApplied(site: SiteName, key: string, list: readonly AppliedObjective[]): void {
    const { [key]: _old, ...others } = this.of(site).applied;
    this.change(site, { applied: list.length === 0 ? others : { ...others, [key]: list } });
  }

  newInternalId(site: SiteName): number {
    const id = this.of(site).nextInternalId;
    this.change(site, { nextInternalId: id + 1 });
    return id;
  }

  save(): SavedSetup {
    return { version: SETUP_VERSION, sites: Object.fromEntries(this.#sites) };
  }
}
