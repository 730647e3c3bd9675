// From the Anvil's views to the engine's words.

import type { z } from 'zod';
import type { ObjectiveFacts, ShareFacts, SiteFacts } from '../../engine/ports/namespace.ts';
import type { ObjectiveList, ShareView, SiteView } from './wire.ts';

export function siteFacts(view: z.infer<typeof SiteView>): SiteFacts {
  return {
    name: view.name,
    kind: view.type === 'LOCAL' ? 'local' : 'remote',
    version: view.swVersion ?? null,
  };
}

export function shareFacts(view: z.infer<typeof ShareView>): ShareFacts {
  return {
    name: view.name,
    path: view.path,
    totalBytes: view.space?.total ?? null,
    availableBytes: view.space?.available ?? null,
  };
}

/** Inherited and local objectives, each pair of name and condition once. A missing condition means TRUE. */
export function objectiveFacts(list: z.infer<typeof ObjectiveList>): ObjectiveFacts[] {
  const found = new Map<string, ObjectiveFacts>();
  for (const applied of [
    ...(list.appliedObjectives ?? []),
    ...(list.appliedLocalObjectives ?? []),
  ]) {
    const facts = { name: applied.objective.name, applicability: applied.applicability ?? 'TRUE' };
    found.set(`${facts.name}\n${facts.applicability}`, facts);
  }
  return [...found.values()];
}
