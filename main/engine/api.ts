// What the engine can be asked to do: the one face that the contract, the CLI and the tests speak to.

import type { Closure } from './core/closure.ts';
import type {
  ActivityView,
  AgentState,
  LedgerRow,
  ProjectView,
  SliceName,
  WaybillView,
} from './state.ts';

export interface StateChange {
  readonly revision: number;
  readonly slices: Partial<AgentState>;
}

export interface EngineApi {
  readonly snapshot: () => { readonly revision: number; readonly state: AgentState };
  /** Calls back with changed slices, at most ten times a second; dispose to stop. */
  watch(slices: readonly SliceName[] | 'all', onChange: (change: StateChange) => void): Disposable;

  addProject(arg: { dir: string; name?: string | undefined }, call: Call): Promise<ProjectView>;
  removeProject(arg: { projectId: string }, call: Call): Promise<void>;
  /** Reconciles a project now and resolves when the listing is complete. */
  checkProject(arg: { projectId: string }, call: Call): Promise<ProjectView>;
  closure(arg: { scene: string }, call: Call): Promise<Closure>;
  /** Tags the scene's closure for a region and, with `submit`, submits its job held. */
  sendScene(arg: SendScene, call: Call): Promise<WaybillView>;
  cancelWaybill(arg: { waybillId: string }, call: Call): Promise<WaybillView>;
  /** Tries again now what stands still. */
  retryWaybill(arg: { waybillId: string }, call: Call): Promise<WaybillView>;
  settleCollision(arg: { collisionId: string }, call: Call): Promise<void>;
  ledger(arg: { limit: number }, call: Call): Promise<LedgerRow[]>;
  activity(arg: { afterSeq: number; limit: number }, call: Call): Promise<ActivityView[]>;
  pause(arg: { forMinutes: number | null }, call: Call): Promise<void>;
  resume(arg: Record<string, never>, call: Call): Promise<void>;
  /** Marks notices as shown so that no surface shows one twice. */
  dismissNotice(arg: { noticeId: string }, call: Call): Promise<void>;
  /** A link that opens the window once in a browser of this machine; null where the agent serves none. */
  browserLink(arg: Record<string, never>, call: Call): Promise<{ url: string | null }>;
  shutdown(arg: Record<string, never>, call: Call): Promise<void>;
}

export interface SendScene {
  /** UUID chosen by the caller: asking again with it gives the same waybill, however often a reply was lost. */
  readonly requestId?: string | undefined;
  /** Absolute local path of the scene. */
  readonly scene: string;
  readonly region: string;
  readonly submit: boolean;
  /** Send although files are missing; without it a missing file refuses the submit. */
  readonly allowMissing: boolean;
  /** Frame list such as '1-10x2,20'; the scene's own range when absent. */
  readonly frames?: string | undefined;
}

export interface Call {
  readonly signal: AbortSignal;
}
