// The paper itself: who asked, which job, and each step with its time and its proof.

import type { ReactNode } from 'react';
import type { WaybillView } from '../../../preload/contract.ts';
import { useNow } from '../../parts.ts';
import { secondsText, timeText } from '../../present/format.ts';
import { words } from '../../words/en.ts';

export function WaybillDetails({ waybill }: { readonly waybill: WaybillView }): ReactNode {
  const { who, createdAt, jobId } = waybill;
  const now = useNow();
  return (
    <div className="waybill-details">
      <p className="quiet">
        {words.waybills.by(who, timeText(createdAt, now))} ·{' '}
        {jobId === null ? words.waybills.noJob : words.waybills.job(jobId)}
      </p>
      <ol className="timeline" aria-label={words.waybills.timeline}>
        {waybill.timeline.map((entry) => (
          <li key={entry.step} className="timeline-entry">
            <time className="timeline-time" dateTime={new Date(entry.at).toISOString()}>
              {secondsText(entry.at, now)}
            </time>
            <span className="timeline-step">{words.timeline[entry.step]}</span>
            <span className="timeline-proof">{entry.proof}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
