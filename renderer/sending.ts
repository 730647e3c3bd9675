// Drops on their way: asked for, accepted with an undo, refused for missing files, or failed.

import type { Agent } from './agent.ts';
import { createCell, type Cell } from './cell.ts';
import { CallFailure, isAbort, sentenceOf } from './failure.ts';
import { nameOfPath } from './present/format.ts';

export interface SceneRef {
  readonly name: string;
  /** Absolute local path. */
  readonly path: string;
}

export interface RegionRef {
  readonly id: string;
  readonly name: string;
}

export interface Drop {
  readonly scenes: readonly SceneRef[];
  readonly region: RegionRef;
  readonly submit: boolean;
  readonly allowMissing: boolean;
}

export type Sending =
  | { readonly kind: 'asking'; readonly id: number; readonly drop: Drop; cancel(): void }
  /** Waybills that this drop wrote; undo cancels these and no others. */
  | {
      readonly kind: 'sent';
      readonly id: number;
      readonly drop: Drop;
      readonly waybillIds: readonly string[];
    }
  /** Each was on its way before; undo would cancel somebody else's drop. */
  | { readonly kind: 'already'; readonly id: number; readonly drop: Drop }
  | {
      readonly kind: 'incomplete';
      readonly id: number;
      readonly drop: Drop;
      readonly missing: readonly string[];
    }
  | { readonly kind: 'failed'; readonly id: number; readonly drop: Drop; readonly sentence: string }
  | { readonly kind: 'undone'; readonly id: number; readonly drop: Drop };

type SendingOf<Kind extends Sending['kind']> = Extract<Sending, { kind: Kind }>;

export interface Sendings {
  readonly cell: Cell<readonly Sending[]>;
  send(drop: Drop): Promise<void>;
  sendAnyway(sending: SendingOf<'incomplete'>): Promise<void>;
  retry(sending: SendingOf<'failed'>): Promise<void>;
  /** Rejects when not all could be taken back; the notice then stays. */
  undo(sending: SendingOf<'sent'>): Promise<void>;
  dismiss(id: number): void;
}

export function createSendings(agent: Agent): Sendings {
  const cell = createCell<readonly Sending[]>([]);
  let lastId = 0;

  const nextId = (): number => (lastId += 1);
  const add = (sending: Sending): void => cell.set([...cell.get(), sending]);
  const dismiss = (id: number): void => cell.set(cell.get().filter((other) => other.id !== id));

  async function send(drop: Drop): Promise<void> {
    const id = nextId();
    const stop = new AbortController();
    add({ kind: 'asking', id, drop, cancel: () => stop.abort() });
    const results = await Promise.all(
      drop.scenes.map((scene) => sendOne(agent, { scene, drop }, stop.signal)),
    );
    dismiss(id);
    report(drop, results);
  }

  /** One drop may end in several ways at once; scenes that ended alike are told together. */
  function report(drop: Drop, results: readonly SceneResult[]): void {
    const sent = results.filter((result) => result.kind === 'sent');
    const already = results.filter((result) => result.kind === 'already');
    const failed = results.filter((result) => result.kind === 'failed');
    const of = (some: readonly SceneResult[]): Drop => ({
      ...drop,
      scenes: some.map((result) => result.scene),
    });
    if (sent.length > 0) {
      const waybillIds = sent.map((result) => result.waybillId);
      add({ kind: 'sent', id: nextId(), drop: of(sent), waybillIds });
    }
    if (already.length > 0) add({ kind: 'already', id: nextId(), drop: of(already) });
    for (const result of results) {
      if (result.kind !== 'incomplete') continue;
      add({ kind: 'incomplete', id: nextId(), drop: of([result]), missing: result.missing });
    }
    const bySentence = new Set(failed.map((result) => result.sentence));
    for (const sentence of bySentence) {
      const alike = failed.filter((result) => result.sentence === sentence);
      add({ kind: 'failed', id: nextId(), drop: of(alike), sentence });
    }
  }

  return {
    cell,
    send,
    async sendAnyway({ id, drop }) {
      dismiss(id);
      await send({ ...drop, allowMissing: true });
    },
    async retry({ id, drop }) {
      dismiss(id);
      await send(drop);
    },
    async undo(sending) {
      const { id, drop, waybillIds } = sending;
      dismiss(id);
      try {
        await Promise.all(
          waybillIds.map((waybillId) => agent.call('cancelWaybill', { waybillId })),
        );
        add({ kind: 'undone', id: nextId(), drop });
      } catch (error) {
        // Still there to be taken back; the caller says why it was not.
        add({ ...sending, id: nextId() });
        throw error;
      }
    },
    dismiss,
  };
}

type SceneResult =
  | { readonly kind: 'sent'; readonly scene: SceneRef; readonly waybillId: string }
  | { readonly kind: 'already'; readonly scene: SceneRef }
  | { readonly kind: 'incomplete'; readonly scene: SceneRef; readonly missing: readonly string[] }
  | { readonly kind: 'failed'; readonly scene: SceneRef; readonly sentence: string }
  | { readonly kind: 'cancelled'; readonly scene: SceneRef };

async function sendOne(
  agent: Agent,
  { scene, drop }: { readonly scene: SceneRef; readonly drop: Drop },
  signal: AbortSignal,
): Promise<SceneResult> {
  const before = new Set(Object.keys(agent.cell.get().state?.waybills ?? {}));
  try {
    const waybill = await agent.call(
      'sendScene',
      {
        scene: scene.path,
        region: drop.region.id,
        submit: drop.submit,
        allowMissing: drop.allowMissing,
      },
      { signal },
    );
    return before.has(waybill.id)
      ? { kind: 'already', scene }
      : { kind: 'sent', scene, waybillId: waybill.id };
  } catch (error) {
    if (isAbort(error)) return { kind: 'cancelled', scene };
    if (error instanceof CallFailure && error.code === 'closure-incomplete')
      return { kind: 'incomplete', scene, missing: missingOf(agent, scene, error) };
    return { kind: 'failed', scene, sentence: sentenceOf(error) };
  }
}

/** The whole list where the scene was read; else the one file that the refusal names. */
function missingOf(agent: Agent, scene: SceneRef, error: CallFailure): readonly string[] {
  const { state } = agent.cell.get();
  const view = Object.values(state?.scenes ?? {}).find(({ path }) => path === scene.path);
  if (view?.closure.kind === 'read' && view.closure.missing.length > 0)
    return view.closure.missing.map((reference) => reference.path);
  const named = error.facts['path'];
  return [named === undefined ? nameOfPath(scene.path) : String(named)];
}
