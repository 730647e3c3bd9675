// The honest log: what happened, when, how much, and what proves it. Newest first.

import { useMemo, type ReactNode } from 'react';
import type { ActivityView } from '../../../preload/contract.ts';
import { Empty } from '../../components/Empty.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { useAgent, useNow } from '../../parts.ts';
import { activityAmount, activityMark } from '../../present/activity.ts';
import { countText, secondsText } from '../../present/format.ts';
import { words } from '../../words/en.ts';

export function ActivityScreen(): ReactNode {
  const activity = useAgent((state) => state.activity);
  const newestFirst = useMemo(() => activity.toReversed(), [activity]);
  return (
    <section className="pane list-screen" aria-label={words.activity.title}>
      <header className="pane-head">
        <h2 className="pane-title">{words.activity.title}</h2>
        {activity.length > 0 && (
          <span className="quiet">{words.activity.newest(countText(activity.length))}</span>
        )}
      </header>
      {activity.length === 0 ? (
        <Empty title={words.activity.none} />
      ) : (
        <div className="log-scroll" tabIndex={0} role="group" aria-label={words.activity.title}>
          <table className="log">
            <thead>
              <tr>
                <th scope="col">{words.activity.time}</th>
                <th scope="col">{words.activity.kind}</th>
                <th scope="col">{words.activity.sentence}</th>
                <th scope="col">{words.activity.amount}</th>
                <th scope="col">{words.activity.proof}</th>
              </tr>
            </thead>
            <tbody>
              {newestFirst.map((entry) => (
                <Line key={entry.seq} entry={entry} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Line({ entry }: { readonly entry: ActivityView }): ReactNode {
  const now = useNow();
  return (
    <tr className="log-line" data-kind={entry.kind}>
      <td className="log-time">{secondsText(entry.at, now)}</td>
      <td>
        <span className="log-kind" data-mark={activityMark(entry.kind)}>
          <StateMark mark={activityMark(entry.kind)} />
          {words.activityKinds[entry.kind]}
        </span>
      </td>
      <td>{entry.sentence}</td>
      <td className="log-amount">{activityAmount(entry)}</td>
      <td className="log-proof">{entry.proof}</td>
    </tr>
  );
}
