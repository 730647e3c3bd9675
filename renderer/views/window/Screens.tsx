// The screens as tabs, each with how much there is on it.

import { Tabs } from 'radix-ui';
import type { ReactNode } from 'react';
import { useAgent } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import { isJobOver } from '../../present/jobs.ts';
import { words } from '../../words/en.ts';
import { ActivityScreen } from '../activity/ActivityScreen.tsx';
import { Board } from '../board/Board.tsx';
import { CollisionsScreen } from '../collisions/CollisionsScreen.tsx';
import { FirstRun } from '../first-run/FirstRun.tsx';
import { JobsScreen } from '../jobs/JobsScreen.tsx';

export function Screens(): ReactNode {
  const hasProject = useAgent((state) => Object.keys(state.projects).length > 0);
  const jobs = useAgent(
    (state) => Object.values(state.jobs).filter((job) => !isJobOver(job)).length,
  );
  const collisions = useAgent(
    (state) => Object.values(state.collisions).filter((collision) => !collision.settled).length,
  );
  return (
    <Tabs.Root className="screens" defaultValue="board">
      <Tabs.List className="tabs" aria-label={words.tabs.label}>
        <Tab value="board" label={words.tabs.board} count={0} />
        <Tab value="jobs" label={words.tabs.jobs} count={jobs} />
        <Tab value="collisions" label={words.tabs.collisions} count={collisions} isUrgent />
        <Tab value="activity" label={words.tabs.activity} count={0} />
      </Tabs.List>
      <main className="screen">
        <Tabs.Content className="tab-content" value="board" tabIndex={-1}>
          {hasProject ? <Board /> : <FirstRun />}
        </Tabs.Content>
        <Tabs.Content className="tab-content" value="jobs" tabIndex={-1}>
          <JobsScreen />
        </Tabs.Content>
        <Tabs.Content className="tab-content" value="collisions" tabIndex={-1}>
          <CollisionsScreen />
        </Tabs.Content>
        <Tabs.Content className="tab-content" value="activity" tabIndex={-1}>
          <ActivityScreen />
        </Tabs.Content>
      </main>
    </Tabs.Root>
  );
}

function Tab(props: {
  readonly value: string;
  readonly label: string;
  readonly count: number;
  readonly isUrgent?: boolean;
}): ReactNode {
  return (
    <Tabs.Trigger className="tab" value={props.value}>
      {props.label}
      {props.count > 0 && (
        <span className={props.isUrgent ? 'count count-urgent' : 'count'}>
          {countText(props.count)}
        </span>
      )}
    </Tabs.Trigger>
  );
}
