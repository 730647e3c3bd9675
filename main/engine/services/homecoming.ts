// Brings rendered frames back to the workstation folder. A file that is not ours is never replaced.

import { AgentError } from '../base/errors.ts';
import { baseNameOf, localPathOf, objectKeyOf } from '../core/paths.ts';
import type { LocalPath, NamespacePath } from '../core/names.ts';
import type { Files } from '../ports/files.ts';
import type { ObjectStore } from '../ports/objects.ts';
import type { Ledger } from './ledger.ts';

export interface HomePorts {
  readonly ledger: Ledger;
  readonly files: Files;
  readonly objects: ObjectStore;
  readonly sharePath: string;
}

export interface Homecoming {
  /** Where the frame lies now on the workstation. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  /** True when a different file had the name, so the frame was put beside it. */
  readonly keptApart: boolean;
}

/** Downloads one frame by way of a temp file, checks it, and places it. Repeating it changes nothing. */
export async function bringHome(
  ports: HomePorts,
  frame: { path: NamespacePath; localDir: string; label: string },
  signal: AbortSignal,
): Promise<Homecoming> {
  const key = objectKeyOf(ports.sharePath, frame.path);
  if (key === null) {
    throw new AgentError('outside-project', {
      message: `${frame.path} lies outside the share.`,
      retry: 'never',
    });
  }
  const dir = frame.localDir as LocalPath;
  const name = baseNameOf(frame.path);
  await ports.files.makeDir(dir, { signal });
  const temp = localPathOf(dir, `.waybill-${crypto.randomUUID()}.part`);
  try {
    const facts = await ports.objects.getFile(key, temp, { signal });
    const sha256 = facts.sha256 ?? (await ports.files.digest(temp, { signal }));
    const arrived = { key, etag: facts.etag, size: facts.size, sha256 };
    return await place(ports, { temp, dir, name, label: frame.label, arrived }, signal);
  } finally {
    await ports.files.remove(temp, {}).catch((error: unknown) => {
      if (!(error instanceof AgentError) || error.code !== 'file-missing') throw error;
    });
  }
}

interface Placement {
  readonly temp: LocalPath;
  readonly dir: LocalPath;
  readonly name: string;
  readonly label: string;
  readonly arrived: {
    readonly key: string;
    readonly etag: string;
    readonly size: number;
    readonly sha256: string;
  };
}

async function place(
  ports: HomePorts,
  placement: Placement,
  signal: AbortSignal,
): Promise<Homecoming> {
  const { arrived } = placement;
  const wanted = localPathOf(placement.dir, placement.name);
  const there = await digestIfThere(ports, wanted, signal);
  if (there === arrived.sha256) return remember(ports, wanted, { ...arrived, keptApart: false });
  if (there !== null) {
    // An earlier frame of ours, untouched since, may make room for its successor; anything else stays.
    if (ports.ledger.object(arrived.key)?.sha256 !== there)
      return placeBeside(ports, placement, signal);
    await ports.files.remove(wanted, { signal });
  }
  await ports.files.placeNew(placement.temp, wanted, { signal });
  return remember(ports, wanted, { ...arrived, keptApart: false });
}

async function placeBeside(
  ports: HomePorts,
  placement: Placement,
  signal: AbortSignal,
): Promise<Homecoming> {
  const dot = placement.name.lastIndexOf('.');
  const stem = dot > 0 ? placement.name.slice(0, dot) : placement.name;
  const extension = dot > 0 ? placement.name.slice(dot) : '';
  const path = localPathOf(placement.dir, `${stem} (${placement.label})${extension}`);
  const there = await digestIfThere(ports, path, signal);
  if (there === null) await ports.files.placeNew(placement.temp, path, { signal });
  const { size, sha256 } = placement.arrived;
  return { path, size, sha256, keptApart: true };
}

async function digestIfThere(
  ports: HomePorts,
  path: LocalPath,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    return await ports.files.digest(path, { signal });
  } catch (error) {
    if (error instanceof AgentError && error.code === 'file-missing') return null;
    throw error;
  }
}

async function remember(
  ports: HomePorts,
  path: LocalPath,
  arrived: Placement['arrived'] & { keptApart: boolean },
): Promise<Homecoming> {
  const stat = await ports.files.stat(path);
  const { key, etag, size, sha256, keptApart } = arrived;
  ports.ledger.saveObject({
    key,
    etag,
    size,
    sha256,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
  });
  return { path, size, sha256, keptApart };
}
