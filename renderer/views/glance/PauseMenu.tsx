// Pause and resume. Our pause stops new requests only, and the menu says so.

import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import { CommandButton } from '../../components/CommandButton.tsx';
import { Icon } from '../../components/Icon.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { useAgent, useConnection, useParts } from '../../parts.ts';
import { words } from '../../words/en.ts';

export function PauseMenu(): ReactNode {
  const { agent, reports } = useParts();
  const isPaused = useAgent((state) => state.agent.paused !== null);
  const isConnected = useConnection().kind === 'connected';
  if (isPaused) {
    return (
      <span className="paused">
        <StateMark mark="paused" />
        {words.pause.paused}
        <CommandButton
          label={words.pause.resume}
          busyLabel={words.calls.working}
          look="main"
          run={() => agent.call('resume', {})}
        />
      </span>
    );
  }
  const pause = (forMinutes: number | null): void => {
    agent.call('pause', { forMinutes }).catch(reports.fail);
  };
  return (
    // Not modal, here as in every menu: the modal kind locks scrolling by a style element, which the CSP refuses.
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="button" disabled={!isConnected}>
        <Icon name="pause" />
        {words.pause.menu}
        <Icon name="chevron" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={4}>
          <DropdownMenu.Item className="menu-item" onSelect={() => pause(60)}>
            {words.pause.hour}
          </DropdownMenu.Item>
          <DropdownMenu.Item
            className="menu-item"
            onSelect={() => pause(minutesToTomorrow(new Date()))}
          >
            {words.pause.tomorrow}
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => pause(null)}>
            {words.pause.open}
          </DropdownMenu.Item>
          <DropdownMenu.Separator className="menu-separator" />
          <DropdownMenu.Label className="menu-note">{words.pause.note}</DropdownMenu.Label>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** Until 8 in the morning of the next day, when people are back. */
function minutesToTomorrow(now: Date): number {
  const morning = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, 8);
  return Math.ceil((morning.getTime() - now.getTime()) / 60_000);
}
