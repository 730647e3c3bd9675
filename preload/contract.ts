// The contract: every command, the state and the wire error, as one value both ends are derived from.

import { z } from 'zod';
import type { EngineApi } from '../main/engine/api.ts';
import type { ErrorCode, Retry } from '../main/engine/base/errors.ts';
import type { AgentState, SliceName } from '../main/engine/state.ts';

export type * from '../main/engine/state.ts';
export type { Closure, FileKind, FrameRange } from '../main/engine/core/closure.ts';
export type { ErrorCode, Retry } from '../main/engine/base/errors.ts';

type CommandName = Exclude<keyof EngineApi, 'snapshot' | 'watch'>;
type ArgumentOf<K extends CommandName> = Parameters<EngineApi[K]>[0];

const path = z.string().min(1).max(4096);
const id = z.string().min(1).max(200);
const nothing = z.strictObject({});

/** Command name → schema of its argument. Results are typed by the engine's own face. */
export const COMMANDS = {
  addProject: z.strictObject({ dir: path, name: z.string().min(1).max(80).optional() }),
  removeProject: z.strictObject({ projectId: id }),
  checkProject: z.strictObject({ projectId: id }),
  closure: z.strictObject({ scene: path }),
  sendScene: z.strictObject({
    requestId: z.uuid().optional(),
    scene: path,
    region: id,
    submit: z.boolean(),
    allowMissing: z.boolean(),
    frames: z.string().max(2000).optional(),
  }),
  cancelWaybill: z.strictObject({ waybillId: id }),
  retryWaybill: z.strictObject({ waybillId: id }),
  settleCollision: z.strictObject({ collisionId: id }),
  ledger: z.strictObject({ limit: z.int().min(1).max(10_000) }),
  activity: z.strictObject({ afterSeq: z.int().min(0), limit: z.int().min(1).max(10_000) }),
  pause: z.strictObject({ forMinutes: z.number().min(1).max(10_080).nullable() }),
  resume: nothing,
  dismissNotice: z.strictObject({ noticeId: id }),
  browserLink: nothing,
  shutdown: nothing,
} as const satisfies { readonly [K in CommandName]: z.ZodType<ArgumentOf<K>> };

export type Argument<K extends CommandName> = ArgumentOf<K>;
export type Result<K extends CommandName> = Awaited<ReturnType<EngineApi[K]>>;
export type { CommandName };

export interface WireError {
  readonly code: ErrorCode;
  /** One sentence for a person. */
  readonly message: string;
  readonly retry: Retry;
  readonly facts: Readonly<Record<string, string | number>>;
  /** Sentences of the causes, outermost first. */
  readonly causes: readonly string[];
}

/** Messages a client sends; the same over MessagePort, the local socket (one JSON per line) and HTTP. */
export const ClientMessage = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('call'),
    id: z.int().min(0),
    command: z.string().max(60),
    argument: z.unknown(),
  }),
  z.strictObject({ kind: z.literal('cancel'), id: z.int().min(0) }),
  /** First answer: the whole state; then changed slices. Sent again after a gap in revisions. */
  z.strictObject({
    kind: z.literal('watch'),
    slices: z.array(z.string().max(40)).max(20).optional(),
  }),
]);
export type ClientMessage = z.infer<typeof ClientMessage>;

export type ServerMessage =
  | { readonly kind: 'result'; readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly kind: 'result'; readonly id: number; readonly ok: false; readonly error: WireError }
  | { readonly kind: 'snapshot'; readonly revision: number; readonly state: AgentState }
  /** Applies on top of `base`; a watcher whose revision is not `base` asks again. */
  | {
      readonly kind: 'changes';
      readonly base: number;
      readonly revision: number;
      readonly slices: Partial<AgentState>;
    };

export type { SliceName };
