// One scene: name, folder, what it needs, its frames, the regions it is in, and the way to send it.

import { memo, useMemo, type DragEvent, type MouseEvent, type ReactNode } from 'react';
import type { SceneView, WaybillView } from '../../../preload/contract.ts';
import { FileName } from '../../components/FileName.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { useCell } from '../../cell.ts';
import { SCENES_TYPE } from '../../dragging.ts';
import { useAgent, useParts } from '../../parts.ts';
import {
  regionChips,
  sceneFolder,
  sceneFrames,
  sceneHealth,
  sceneRowName,
  type RegionChip,
} from '../../present/scenes.ts';
import { words } from '../../words/en.ts';
import { SendMenu } from './SendMenu.tsx';

/** More would take the name's place; the row's own name says them all. */
const CHIPS_SHOWN = 2;

export const SceneRow = memo(function SceneRow(props: {
  readonly scene: SceneView;
  readonly index: number;
  readonly waybills: readonly WaybillView[];
}): ReactNode {
  const { scene, index, waybills } = props;
  const { selection, drag } = useParts();
  const projects = useAgent((state) => state.projects);
  const regions = useAgent((state) => state.regions);
  const isSelected = useCell(selection.cell, ({ ids }) => ids.has(scene.id));
  // One row takes the Tab key: the active one, or the first while none is.
  const isTabStop = useCell(selection.cell, ({ active }) =>
    active === null ? index === 0 : active === scene.id,
  );
  const chips = useMemo(() => regionChips(scene, waybills, regions), [scene, waybills, regions]);
  const health = sceneHealth(scene.closure);
  const frames = sceneFrames(scene.closure);

  function onClick(event: MouseEvent): void {
    if (event.shiftKey) selection.select(scene.id, 'range');
    else selection.select(scene.id, event.ctrlKey || event.metaKey ? 'toggle' : 'only');
  }

  /** Dragging an unselected row drags that row alone. */
  function onDragStart(event: DragEvent): void {
    if (!selection.cell.get().ids.has(scene.id)) selection.select(scene.id, 'only');
    const sceneIds = [...selection.cell.get().ids];
    event.dataTransfer.effectAllowed = 'copy';
    event.dataTransfer.setData(SCENES_TYPE, JSON.stringify(sceneIds));
    drag.set({ kind: 'scenes', sceneIds });
  }

  return (
    <div
      role="row"
      className="scene"
      data-scene={scene.id}
      aria-label={sceneRowName(scene, chips)}
      aria-selected={isSelected}
      aria-rowindex={index + 1}
      tabIndex={isTabStop ? 0 : -1}
      draggable
      onClick={onClick}
      onFocus={(event) => {
        const isRow = event.target === event.currentTarget;
        if (isRow && selection.cell.get().active !== scene.id) selection.focus(scene.id);
      }}
      onDragStart={onDragStart}
      onDragEnd={() => drag.set(null)}
    >
      <div role="gridcell" className="scene-main">
        <FileName name={scene.name} />
        <span className="scene-facts">
          <span className="scene-health" data-mark={health.mark}>
            <StateMark mark={health.mark} />
            <span className="scene-health-text">{health.text}</span>
          </span>
          {frames !== null && <span className="scene-frames">{frames}</span>}
          <span className="scene-folder">{sceneFolder(scene, projects)}</span>
        </span>
      </div>
      <div role="gridcell" className="scene-chips">
        {chips.slice(0, CHIPS_SHOWN).map((chip) => (
          <Chip key={chip.regionId} chip={chip} />
        ))}
        {chips.length > CHIPS_SHOWN && (
          <span className="chip chip-more" title={chips.map((chip) => chip.text).join(', ')}>
            {words.scenes.more(chips.length - CHIPS_SHOWN)}
          </span>
        )}
      </div>
      <div role="gridcell" className="scene-send">
        <SendMenu scene={scene} isTabStop={isTabStop} />
      </div>
    </div>
  );
});

function Chip({ chip }: { readonly chip: RegionChip }): ReactNode {
  return (
    <span className="chip" data-kind={chip.kind} title={chip.text}>
      <StateMark mark={chip.kind === 'ready' ? 'good' : 'moving'} />
      {chip.name}
    </span>
  );
}
