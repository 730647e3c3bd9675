// One region: does it answer, who works there, what is bound for it; and the target scenes are dropped on.

import { useState, type DragEvent, type ReactNode } from 'react';
import type { RegionView, SceneView } from '../../../preload/contract.ts';
import { useCell } from '../../cell.ts';
import { StateMark } from '../../components/StateMark.tsx';
import { SCENES_TYPE } from '../../dragging.ts';
import { useAgent, useConnection, useParts } from '../../parts.ts';
import { matchScene } from '../../present/drops.ts';
import { countText } from '../../present/format.ts';
import { regionLink, regionLoad, regionWorkers } from '../../present/regions.ts';
import { words } from '../../words/en.ts';
import { useSend } from '../sending/use-send.ts';
import { DropPreview } from './DropPreview.tsx';
import { MatchSheet } from './MatchSheet.tsx';

export function RegionCard({ region }: { readonly region: RegionView }): ReactNode {
  const { agent, drag, shell, reports } = useParts();
  const isConnected = useConnection().kind === 'connected';
  const dragged = useCell(drag, (value) => value);
  const [isOver, setOver] = useState(false);
  const [matches, setMatches] = useState<readonly SceneView[]>([]);
  const send = useSend();
  const link = regionLink(region.link);
  const isTarget = dragged !== null && isConnected;

  function onDragOver(event: DragEvent): void {
    const { types } = event.dataTransfer;
    if (!isConnected || !(types.includes(SCENES_TYPE) || types.includes('Files'))) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    setOver(true);
  }

  function onDragLeave(event: DragEvent<HTMLElement>): void {
    const isInside =
      event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget);
    if (!isInside) setOver(false);
  }

  function onDrop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    if (!isConnected) return;
    const ids = event.dataTransfer.getData(SCENES_TYPE);
    if (ids !== '') send.byIds(JSON.parse(ids) as string[], region);
    else dropFiles([...event.dataTransfer.files]);
  }

  /** Where the platform hides a path, a scene of that name and size is asked about; nothing is guessed. */
  function dropFiles(files: readonly File[]): void {
    const scenes = agent.cell.get().state?.scenes ?? {};
    const dropped = files.map((file) => ({
      name: file.name,
      path: shell?.pathOfDroppedFile(file) ?? '',
      match: matchScene(file, scenes),
    }));
    send.scenes(
      dropped.filter(({ path }) => path !== ''),
      region,
    );
    const hidden = dropped.filter(({ path }) => path === '');
    const found = hidden.flatMap(({ match }) => (match ? [match] : []));
    setMatches(found);
    if (found.length < hidden.length) reports.note(words.drop.pathHidden);
  }

  return (
    <article
      className="region"
      role="group"
      aria-label={region.name}
      data-region={region.id}
      data-link={region.link.kind}
      data-target={isTarget}
      data-over={isTarget && isOver}
      onDragEnter={onDragOver}
      onDragOver={onDragOver}
      onDragLeave={onDragLeave}
      onDrop={onDrop}
    >
      <header className="region-head">
        <h3 className="region-name">{region.name}</h3>
        {isTarget && isOver ? (
          <span className="region-release">{words.drop.release}</span>
        ) : (
          <span className="region-link" data-mark={link.mark}>
            <StateMark mark={link.mark} />
            {link.text}
          </span>
        )}
      </header>
      {isTarget && dragged ? (
        <DropPreview drag={dragged} region={region} />
      ) : (
        <RegionBody region={region} />
      )}
      {matches.length > 0 && (
        <MatchSheet
          matches={matches}
          region={region}
          onSend={() => send.scenes(matches, region)}
          onClose={() => setMatches([])}
        />
      )}
    </article>
  );
}

function RegionBody({ region }: { readonly region: RegionView }): ReactNode {
  const load = useAgent((state) => regionLoad(region.id, state));
  return (
    <>
      <p className="region-line">
        {region.place} <span className="quiet">{siteText(region)}</span>
      </p>
      <p className="region-line">{regionWorkers(region.workers)}</p>
      <div className="region-foot">
        <p className="region-line">{load}</p>
        <SendHere region={region} />
      </div>
    </>
  );
}

/** The site's own name, where the region's does not say it already. */
function siteText({ name, siteName }: RegionView): string {
  return siteName.toLowerCase() === name.toLowerCase() ? '' : `(${siteName})`;
}

/** The drop without dragging: sends the selection. */
function SendHere({ region }: { readonly region: RegionView }): ReactNode {
  const { selection } = useParts();
  const isConnected = useConnection().kind === 'connected';
  const ids = useCell(selection.cell, (state) => state.ids);
  const only = useAgent((state) => {
    const [id] = ids;
    return ids.size === 1 && id !== undefined ? state.scenes[id]?.name : undefined;
  });
  const send = useSend();
  if (ids.size === 0) return <span className="region-hint">{words.regions.hint}</span>;
  const count = countText(ids.size);
  const label = ids.size === 1 ? words.regions.sendHere : words.regions.sendManyHere(count);
  return (
    <button
      type="button"
      className="button button-small region-send"
      disabled={!isConnected}
      aria-label={words.regions.sendHereName(
        label,
        only ?? words.sending.scenes(count),
        region.name,
      )}
      onClick={() => send.selected(region)}
    >
      {label}
    </button>
  );
}
