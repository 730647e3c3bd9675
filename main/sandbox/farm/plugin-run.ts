// What a plug-in is given for one task: the job's words, the worker's paths, its processes and its log.

import type { JobDocument } from './jobs.ts';
import type { PathRule } from './path-mapping.ts';
import type { TaskLog } from './task-log.ts';

export interface Renderers {
  readonly blender: string | null;
  readonly preview: { readonly executable: string; readonly script: string };
  /** Python for tasks and script dependencies; none where it is left out. */
  readonly python?: string | null;
}

export interface WorkerPlace {
  readonly name: string;
  readonly root: string;
  readonly farmRoot: string;
  readonly region: string;
  /** Rules beside the one that maps the farm's root to the region's mount. */
  readonly pathRules: readonly PathRule[];
  readonly renderers: Renderers;
  /** Home and temp folder of the children, so that no setting of this machine's user is read. */
  readonly scratchDir: string;
  readonly auxDir: string;
  /** Whether the namespace has a file of this farm path, wherever its payload is. */
  exists(path: string): boolean;
  /** When metadata of a folder was last sent to each peer of the region's site; null where it is no Hammerspace. */
  sendTimes(path: string): Promise<readonly number[] | null>;
}

export interface PluginRun {
  readonly place: WorkerPlace;
  readonly job: JobDocument;
  readonly info: Readonly<Record<string, string>>;
  readonly first: number;
  readonly last: number;
  readonly log: TaskLog;
  readonly signal: AbortSignal;
  /** A farm path on the region's mount; a TaskError where it leads elsewhere. */
  readonly payloadPath: (path: string) => string;
  /** The same for a program of the machine, too. */
  readonly hostPath: (path: string) => string;
  /** A text that speaks of farm paths, with this machine's; and back. */
  readonly rooted: (text: string) => string;
  readonly localised: (text: string) => string;
  readonly spawned: (
    executable: string,
    args: readonly string[],
  ) => Promise<{ readonly code: number; readonly log: string }>;
}

/** A task that cannot be run; the text becomes the title of its error report. */
export class TaskError extends Error {}
