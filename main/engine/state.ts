// The one readonly, serialisable state that every surface shows. Shown is never more than proven.

import type {
  CollisionId,
  FarmJobId,
  ProjectId,
  RegionId,
  SceneId,
  WaybillId,
} from './core/names.ts';
import type { FrameRange, MissingReference } from './core/closure.ts';

export type HealthCode =
  | 'engine-starting'
  | 'project-unreadable'
  | 'project-scanning'
  | 'watcher-failed'
  | 'namespace-unreachable'
  | 'objects-unreachable'
  | 'farm-unreachable'
  | 'region-unreachable'
  | 'record-rejected'
  | 'frames-kept-apart';

export interface HealthItem {
  readonly code: HealthCode;
  readonly severity: 'info' | 'warning' | 'error';
  /** Epoch ms. */
  readonly since: number;
  /** One sentence for a person: what, why, what to do. */
  readonly sentence: string;
  readonly subject: string;
}

export interface AgentView {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly user: string;
  readonly workstation: string;
  readonly studio: {
    readonly kind: 'sandbox' | 'studio';
    readonly name: string;
    readonly homeSite: string;
  };
  /** Our pause stops new requests; it does not stop Hammerspace's movers. */
  readonly paused: { readonly until: number | null } | null;
}

export interface ProjectView {
  readonly id: ProjectId;
  readonly name: string;
  /** Local folder. */
  readonly dir: string;
  /** Where it lives in the namespace. */
  readonly namespacePath: string;
  readonly scan:
    | { readonly kind: 'scanning'; readonly filesSeen: number }
    | {
        readonly kind: 'scanned';
        readonly files: number;
        readonly bytes: number;
        readonly at: number;
      }
    | { readonly kind: 'unreadable'; readonly why: string };
  /** Files whose record is not yet proven in the namespace. */
  readonly recordsPending: number;
  readonly recordsMirrored: number;
}

export interface SceneView {
  readonly id: SceneId;
  readonly projectId: ProjectId;
  readonly name: string;
  /** Absolute local path. */
  readonly path: string;
  /** Path below the project folder. */
  readonly relativePath: string;
  readonly size: number;
  readonly modified: number;
  readonly closure:
    | { readonly kind: 'unread' }
    | { readonly kind: 'reading' }
    | { readonly kind: 'unreadable'; readonly why: string }
    | {
        readonly kind: 'read';
        readonly files: number;
        readonly bytes: number;
        readonly missing: readonly MissingReference[];
        readonly warnings: readonly string[];
        readonly frames: FrameRange | null;
        readonly engine: string | null;
        readonly cameras: readonly string[];
        readonly dcc: string;
      };
  /** Regions that keep this scene now. */
  readonly regions: readonly RegionId[];
}

export interface RegionView {
  readonly id: RegionId;
  readonly name: string;
  readonly place: string;
  readonly siteName: string;
  readonly groups: readonly string[];
  readonly link:
    | { readonly kind: 'unknown' }
    | { readonly kind: 'up' }
    | { readonly kind: 'down'; readonly why: string };
  /** null = not asked yet or the farm did not say; never an invented number. */
  readonly workers: { readonly live: number; readonly rendering: number } | null;
}

/** Always in this order; a step is shown only when it is proven. */
export const WAYBILL_STEPS = [
  'queued',
  'sending',
  'accepted',
  'metadata-in-region',
  'payload-arriving',
  'ready',
  'released',
  'rendering',
  'done',
] as const;
export type WaybillStep = (typeof WAYBILL_STEPS)[number];

export interface WaybillView {
  readonly id: WaybillId;
  readonly sceneId: SceneId;
  readonly sceneName: string;
  readonly projectId: ProjectId;
  readonly regionId: RegionId;
  /** Whether a job is submitted with it, or only its data sent. */
  readonly submit: boolean;
  readonly step: WaybillStep;
  /** Why it stands still, when it does; null while it moves or is done. */
  readonly trouble: {
    readonly sentence: string;
    readonly since: number;
    readonly retry: 'now' | 'later' | 'never' | 'sign-in';
  } | null;
  readonly cancelled: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly who: string;
  readonly createdAt: number;
  /** Epoch ms by which the hold must end; after it the hold says so and asks. */
  readonly holdUntil: number | null;
  readonly jobId: FarmJobId | null;
  readonly framesTotal: number;
  readonly framesHome: number;
  readonly timeline: readonly {
    readonly step: WaybillStep | 'tagged' | 'submitted' | 'held' | 'frames-home' | 'notified';
    readonly at: number;
    readonly proof: string;
  }[];
}

/** Hot counters live in their own slice, keyed by waybill. */
export interface TransferView {
  readonly bytesSent: number;
  readonly bytesArrived: number;
  readonly filesReady: number;
}

export interface JobView {
  readonly id: FarmJobId;
  readonly waybillId: WaybillId | null;
  readonly name: string;
  readonly state:
    | 'suspended'
    | 'pending'
    | 'queued'
    | 'rendering'
    | 'completed'
    | 'failed'
    | 'unknown';
  readonly group: string;
  readonly tasks: readonly {
    readonly frames: string;
    readonly state: string;
    readonly worker: string;
  }[];
  readonly errors: number;
  readonly report: string | null;
  readonly outputDir: string | null;
  readonly why: string;
}

export interface CollisionView {
  readonly id: CollisionId;
  readonly projectId: ProjectId;
  readonly kind: 'file-file' | 'folder-folder' | 'names-differ-by-case' | 'object-taken';
  /** The name both sides want, as a namespace path. */
  readonly path: string;
  readonly sides: readonly {
    readonly shownName: string;
    readonly site: string;
    readonly size: number | null;
    readonly modified: number | null;
  }[];
  readonly seenAt: number;
  /** What happens if nobody acts. */
  readonly consequence: string;
  readonly settled: boolean;
}

export interface NoticeView {
  readonly id: string;
  readonly at: number;
  readonly title: string;
  readonly body: string;
}

export const ACTIVITY_KINDS = [
  'watched',
  'mirrored',
  'changed',
  'closure',
  'tagged',
  'submitted',
  'held',
  'arriving',
  'ready',
  'released',
  'rendering',
  'frames-home',
  'notified',
  'collision',
  'trouble',
] as const;
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];

/** One line of the honest log. Kept in the ledger, so a crash neither loses nor repeats one. */
export interface ActivityView {
  readonly seq: number;
  readonly at: number;
  readonly kind: ActivityKind;
  /** Project, waybill or collision id. */
  readonly subject: string;
  readonly sentence: string;
  readonly bytes: number | null;
  readonly files: number | null;
  /** What proves it: an id, a read-back, a checksum. */
  readonly proof: string;
}

export interface LedgerRow {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly subject: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly proof: string | null;
}

export interface AgentState {
  readonly agent: AgentView;
  /** Keyed by code + subject; absent means well. */
  readonly health: Readonly<Record<string, HealthItem>>;
  readonly projects: Readonly<Record<string, ProjectView>>;
  readonly scenes: Readonly<Record<string, SceneView>>;
  readonly regions: Readonly<Record<string, RegionView>>;
  readonly waybills: Readonly<Record<string, WaybillView>>;
  readonly transfers: Readonly<Record<string, TransferView>>;
  readonly jobs: Readonly<Record<string, JobView>>;
  readonly collisions: Readonly<Record<string, CollisionView>>;
  readonly notices: readonly NoticeView[];
  /** The newest 500, oldest first. */
  readonly activity: readonly ActivityView[];
}

export type SliceName = keyof AgentState;
