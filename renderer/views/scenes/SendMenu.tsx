// 'Send to…' of one row: the keyboard's and the menu's way to a region. Acts on the selection when the row is in it.

import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import type { SceneView } from '../../../preload/contract.ts';
import { Icon } from '../../components/Icon.tsx';
import { useAgent, useConnection, useParts } from '../../parts.ts';
import { listRegions } from '../../present/regions.ts';
import { words } from '../../words/en.ts';
import { useSend } from '../sending/use-send.ts';

export function SendMenu(props: {
  readonly scene: SceneView;
  readonly isTabStop: boolean;
}): ReactNode {
  const { scene, isTabStop } = props;
  const { selection } = useParts();
  const isConnected = useConnection().kind === 'connected';
  return (
    <DropdownMenu.Root
      modal={false}
      onOpenChange={(isOpen) => {
        if (isOpen && !selection.cell.get().ids.has(scene.id)) selection.select(scene.id, 'only');
      }}
    >
      <DropdownMenu.Trigger
        className="button button-icon"
        title={words.scenes.send}
        aria-label={words.scenes.sendOf(scene.name)}
        tabIndex={isTabStop ? 0 : -1}
        disabled={!isConnected}
        // The row's own click would undo a selection of several.
        onClick={(event) => event.stopPropagation()}
      >
        <Icon name="send" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={4}>
          <RegionItems />
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function RegionItems(): ReactNode {
  const regions = useAgent((state) => state.regions);
  const send = useSend();
  const listed = listRegions(regions);
  if (listed.length === 0)
    return <DropdownMenu.Label className="menu-note">{words.scenes.noRegion}</DropdownMenu.Label>;
  return listed.map((region) => (
    <DropdownMenu.Item
      key={region.id}
      className="menu-item"
      aria-label={region.name}
      onSelect={() => send.selected(region)}
    >
      <Icon name="send" />
      {region.name}
      <span className="menu-aside">{region.place}</span>
    </DropdownMenu.Item>
  ));
}
