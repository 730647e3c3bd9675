// The header: one sentence on what is going on now, where we are connected, and what is wrong.

import { useMemo, type ReactNode } from 'react';
import { StateMark } from '../../components/StateMark.tsx';
import { useCell } from '../../cell.ts';
import type { Connection } from '../../agent.ts';
import { useConnection, useNow, useParts } from '../../parts.ts';
import { timeText } from '../../present/format.ts';
import { glanceOf } from '../../present/glance.ts';
import type { Mark } from '../../present/marks.ts';
import { words } from '../../words/en.ts';
import { HealthList } from './HealthList.tsx';
import { PauseMenu } from './PauseMenu.tsx';

export function Glance(): ReactNode {
  const { agent } = useParts();
  const { connection, state } = useCell(agent.cell, (snapshot) => snapshot);
  const now = useNow();
  const glance = useMemo(() => glanceOf(connection, state, now), [connection, state, now]);
  const studio = state?.agent.studio;
  return (
    <header className="glance">
      <div className="glance-top">
        <p className="glance-sentence" role="status" aria-label={words.glance.label}>
          <StateMark mark={glance.mark} />
          <span>{glance.sentence}</span>
        </p>
        <div className="glance-side">
          {studio && (
            <span className="glance-studio" title={words.studio.homeHint}>
              <span className={studio.kind === 'sandbox' ? 'badge' : ''}>{studio.name}</span>
              <span className="quiet">{words.studio.home(studio.homeSite)}</span>
            </span>
          )}
          <ConnectionMark />
          {state && <PauseMenu />}
        </div>
      </div>
      {state && <HealthList />}
    </header>
  );
}

function ConnectionMark(): ReactNode {
  const now = useNow();
  const connection = useConnection();
  return (
    <span className="connection" data-kind={connection.kind}>
      <StateMark mark={CONNECTION_MARKS[connection.kind]} />
      {connectionText(connection, now)}
    </span>
  );
}

const CONNECTION_MARKS: Readonly<Record<Connection['kind'], Mark>> = {
  connecting: 'unknown',
  connected: 'good',
  lost: 'error',
  'signed-out': 'attention',
};

function connectionText(connection: Connection, now: number): string {
  return connection.kind === 'lost'
    ? words.connection.lost(timeText(connection.since, now))
    : words.connection[connection.kind];
}
