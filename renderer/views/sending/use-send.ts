// The one way from any surface (drop, menu, button, keyboard) to a region.

import type { RegionView, SceneView } from '../../../preload/contract.ts';
import { useParts } from '../../parts.ts';
import type { SceneRef } from '../../sending.ts';

export interface Send {
  scenes(scenes: readonly SceneRef[], region: RegionView): void;
  /** The scenes selected in the list. */
  selected(region: RegionView): void;
  byIds(sceneIds: readonly string[], region: RegionView): void;
}

export function useSend(): Send {
  const { agent, selection, sendings, submits, reports } = useParts();

  function scenes(refs: readonly SceneRef[], region: RegionView): void {
    if (refs.length === 0) return;
    sendings
      .send({
        scenes: refs.map(({ name, path }) => ({ name, path })),
        region: { id: region.id, name: region.name },
        submit: submits.get(),
        allowMissing: false,
      })
      .catch(reports.fail);
  }

  function byIds(sceneIds: readonly string[], region: RegionView): void {
    const known = agent.cell.get().state?.scenes ?? {};
    const found = sceneIds
      .map((id) => known[id])
      .filter((scene): scene is SceneView => scene !== undefined);
    scenes(found, region);
  }

  return {
    scenes,
    byIds,
    selected: (region) => byIds([...selection.cell.get().ids], region),
  };
}
