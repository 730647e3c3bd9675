// Collisions seen in any site's listing, announced until a person settles them.

import { createHash } from 'node:crypto';
import { isAbort, sentenceOf } from './base/errors.ts';
import { notify, tell, type EngineContext } from './context.ts';
import { findCollisions, type FoundCollision } from './core/collisions.ts';
import type { CollisionId, ProjectId } from './core/names.ts';
import type { SiteView } from './services/track.ts';
import type { CollisionView } from './state.ts';

export interface Radar {
  look(view: SiteView, project: { id: string; name: string }): void;
  settle(collisionId: string): boolean;
}

export function createRadar(context: EngineContext): Radar {
  const siteNames = new Map<number, string>();
  let asking = false;
  for (const document of context.ledger.documents('collision')) {
    const collision = document as CollisionView;
    context.store.put('collisions', collision.id, collision);
  }

  /** Participants map a collision's number to a site; asked once, by the first site that answers. */
  function learnNames(view: SiteView): void {
    if (siteNames.size > 0 || asking) return;
    asking = true;
    const gateway = context.ports.gateways.get(view.siteName);
    gateway
      ?.participants(view.dir)
      .then((participants) => {
        for (const participant of participants) siteNames.set(participant.id, participant.siteName);
      })
      .catch((error: unknown) => {
        if (!isAbort(error))
          context.ports.log.info('Participants are unknown', { why: sentenceOf(error) });
      })
      .finally(() => {
        asking = false;
      });
  }

  function announce(found: FoundCollision, project: { id: string; name: string }): void {
    const id = createHash('sha256')
      .update(`${project.id}\n${found.path}`)
      .digest('hex')
      .slice(0, 24) as CollisionId;
    const before = context.store.get().collisions[id];
    if (before) return;
    const what = found.kind === 'file-file' ? 'file' : 'folder';
    const sites = found.sides.map((side) => side.site).join(' and ');
    const collision: CollisionView = {
      id,
      projectId: project.id as ProjectId,
      kind: found.kind,
      path: found.path,
      sides: found.sides,
      seenAt: context.ports.clock.now(),
      consequence: `Each site reads its own ${what} under this name. Renders differ by region.`,
      settled: false,
    };
    context.ledger.saveDocument('collision', id, collision, collision.seenAt);
    context.store.put('collisions', id, collision);
    tell(context, {
      key: `${id}:collision`,
      kind: 'collision',
      subject: id,
      sentence: `${sites} both made ${found.path}.`,
      proof: `listed as ${found.sides.map((side) => side.shownName).join(' and ')}`,
    });
    notify(context, {
      id: `${id}:collision`,
      title: `Two ${what}s want one name`,
      body: `${sites} both made ${found.path}. Both are kept; open Waybill to compare.`,
    });
  }

  return {
    look(view, project) {
      learnNames(view);
      // Wait for names, so that the first announcement already says which site; raw ids only where unknown.
      if (siteNames.size === 0) return;
      for (const found of findCollisions({
        siteName: view.siteName,
        items: view.items,
        siteNames,
      })) {
        announce(found, project);
      }
    },
    settle(collisionId) {
      const collision = context.store.get().collisions[collisionId];
      if (!collision) return false;
      const settled = { ...collision, settled: true };
      context.ledger.saveDocument('collision', collisionId, settled, context.ports.clock.now());
      context.store.put('collisions', collisionId, settled);
      return true;
    },
  };
}
