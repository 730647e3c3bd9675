// Sends a closure's payload to the home site and marks it for the region; each write is proven.

import { AgentError, invariant } from '../base/errors.ts';
import { homeGateway, tell, type EngineContext } from '../context.ts';
import { objectKeyOf } from '../core/paths.ts';
import { markPaths, proveMark, sendPayload } from '../services/tag.ts';
import type { Waybill, WaybillFile } from '../services/waybill.ts';
import { advance, commonFolder, type Trip } from './trip.ts';

export async function sendHome(trip: Trip): Promise<void> {
  const { context, signal } = trip;
  advance(trip, { step: 'sending' }, { step: 'sending', proof: `to ${context.studio.homeSite}` });
  let bytesSent = 0;
  const files = await trip.attempt(() => {
    bytesSent = 0;
    return sendPayload(tagPorts(context), trip.latest().files, {
      signal,
      onSent: (file) => {
        bytesSent += file.size;
        const before = context.store.get().transfers[trip.latest().id];
        context.store.put('transfers', trip.latest().id, {
          bytesArrived: 0,
          filesReady: 0,
          ...before,
          bytesSent,
        });
      },
    });
  });
  const accepted = await trip.attempt(() => provenAtHome(context, files, signal));
  const bytes = accepted.reduce((sum, file) => sum + file.size, 0);
  advance(
    trip,
    { step: 'accepted', files: accepted, bytes },
    {
      step: 'accepted',
      proof: `${accepted.length} files listed at ${context.studio.homeSite} with the sizes sent`,
    },
  );
}

/** What the home site lists after the upload is the version everything later is compared with. */
async function provenAtHome(
  context: EngineContext,
  files: readonly WaybillFile[],
  signal: AbortSignal,
): Promise<WaybillFile[]> {
  const [first] = files;
  if (!first) return [];
  const items = await homeGateway(context).tree(commonFolder(files.map((file) => file.path)), {
    signal,
  });
  const byPath = new Map(items.map((item) => [item.path as string, item]));
  return files.map((file) => {
    const item = byPath.get(file.path);
    if (item && item.size === file.size && item.modified !== null)
      return { ...file, homeModified: item.modified };
    throw new AgentError('unexpected-answer', {
      message: `${context.studio.homeSite} does not list ${file.path} as it was sent yet. Asking again.`,
      retry: 'later',
      facts: { path: file.path },
    });
  });
}

export async function tag(trip: Trip): Promise<void> {
  const { context, region, signal } = trip;
  const waybill = trip.latest();
  if (waybill.timeline.some((entry) => entry.step === 'tagged')) return;
  const home = homeGateway(context);
  const dir = commonFolder(waybill.files.map((file) => file.path));
  const share = context.studio.share;
  const added = await trip.attempt(async () => {
    await proveMark(
      {
        gateway: home,
        anvil: context.ports.anvils.get(region.siteName) ?? null,
        log: context.ports.log,
      },
      { dir, share: share.name, site: region.siteName },
      signal,
    );
    await makeOutputFolder(trip, waybill);
    await markPaths(
      home,
      {
        paths: [waybill.output.dir],
        mark: { kind: 'keep-on-site', site: context.studio.homeSite },
      },
      signal,
    );
    return markPaths(
      home,
      {
        paths: waybill.files.map((file) => file.path),
        mark: { kind: 'keep-on-site', site: region.siteName },
      },
      signal,
    );
  });
  advance(
    trip,
    { marked: [...new Set([...waybill.marked, ...added])] },
    {
      step: 'tagged',
      proof: `keep-on-site ${region.siteName} read back on ${waybill.files.length} paths`,
    },
  );
  tell(context, {
    key: `${waybill.id}:tagged`,
    kind: 'tagged',
    subject: waybill.id,
    sentence: `${waybill.sceneName} and all it needs is tagged for ${region.name}.`,
    files: waybill.files.length,
    bytes: trip.latest().bytes,
    proof: `keep-on-site ${region.siteName} read back on ${waybill.files.length} paths`,
  });
}

/** The output folder is made once, at home, before any region can make a twin of it. */
async function makeOutputFolder(trip: Trip, waybill: Waybill): Promise<void> {
  const { context, signal } = trip;
  const key = objectKeyOf(context.studio.share.path, waybill.output.dir);
  invariant(key !== null, 'outputs lie in the share');
  const note = `${JSON.stringify({ waybill: 1, output: waybill.output.pattern })}\n`;
  await context.ports.objects.putText(
    { key: `${key}/.waybill.json`, text: note, condition: { kind: 'absent' } },
    { signal },
  );
}

function tagPorts(context: EngineContext): Parameters<typeof sendPayload>[0] {
  return { ...context.ports, ledger: context.ledger, sharePath: context.studio.share.path };
}
