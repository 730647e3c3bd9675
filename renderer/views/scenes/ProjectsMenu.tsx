// The projects behind the list: how far each is checked, and adding, checking or removing one.

import { DropdownMenu } from 'radix-ui';
import { useState, type ReactNode } from 'react';
import type { ProjectView } from '../../../preload/contract.ts';
import { Icon } from '../../components/Icon.tsx';
import { Sheet } from '../../components/Sheet.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { useAgent, useConnection, useParts } from '../../parts.ts';
import { bytesText, countText } from '../../present/format.ts';
import { words } from '../../words/en.ts';
import { AddProject } from '../first-run/AddProject.tsx';
import { RemoveProject } from './RemoveProject.tsx';

export function ProjectsMenu(): ReactNode {
  const projects = useAgent((state) => state.projects);
  const isConnected = useConnection().kind === 'connected';
  const [isAdding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<ProjectView | null>(null);
  return (
    <>
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger className="button" disabled={!isConnected}>
          <ProjectsMark projects={Object.values(projects)} />
          {words.projects.menu}
          <Icon name="chevron" />
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className="menu" align="end" sideOffset={4}>
            {Object.values(projects).map((project) => (
              <ProjectItem
                key={project.id}
                project={project}
                onRemove={() => setRemoving(project)}
              />
            ))}
            <DropdownMenu.Separator className="menu-separator" />
            <DropdownMenu.Item className="menu-item" onSelect={() => setAdding(true)}>
              {words.projects.add}
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      {isAdding && (
        <Sheet
          title={words.projects.addTitle}
          description={words.firstRun.body}
          onClose={() => setAdding(false)}
        >
          <AddProject onAdded={() => setAdding(false)} />
        </Sheet>
      )}
      {removing && <RemoveProject project={removing} onClose={() => setRemoving(null)} />}
    </>
  );
}

/** Silent while every project is checked and read. */
function ProjectsMark({ projects }: { readonly projects: readonly ProjectView[] }): ReactNode {
  const kinds = projects.map(({ scan }) => scan.kind);
  if (kinds.includes('unreadable')) return <StateMark mark="error" />;
  return kinds.includes('scanning') ? <StateMark mark="unknown" /> : null;
}

function ProjectItem(props: { readonly project: ProjectView; onRemove(): void }): ReactNode {
  const { project } = props;
  const { agent, reports } = useParts();
  const check = (): void => {
    agent.call('checkProject', { projectId: project.id }).catch(reports.fail);
  };
  return (
    <DropdownMenu.Sub>
      <DropdownMenu.SubTrigger className="menu-item">
        <Icon name="folder" />
        <span className="menu-two">
          {project.name}
          <span className="quiet">{projectText(project)}</span>
        </span>
        <Icon name="arrow" />
      </DropdownMenu.SubTrigger>
      <DropdownMenu.Portal>
        <DropdownMenu.SubContent className="menu" sideOffset={2}>
          <DropdownMenu.Label className="menu-note path">{project.dir}</DropdownMenu.Label>
          <DropdownMenu.Item className="menu-item" onSelect={check}>
            {words.projects.check}
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={props.onRemove}>
            {words.projects.remove}
          </DropdownMenu.Item>
        </DropdownMenu.SubContent>
      </DropdownMenu.Portal>
    </DropdownMenu.Sub>
  );
}

function projectText({ scan, recordsPending }: ProjectView): string {
  switch (scan.kind) {
    case 'scanning':
      return words.projects.scanning(countText(scan.filesSeen));
    case 'unreadable':
      return words.projects.unreadable;
    case 'scanned':
      return recordsPending > 0
        ? words.projects.pending(countText(recordsPending))
        : words.projects.scanned(countText(scan.files), bytesText(scan.bytes));
  }
}
