// The render farm: submit held, look up by our own id, release once, follow.

import type { FarmJobId, FarmPath, RegionId, SubmitId } from '../core/names.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export type FarmJobState =
  | 'suspended'
  | 'pending'
  | 'queued'
  | 'rendering'
  | 'completed'
  | 'failed'
  | 'unknown';

export interface FarmTask {
  readonly id: number;
  readonly frames: string;
  readonly state:
    | 'queued'
    | 'suspended'
    | 'rendering'
    | 'completed'
    | 'failed'
    | 'pending'
    | 'unknown';
  readonly worker: string;
}

export interface FarmJob {
  readonly id: FarmJobId;
  readonly name: string;
  readonly user: string;
  readonly state: FarmJobState;
  readonly submitId: SubmitId | null;
  readonly tasksTotal: number;
  readonly tasksCompleted: number;
  readonly tasksFailed: number;
  readonly errors: number;
  readonly outputDirs: readonly string[];
  readonly group: string;
}

export interface FarmWorker {
  readonly name: string;
  readonly state: 'rendering' | 'idle' | 'offline' | 'stalled' | 'starting' | 'unknown';
  readonly groups: readonly string[];
  readonly awsRegion: string | null;
}

/** What one job says: JobInfo and PluginInfo keys are Deadline's own. */
export interface FarmSubmission {
  readonly submitId: SubmitId;
  readonly region: RegionId;
  readonly jobInfo: Readonly<Record<string, string>>;
  readonly pluginInfo: Readonly<Record<string, string>>;
}

/** Errors: 'connection-*', 'sign-in-failed', 'farm-rejected' (with the farm's text), 'unexpected-answer'. */
export interface Farm {
  /** Version text of the service behind the URL. */
  probe(options?: CallOptions): Promise<string>;
  groups(options?: CallOptions): Promise<string[]>;
  plugins(options?: CallOptions): Promise<string[]>;
  workers(options?: CallOptions): Promise<FarmWorker[]>;
  /** One POST, never retried here: after a time-out the caller looks the id up first. */
  submit(submission: FarmSubmission, options?: CallOptions): Promise<FarmJobId>;
  /** The job that carries our id, among all states; null means "not seen", not "does not exist". */
  findBySubmitId(submitId: SubmitId, options?: CallOptions): Promise<FarmJob | null>;
  jobs(ids: readonly FarmJobId[], options?: CallOptions): Promise<FarmJob[]>;
  tasks(id: FarmJobId, options?: CallOptions): Promise<FarmTask[]>;
  resume(id: FarmJobId, options?: CallOptions): Promise<void>;
  suspend(id: FarmJobId, options?: CallOptions): Promise<void>;
  /** Text of the newest error or log report of a job, or null. */
  lastReport(id: FarmJobId, options?: CallOptions): Promise<string | null>;
  addHistory(id: FarmJobId, entry: string, options?: CallOptions): Promise<void>;
  /** The farm's own path mapping: what each path becomes on a worker of that OS and region. */
  mappedPaths(
    query: { os: 'Windows' | 'Linux' | 'Mac'; region: string; paths: readonly FarmPath[] },
    options?: CallOptions,
  ): Promise<string[]>;
}
