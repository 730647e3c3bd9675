// The whole window: the glance on top, screens as tabs below, and what stands over both.

import { Toast } from 'radix-ui';
import type { ReactNode } from 'react';
import { useCell } from '../../cell.ts';
import { useConnection, useParts } from '../../parts.ts';
import { words } from '../../words/en.ts';
import { Glance } from '../glance/Glance.tsx';
import { IncompleteSheets } from '../sending/IncompleteSheets.tsx';
import { Toasts } from '../sending/Toasts.tsx';
import { NoAgent, SignedOut } from './NoAgent.tsx';
import { Screens } from './Screens.tsx';

/** How long a drop can be taken back with one click. */
const UNDO_MS = 10_000;

export function AgentWindow(): ReactNode {
  const { agent } = useParts();
  const connection = useConnection();
  const hasState = useCell(agent.cell, ({ state }) => state !== null);
  return (
    <Toast.Provider label={words.sending.label} duration={UNDO_MS}>
      <div className="window" data-connection={connection.kind}>
        <Glance />
        {connection.kind === 'signed-out' ? <SignedOut /> : hasState ? <Screens /> : <NoAgent />}
      </div>
      {hasState && <IncompleteSheets />}
      <Toasts />
      <Toast.Viewport className="toasts" />
    </Toast.Provider>
  );
}
