// The regions as they answer now: is the site reachable, which workers are live.

import { isAbort, sentenceOf } from './base/errors.ts';
import { clearHealth, setHealth, type EngineContext } from './context.ts';
import type { Region } from './core/regions.ts';
import type { FarmWorker } from './ports/farm.ts';
import type { RegionView } from './state.ts';

const ASK_MS = 15_000;

/** Shows every region as unknown, then asks until the signal fires. */
export async function followRegions(context: EngineContext, signal: AbortSignal): Promise<void> {
  for (const region of context.studio.regions) {
    context.store.put('regions', region.id, {
      ...region,
      link: { kind: 'unknown' },
      workers: null,
    });
  }
  while (!signal.aborted) {
    await Promise.all([
      askFarm(context, signal),
      ...context.studio.regions.map((region) => askSite(context, region, signal)),
    ]);
    await context.ports.clock.sleep(ASK_MS, { signal });
  }
}

async function askSite(context: EngineContext, region: Region, signal: AbortSignal): Promise<void> {
  const anvil = context.ports.anvils.get(region.siteName);
  if (!anvil) return;
  try {
    await anvil.localSite({ signal });
    change(context, region, { link: { kind: 'up' } });
    clearHealth(context, 'region-unreachable', region.id);
  } catch (error) {
    if (isAbort(error)) return;
    change(context, region, { link: { kind: 'down', why: sentenceOf(error) } });
    setHealth(context, {
      code: 'region-unreachable',
      subject: region.id,
      severity: 'warning',
      sentence: sentenceOf(error),
    });
  }
}

async function askFarm(context: EngineContext, signal: AbortSignal): Promise<void> {
  try {
    const workers = await context.ports.farm.workers({ signal });
    for (const region of context.studio.regions)
      change(context, region, { workers: workersOf(region, workers) });
    clearHealth(context, 'farm-unreachable', 'farm');
  } catch (error) {
    if (isAbort(error)) return;
    for (const region of context.studio.regions) change(context, region, { workers: null });
    setHealth(context, {
      code: 'farm-unreachable',
      subject: 'farm',
      severity: 'error',
      sentence: sentenceOf(error),
    });
  }
}

function workersOf(region: Region, workers: readonly FarmWorker[]): RegionView['workers'] {
  const here = workers.filter(
    (worker) =>
      worker.awsRegion === region.id ||
      worker.groups.some((group) => region.groups.includes(group)),
  );
  return {
    live: here.filter(
      (worker) =>
        worker.state === 'idle' || worker.state === 'rendering' || worker.state === 'starting',
    ).length,
    rendering: here.filter((worker) => worker.state === 'rendering').length,
  };
}

function change(context: EngineContext, region: Region, values: Partial<RegionView>): void {
  const before = context.store.get().regions[region.id];
  if (before) context.store.put('regions', region.id, { ...before, ...values });
}
