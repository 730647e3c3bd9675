// One job: its state and why, a strip of its tasks, and the farm's last report.

import { Collapsible } from 'radix-ui';
import { memo, type ReactNode } from 'react';
import type { JobView } from '../../../preload/contract.ts';
import { Icon } from '../../components/Icon.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { useAgent, useParts } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import { jobMark, taskCounts } from '../../present/jobs.ts';
import { regionNameOf } from '../../present/waybills.ts';
import { words } from '../../words/en.ts';
import { FrameStrip } from './FrameStrip.tsx';

export const JobRow = memo(function JobRow({ job }: { readonly job: JobView }): ReactNode {
  const region = useAgent((state) => {
    const waybill = job.waybillId === null ? undefined : state.waybills[job.waybillId];
    return waybill ? regionNameOf(state.regions, waybill.regionId) : null;
  });
  const mark = jobMark(job.state);
  return (
    <li className="job" aria-label={job.name} data-state={job.state}>
      <div className="job-head">
        <span className="job-name">{job.name}</span>
        <span className="job-state" data-mark={mark}>
          <StateMark mark={mark} />
          {words.jobStates[job.state]}
        </span>
        <span className="spring" />
        <span className="quiet">
          {region !== null && `${words.jobs.forWaybill(region)} · `}
          {words.jobs.group(job.group)} · {words.waybills.job(job.id)}
        </span>
      </div>
      <FrameStrip tasks={job.tasks} />
      <div className="job-facts">
        <span>{taskCounts(job.tasks)}</span>
        <span>{job.why}</span>
        {job.errors > 0 && (
          <span className="job-errors" data-mark="attention">
            <StateMark mark="attention" />
            {words.jobs.errors(countText(job.errors))}
          </span>
        )}
      </div>
      <Output dir={job.outputDir} />
      {job.report !== null && <Report report={job.report} isOpen={job.state === 'failed'} />}
    </li>
  );
});

function Output({ dir }: { readonly dir: string | null }): ReactNode {
  const { shell, reports } = useParts();
  if (dir === null) return null;
  return (
    <p className="job-output">
      <span className="quiet">{words.jobs.output}</span> <span className="path">{dir}</span>
      {shell && (
        <button
          type="button"
          className="button button-text"
          onClick={() => void shell.showInFolder(dir).catch(reports.fail)}
        >
          {words.jobs.openOutput}
        </button>
      )}
    </p>
  );
}

function Report(props: { readonly report: string; readonly isOpen: boolean }): ReactNode {
  return (
    <Collapsible.Root defaultOpen={props.isOpen}>
      <Collapsible.Trigger className="button button-text">
        {words.jobs.report}
        <Icon name="chevron" />
      </Collapsible.Trigger>
      <Collapsible.Content>
        <pre className="report" tabIndex={0}>
          {props.report}
        </pre>
      </Collapsible.Content>
    </Collapsible.Root>
  );
}
