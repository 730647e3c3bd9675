// Reads one scene: the format by content first and by name second, again once when it is being written.

import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentError } from '../engine/base/errors.ts';
import type { Closure } from '../engine/core/closure.ts';
import { closureOfBlend } from './blend/closure.ts';
import type { BlendSummary, Purpose } from './blend/gather.ts';
import { isBlendMagic } from './blend/layout.ts';
import { openSource } from './blend/source.ts';
import { summarizeBlend } from './blend/summary.ts';
import { DamagedScene } from './damage.ts';
import { currentStamp, fileFailure, openSceneFile, type SceneFile } from './scene-file.ts';

export interface ReadRequest {
  readonly path: string;
  /** Folders that references may be looked up in; null looks anywhere on this workstation. */
  readonly roots: readonly string[] | null;
}

export interface SceneLibrary {
  /** Errors: AgentError 'file-missing', 'file-unreadable', 'not-a-scene'. */
  read(request: ReadRequest): Promise<Closure>;
}

/** A file that fails and does not change for this long is broken, not half-written. */
const REST_MS = 150;
const MAX_RESTS = 20;
/** An asset that fifty shots link is read once; more than this many blocks are not kept. */
const MAX_KEPT_BLOCKS = 400_000;

interface Kept {
  readonly stamp: string;
  readonly summary: BlendSummary;
}

export function createSceneLibrary(options: { restMs?: number } = {}): SceneLibrary {
  const { restMs = REST_MS } = options;
  const kept = new Map<string, Kept>();
  let keptBlocks = 0;

  function keep(key: string, entry: Kept): void {
    forget(key);
    kept.set(key, entry);
    keptBlocks += entry.summary.blocks.length;
    for (const oldest of kept.keys()) {
      if (keptBlocks <= MAX_KEPT_BLOCKS) return;
      forget(oldest);
    }
  }

  function forget(key: string): void {
    const entry = kept.get(key);
    if (!entry) return;
    kept.delete(key);
    keptBlocks -= entry.summary.blocks.length;
  }

  async function summarize(
    target: string,
    purpose: Purpose,
  ): Promise<{ summary: BlendSummary; size: number }> {
    using opened = openSceneFile(target);
    const { size } = opened;
    const key = `${purpose}\0${target}`;
    const known = kept.get(key);
    if (known?.stamp === opened.stamp) {
      kept.delete(key);
      kept.set(key, known);
      return { summary: known.summary, size };
    }
    try {
      const summary = await summarizeFile(opened, purpose);
      if (currentStamp(target) === opened.stamp) keep(key, { stamp: opened.stamp, summary });
      return { summary, size };
    } catch (error) {
      throw sceneFailure(target, error);
    }
  }

  async function readOnce(request: ReadRequest): Promise<Closure> {
    const { summary, size } = await summarize(request.path, 'scene');
    return closureOfBlend({
      path: request.path,
      size,
      summary,
      roots: request.roots,
      summarize: async (target, purpose) => (await summarize(target, purpose)).summary,
    });
  }

  return {
    async read(asked) {
      const request = { ...asked, path: path.resolve(asked.path) };
      const before = stampOrNull(request.path);
      try {
        const closure = await readOnce(request);
        if (stampOrNull(request.path) === before) return closure;
      } catch (error) {
        const mayBeHalfWritten = error instanceof AgentError && error.code === 'not-a-scene';
        if (!mayBeHalfWritten || (await rests(request.path, before, restMs))) throw error;
      }
      await untilAtRest(request.path, restMs);
      return readOnce(request);
    },
  };
}

async function summarizeFile(opened: SceneFile, purpose: Purpose): Promise<BlendSummary> {
  if (opened.size === 0) throw new DamagedScene('it is empty');
  if (opened.size < 12) throw new DamagedScene('it is too short for one');
  const source = openSource(opened.file, opened.size);
  {
    using reader = source.forward();
    if (!isBlendMagic(await reader.read(7))) {
      throw new DamagedScene('it does not begin like a Blender file');
    }
  }
  return summarizeBlend(source, purpose);
}

function sceneFailure(target: string, error: unknown): unknown {
  if (!(error instanceof DamagedScene)) return fileFailure(target, error);
  const isBlend = path.extname(target).toLowerCase() === '.blend';
  return new AgentError('not-a-scene', {
    message: isBlend
      ? `${target} cannot be read as a Blender scene: ${error.message}. Save it again from Blender.`
      : `${target} is no scene that Waybill reads: ${error.message}. Name a .blend file.`,
    retry: 'never',
    cause: error,
    facts: { path: target },
  });
}

/** Null when it is not there; the read itself will say so. */
function stampOrNull(target: string): string | null {
  try {
    return currentStamp(target);
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

/** Whether the file is still the same after a moment, so that what is wrong with it is not the saving. */
async function rests(target: string, before: string | null, restMs: number): Promise<boolean> {
  if (stampOrNull(target) !== before) return false;
  await delay(restMs);
  return stampOrNull(target) === before;
}

async function untilAtRest(target: string, restMs: number): Promise<void> {
  let last = stampOrNull(target);
  for (let round = 0; round < MAX_RESTS; round += 1) {
    // Longer than the first look: a program that saves may pause between two writes.
    await delay(2 * restMs);
    const now = stampOrNull(target);
    if (now === last) return;
    last = now;
  }
}
