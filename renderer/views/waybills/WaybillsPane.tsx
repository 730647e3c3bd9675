// Every waybill: what stands still first, then what moves, then what arrived.

import { useMemo, useState, type ReactNode } from 'react';
import type { WaybillView } from '../../../preload/contract.ts';
import { Empty } from '../../components/Empty.tsx';
import { useAgent } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import { groupWaybills } from '../../present/waybills.ts';
import { words } from '../../words/en.ts';
import { WaybillRow } from './WaybillRow.tsx';

/** Arrived and cancelled ones pile up over weeks; the newest are enough at first. */
const HELPING = 20;

export function WaybillsPane(): ReactNode {
  const waybills = useAgent((state) => state.waybills);
  const groups = useMemo(() => groupWaybills(waybills), [waybills]);
  const all = Object.keys(waybills).length;
  return (
    <section className="pane waybills" aria-label={words.waybills.title}>
      <header className="pane-head">
        <h2 className="pane-title">{words.waybills.title}</h2>
        <span className="count">{countText(all)}</span>
      </header>
      <div className="waybill-scroll">
        <Group title={words.waybills.needYou} waybills={groups.trouble} />
        <Group title={words.waybills.onWay} waybills={groups.moving} />
        <Group title={words.waybills.arrived} waybills={groups.done} />
        <Group title={words.waybills.cancelledGroup} waybills={groups.cancelled} />
        {all === 0 && <Empty title={words.waybills.none} hint={words.waybills.noneHint} />}
      </div>
    </section>
  );
}

function Group(props: {
  readonly title: string;
  readonly waybills: readonly WaybillView[];
}): ReactNode {
  const [limit, setLimit] = useState(HELPING);
  const { title, waybills } = props;
  if (waybills.length === 0) return null;
  const rest = waybills.length - limit;
  return (
    <div className="group">
      <h3 className="group-title">
        {title} <span className="count">{countText(waybills.length)}</span>
      </h3>
      <ul className="waybill-list" aria-label={title}>
        {waybills.slice(0, limit).map((waybill) => (
          <WaybillRow key={waybill.id} waybill={waybill} />
        ))}
      </ul>
      {rest > 0 && (
        <button
          type="button"
          className="button button-wide"
          onClick={() => setLimit(limit + HELPING)}
        >
          {words.waybills.moreArrived(countText(Math.min(rest, HELPING)))}
        </button>
      )}
    </div>
  );
}
