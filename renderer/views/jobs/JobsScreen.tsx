// The farm's jobs that belong to our waybills.

import { useMemo, type ReactNode } from 'react';
import { Empty } from '../../components/Empty.tsx';
import { useAgent } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import { listJobs } from '../../present/jobs.ts';
import { words } from '../../words/en.ts';
import { JobRow } from './JobRow.tsx';

export function JobsScreen(): ReactNode {
  const jobs = useAgent((state) => state.jobs);
  const listed = useMemo(() => listJobs(jobs), [jobs]);
  return (
    <section className="pane list-screen" aria-label={words.jobs.title}>
      <header className="pane-head">
        <h2 className="pane-title">{words.jobs.title}</h2>
        <span className="count">{countText(listed.length)}</span>
      </header>
      {listed.length === 0 ? (
        <Empty title={words.jobs.none} hint={words.jobs.noneHint} />
      ) : (
        <ul className="list">
          {listed.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </ul>
      )}
    </section>
  );
}
