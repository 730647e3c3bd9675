// The regions board: one card per region, and whether a drop also renders.

import { Switch } from 'radix-ui';
import { useId, useMemo, type ReactNode } from 'react';
import { useCell } from '../../cell.ts';
import { Empty } from '../../components/Empty.tsx';
import { useAgent, useParts } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import { listRegions } from '../../present/regions.ts';
import { words } from '../../words/en.ts';
import { RegionCard } from './RegionCard.tsx';

export function RegionsPane(): ReactNode {
  const { drag } = useParts();
  const regions = useAgent((state) => state.regions);
  const listed = useMemo(() => listRegions(regions), [regions]);
  const isDragging = useCell(drag, (value) => value !== null);
  return (
    <section className="pane regions" aria-label={words.regions.title} data-dragging={isDragging}>
      <header className="pane-head">
        <h2 className="pane-title">{words.regions.title}</h2>
        <span className="count">{countText(listed.length)}</span>
        <span className="spring" />
        {isDragging ? <span className="quiet">{words.drop.escape}</span> : <SubmitSwitch />}
      </header>
      <div className="region-cards">
        {listed.map((region) => (
          <RegionCard key={region.id} region={region} />
        ))}
        {listed.length === 0 && <Empty title={words.regions.none} />}
      </div>
    </section>
  );
}

function SubmitSwitch(): ReactNode {
  const { submits } = useParts();
  const isOn = useCell(submits, (value) => value);
  const id = useId();
  return (
    <span className="switch-row" title={words.regions.submitHint}>
      <Switch.Root
        id={id}
        className="switch"
        checked={isOn}
        onCheckedChange={(checked) => submits.set(checked)}
      >
        <Switch.Thumb className="switch-thumb" />
      </Switch.Root>
      <label htmlFor={id}>{words.regions.submit}</label>
    </span>
  );
}
