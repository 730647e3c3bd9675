// The waybill as the ledger keeps it: one closure bound for one region, and how far each part is proven.

import type {
  FarmJobId,
  NamespacePath,
  ProjectId,
  RegionId,
  SceneId,
  SubmitId,
  WaybillId,
} from '../core/names.ts';
import type { WaybillStep, WaybillView } from '../state.ts';

export interface WaybillFile {
  readonly localPath: string;
  readonly path: NamespacePath;
  readonly size: number;
  readonly sha256: string | null;
  readonly homeModified: number | null;
}

export interface Waybill {
  readonly id: WaybillId;
  readonly projectId: ProjectId;
  readonly sceneId: SceneId;
  readonly sceneName: string;
  readonly scenePath: string;
  readonly regionId: RegionId;
  readonly submit: boolean;
  readonly who: string;
  readonly createdAt: number;
  readonly cancelled: boolean;
  readonly step: WaybillStep;
  readonly files: readonly WaybillFile[];
  readonly bytes: number;
  readonly dcc: { readonly name: string; readonly version: string };
  readonly frames: string;
  readonly framesTotal: number;
  readonly output: {
    readonly dir: NamespacePath;
    readonly localDir: string;
    readonly pattern: string;
  };
  readonly submitId: SubmitId;
  readonly jobId: FarmJobId | null;
  readonly renderer: string | null;
  readonly holdUntil: number | null;
  /** Outputs the region already had when the job was released, path → modification time. */
  readonly outputsBefore: Readonly<Record<string, number | null>> | null;
  readonly framesHome: readonly string[];
  /** Paths that carry a mark of ours because of this waybill. */
  readonly marked: readonly NamespacePath[];
  readonly timeline: WaybillView['timeline'];
}

export function isUnfinished(waybill: Waybill): boolean {
  if (waybill.cancelled) return false;
  return waybill.submit ? waybill.step !== 'done' : waybill.step !== 'ready';
}
