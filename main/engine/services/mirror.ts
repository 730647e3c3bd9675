// Writes what is known of a project's files into the namespace as small records. Payload is not touched.

import { createHash } from 'node:crypto';
import { AgentError } from '../base/errors.ts';
import { objectKeyOf } from '../core/paths.ts';
import type { NamespacePath } from '../core/names.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore } from '../ports/objects.ts';
import type { Ledger, RecordRow } from './ledger.ts';

const RECORDS_PER_BATCH = 1_000;

export interface MirrorProject {
  readonly id: string;
  readonly namespacePath: NamespacePath;
}

export interface MirrorPorts {
  readonly ledger: Ledger;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly sharePath: string;
  readonly workstation: string;
}

export interface MirrorBatch {
  readonly files: number;
  readonly bytes: number;
  readonly key: string;
  readonly etag: string;
}

interface MirrorPayload {
  readonly projectId: string;
  readonly key: string;
  readonly text: string;
  readonly records: readonly RecordRow[];
}

/**
 * Mirrors one batch of pending records and returns its proof, or null when nothing is pending. A record
 * file belongs to one workstation and is never rewritten, so no two writers ever meet on one name.
 */
export async function mirrorBatch(
  ports: MirrorPorts,
  project: MirrorProject,
  signal: AbortSignal,
): Promise<MirrorBatch | null> {
  const intent = openMirrorIntent(ports, project) ?? intendBatch(ports, project);
  if (!intent) return null;
  const { id, payload } = intent;
  ports.ledger.setIntent(id, 'sent', { at: ports.clock.now() });
  await ports.objects.putText(
    { key: payload.key, text: payload.text, condition: { kind: 'absent' } },
    { signal },
  );
  const proof = await ports.objects.getText(payload.key, { signal });
  if (proof?.text !== payload.text) {
    // A foreign record under our own name: keep it, and write ours under a new one.
    ports.ledger.setIntent(id, 'refused', {
      at: ports.clock.now(),
      proof: `another record is at ${payload.key}`,
    });
    throw new AgentError('object-exists', {
      message: `Another record is at ${payload.key}. It was kept; ours goes under a new name.`,
      retry: 'now',
    });
  }
  ports.ledger.markMirrored(project.id, payload.records);
  ports.ledger.setIntent(id, 'done', { at: ports.clock.now(), proof: proof.etag });
  return {
    files: payload.records.length,
    bytes: Buffer.byteLength(payload.text),
    key: payload.key,
    etag: proof.etag,
  };
}

/** A batch that a crash interrupted is finished under its own name first. */
function openMirrorIntent(
  ports: MirrorPorts,
  project: MirrorProject,
): { id: string; payload: MirrorPayload } | null {
  for (const intent of ports.ledger.openIntents('mirror')) {
    const payload = intent.payload as MirrorPayload;
    if (payload.projectId === project.id) return { id: intent.id, payload };
  }
  return null;
}

function intendBatch(
  ports: MirrorPorts,
  project: MirrorProject,
): { id: string; payload: MirrorPayload } | null {
  const records = ports.ledger.pendingRecords(project.id, RECORDS_PER_BATCH);
  if (records.length === 0) return null;
  const id = crypto.randomUUID();
  const folder = objectKeyOf(ports.sharePath, project.namespacePath);
  const payload: MirrorPayload = {
    projectId: project.id,
    key: `${folder}/.waybill/${ports.workstation}/${id}.jsonl`,
    text: recordText(ports.workstation, records),
    records,
  };
  ports.ledger.intend({ id, kind: 'mirror', subject: project.id, payload }, ports.clock.now());
  return { id, payload };
}

/** One header line with version, writer, count and checksum of the rest; then one line per file. */
function recordText(workstation: string, records: readonly RecordRow[]): string {
  const lines = records
    .map(
      (record) =>
        `${JSON.stringify({ path: record.relativePath, size: record.size, mtimeNs: record.mtimeNs })}\n`,
    )
    .join('');
  const sha256 = createHash('sha256').update(lines).digest('hex');
  return `${JSON.stringify({ waybill: 1, workstation, count: records.length, sha256 })}\n${lines}`;
}
