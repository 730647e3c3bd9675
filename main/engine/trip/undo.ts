// Takes back what a cancelled waybill asked for.

import { AgentError, sentenceOf } from '../base/errors.ts';
import { homeGateway, type EngineContext } from '../context.ts';
import { findRegion } from '../core/regions.ts';
import type { Waybill } from '../services/waybill.ts';

/** Takes back what a cancelled waybill asked for: only marks we added, and only those nobody else needs. */
export async function undo(
  context: EngineContext,
  cancelled: Waybill,
  all: readonly Waybill[],
): Promise<void> {
  const region = findRegion(context.studio.regions, cancelled.regionId);
  const needed = new Set(
    all
      .filter(
        (other) =>
          other.id !== cancelled.id && !other.cancelled && other.regionId === cancelled.regionId,
      )
      .flatMap((other) => other.files.map((file) => file.path)),
  );
  const signal = AbortSignal.timeout(30_000);
  try {
    for (const path of region ? cancelled.marked.filter((marked) => !needed.has(marked)) : []) {
      await homeGateway(context).removeMark(
        path,
        { kind: 'keep-on-site', site: region?.siteName ?? '' },
        { signal },
      );
    }
    if (cancelled.jobId !== null) {
      const [job] = await context.ports.farm.jobs([cancelled.jobId], { signal });
      if (job && job.state !== 'completed' && job.state !== 'suspended')
        await context.ports.farm.suspend(job.id, { signal });
    }
  } catch (error) {
    throw new AgentError('connection-refused', {
      message: `The waybill is cancelled, but not all of it could be taken back (${sentenceOf(error)}). Cancel again to finish.`,
      retry: 'later',
      cause: error,
    });
  }
}
