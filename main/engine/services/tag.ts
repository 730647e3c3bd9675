// Puts a closure's payload into the namespace at home and marks it for a region, each write proven.

import { AgentError, isAbort, sentenceOf } from '../base/errors.ts';
import { eachLimited } from '../base/queue.ts';
import { baseNameOf, objectKeyOf } from '../core/paths.ts';
import type { LocalPath, NamespacePath } from '../core/names.ts';
import type { Clock } from '../ports/clock.ts';
import type { Files } from '../ports/files.ts';
import type { Log } from '../ports/log.ts';
import type { Anvil, Gateway, Mark } from '../ports/namespace.ts';
import type { ObjectFacts, ObjectStore, WriteCondition } from '../ports/objects.ts';
import type { Ledger } from './ledger.ts';
import type { WaybillFile } from './waybill.ts';

const UPLOADS_AT_ONCE = 4;
const MARKS_AT_ONCE = 3;

export interface TagPorts {
  readonly ledger: Ledger;
  readonly files: Files;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly sharePath: string;
}

export interface SendOptions {
  readonly signal: AbortSignal;
  onSent(file: WaybillFile): void;
}

/** Uploads what home does not hold yet; the answer carries each file's checksum. Order is kept. */
export async function sendPayload(
  ports: TagPorts,
  files: readonly WaybillFile[],
  options: SendOptions,
): Promise<WaybillFile[]> {
  const sent = new Map<string, WaybillFile>();
  await eachLimited(files, UPLOADS_AT_ONCE, async (file) => {
    const done = await sendFile(ports, file, options.signal);
    sent.set(file.path, done);
    options.onSent(done);
  });
  return files.map((file) => sent.get(file.path) ?? file);
}

async function sendFile(
  ports: TagPorts,
  file: WaybillFile,
  signal: AbortSignal,
): Promise<WaybillFile> {
  const key = objectKeyOf(ports.sharePath, file.path);
  if (key === null) {
    throw new AgentError('outside-project', {
      message: `${file.path} lies outside the share.`,
      retry: 'never',
    });
  }
  const path = file.localPath as LocalPath;
  const stat = await ports.files.stat(path, { signal });
  const known = ports.ledger.object(key);
  const unchanged =
    known !== null &&
    known.size === stat.size &&
    known.mtimeNs === stat.mtimeNs &&
    known.ctimeNs === stat.ctimeNs;
  const sha256 = unchanged ? known.sha256 : await ports.files.digest(path, { signal });
  const current = await ports.objects.head(key, { signal });
  const stored = (etag: string): WaybillFile => {
    ports.ledger.saveObject({
      key,
      etag,
      size: stat.size,
      sha256,
      mtimeNs: stat.mtimeNs,
      ctimeNs: stat.ctimeNs,
    });
    return { ...file, size: stat.size, sha256 };
  };
  if (current && isSame(current, { size: stat.size, sha256 })) return stored(current.etag);

  const outcome = await ports.objects.putFile(
    { key, path, size: stat.size, sha256, condition: conditionFor(known?.etag ?? null, current) },
    { signal },
  );
  switch (outcome.kind) {
    case 'stored':
      return stored(outcome.etag);
    case 'refused':
      if (outcome.current && isSame(outcome.current, { size: stat.size, sha256 }))
        return stored(outcome.current.etag);
      throw new AgentError('object-exists', {
        message: `Someone else's ${baseNameOf(file.path)} is at ${file.path}; it was not overwritten. Rename yours or settle it with them, then retry.`,
        retry: 'never',
        facts: { path: file.path },
      });
  }
}

/** Only an object that we stored ourselves may be replaced, and only while it is still ours. */
function conditionFor(ourEtag: string | null, current: ObjectFacts | null): WriteCondition {
  return ourEtag !== null && current !== null
    ? { kind: 'unchanged', etag: ourEtag }
    : { kind: 'absent' };
}

function isSame(current: ObjectFacts, ours: { size: number; sha256: string }): boolean {
  return current.size === ours.size && current.sha256 === ours.sha256;
}

/** Marks each path that does not carry the mark yet and returns those; the gateway client reads each back. */
export async function markPaths(
  gateway: Gateway,
  request: { paths: readonly NamespacePath[]; mark: Mark },
  signal: AbortSignal,
): Promise<NamespacePath[]> {
  const added: NamespacePath[] = [];
  await eachLimited(request.paths, MARKS_AT_ONCE, async (path) => {
    if (await gateway.hasMark(path, request.mark, { signal })) return;
    await gateway.addMark(path, request.mark, { signal });
    added.push(path);
  });
  return added;
}

/** A mark that no objective at the destination answers moves nothing; refuse it with the sentence for the admin. */
export async function proveMark(
  ports: { gateway: Gateway; anvil: Anvil | null; log: Log },
  request: { dir: NamespacePath; share: string; site: string },
  signal: AbortSignal,
): Promise<void> {
  const participants = await ports.gateway.participants(request.dir, { signal });
  if (!participants.some((participant) => participant.siteName === request.site)) {
    throw new AgentError('mark-not-answered', {
      message: `Site ${request.site} does not take part in share ${request.share}. Ask an admin to add it, then retry.`,
      retry: 'never',
    });
  }
  const answered = await isAnswered(ports, request, signal);
  if (answered !== false) return;
  throw new AgentError('mark-not-answered', {
    message: `No objective at ${request.site} answers keep-on-site. Ask an admin to apply keep-online with HAS_KEEP_ON_THIS_SITE to ${request.share}.`,
    retry: 'never',
  });
}

/** Null when the destination cannot be asked: unknown is not a refusal. */
async function isAnswered(
  ports: { anvil: Anvil | null; log: Log },
  request: { share: string; site: string },
  signal: AbortSignal,
): Promise<boolean | null> {
  if (!ports.anvil) return null;
  try {
    const objectives = await ports.anvil.objectives(
      { share: request.share, path: '/' },
      { signal },
    );
    return objectives.some((objective) =>
      objective.applicability.includes('HAS_KEEP_ON_THIS_SITE'),
    );
  } catch (error) {
    if (isAbort(error)) throw error;
    ports.log.warn('Objectives at the destination are unknown', {
      site: request.site,
      why: sentenceOf(error),
    });
    return null;
  }
}
