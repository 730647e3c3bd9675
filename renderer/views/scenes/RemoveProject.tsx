// Asks before a project is no longer watched.

import type { ReactNode } from 'react';
import type { ProjectView } from '../../../preload/contract.ts';
import { CommandButton } from '../../components/CommandButton.tsx';
import { Sheet } from '../../components/Sheet.tsx';
import { useParts } from '../../parts.ts';
import { words } from '../../words/en.ts';

export function RemoveProject(props: {
  readonly project: ProjectView;
  onClose(): void;
}): ReactNode {
  const { agent } = useParts();
  const { project, onClose } = props;
  return (
    <Sheet
      title={words.projects.removeTitle(project.name)}
      description={words.projects.removeBody}
      onClose={onClose}
    >
      <footer className="sheet-foot">
        <button type="button" className="button" onClick={onClose}>
          {words.sending.cancel}
        </button>
        <CommandButton
          label={words.projects.removeDo}
          busyLabel={words.calls.working}
          look="main"
          run={() => agent.call('removeProject', { projectId: project.id }).finally(onClose)}
        />
      </footer>
    </Sheet>
  );
}
