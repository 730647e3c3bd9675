// A send that was refused because files are missing: names them, and sends anyway only when told so.

import { useState, type ReactNode } from 'react';
import { useCell } from '../../cell.ts';
import { Sheet } from '../../components/Sheet.tsx';
import { useParts } from '../../parts.ts';
import type { Sending } from '../../sending.ts';
import { words } from '../../words/en.ts';

const SHOWN = 12;

type Incomplete = Extract<Sending, { kind: 'incomplete' }>;

/** One sheet at a time, in the order of the refusals. */
export function IncompleteSheets(): ReactNode {
  const { sendings } = useParts();
  const first = useCell(sendings.cell, (all) => all.find(({ kind }) => kind === 'incomplete'));
  return first?.kind === 'incomplete' ? <IncompleteSheet key={first.id} refused={first} /> : null;
}

function IncompleteSheet({ refused }: { readonly refused: Incomplete }): ReactNode {
  const { sendings, reports } = useParts();
  const [isBusy, setBusy] = useState(false);
  const { drop, missing, id } = refused;
  const [scene] = drop.scenes;
  const rest = missing.length - SHOWN;
  const leave = (): void => sendings.dismiss(id);
  return (
    <Sheet
      title={words.sending.incompleteTitle(scene?.name ?? '')}
      description={words.sending.incompleteBody(drop.region.name)}
      onClose={leave}
    >
      <ul className="paths">
        {missing.slice(0, SHOWN).map((path) => (
          <li key={path} className="path">
            {path}
          </li>
        ))}
        {rest > 0 && <li className="quiet">{words.sending.more(rest)}</li>}
      </ul>
      <p className="quiet">{words.sending.incompleteNote}</p>
      <footer className="sheet-foot">
        <button
          type="button"
          className="button"
          disabled={isBusy}
          onClick={() => {
            setBusy(true);
            sendings.sendAnyway(refused).catch(reports.fail);
          }}
        >
          {words.sending.sendAnyway}
        </button>
        <button type="button" className="button button-main" onClick={leave}>
          {words.sending.leave}
        </button>
      </footer>
    </Sheet>
  );
}
