// What a card says while something is dragged: before release, not after.

import { useMemo, type ReactNode } from 'react';
import type { RegionView, SceneView } from '../../../preload/contract.ts';
import type { Drag } from '../../dragging.ts';
import { useAgent } from '../../parts.ts';
import { previewFiles, previewScenes } from '../../present/drops.ts';

export function DropPreview(props: {
  readonly drag: Drag;
  readonly region: RegionView;
}): ReactNode {
  const { drag, region } = props;
  const scenes = useAgent((state) => state.scenes);
  const waybills = useAgent((state) => state.waybills);
  const preview = useMemo(() => {
    if (drag.kind === 'files') return previewFiles(drag.count, region);
    const dragged = drag.sceneIds
      .map((id) => scenes[id])
      .filter((scene): scene is SceneView => scene !== undefined);
    return previewScenes(dragged, region, waybills);
  }, [drag, region, scenes, waybills]);
  return (
    <div className="drop-preview">
      <p className="drop-title">{preview.title}</p>
      {preview.lines.map((line) => (
        <p key={line} className="drop-line">
          {line}
        </p>
      ))}
    </div>
  );
}
