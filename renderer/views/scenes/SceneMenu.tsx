// The context menu of the scene list: everything that can be done with the selection.

import { ContextMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import { useCell } from '../../cell.ts';
import { Icon } from '../../components/Icon.tsx';
import { useAgent, useConnection, useParts } from '../../parts.ts';
import { listRegions } from '../../present/regions.ts';
import { words } from '../../words/en.ts';
import { useSend } from '../sending/use-send.ts';

export function SceneMenu(): ReactNode {
  const { selection, shell, reports, agent } = useParts();
  const regions = useAgent((state) => state.regions);
  const isConnected = useConnection().kind === 'connected';
  const ids = useCell(selection.cell, (state) => state.ids);
  const send = useSend();

  function firstPath(): string | null {
    const [id] = ids;
    return id === undefined ? null : (agent.cell.get().state?.scenes[id]?.path ?? null);
  }

  function showInFolder(): void {
    const path = firstPath();
    if (shell && path !== null) shell.showInFolder(path).catch(reports.fail);
  }

  function copyPath(): void {
    const path = firstPath();
    if (path === null) return;
    navigator.clipboard
      .writeText(path)
      .then(() => reports.note(words.common.copied))
      .catch(reports.fail);
  }

  return (
    <ContextMenu.Portal>
      <ContextMenu.Content className="menu">
        {listRegions(regions).map((region) => (
          <ContextMenu.Item
            key={region.id}
            className="menu-item"
            disabled={!isConnected || ids.size === 0}
            onSelect={() => send.selected(region)}
          >
            <Icon name="send" />
            {words.scenes.sendTo(region.name)}
            <span className="menu-aside">{region.place}</span>
          </ContextMenu.Item>
        ))}
        <ContextMenu.Separator className="menu-separator" />
        {shell && (
          <ContextMenu.Item className="menu-item" disabled={ids.size !== 1} onSelect={showInFolder}>
            <Icon name="folder" />
            {words.scenes.showInFolder}
          </ContextMenu.Item>
        )}
        <ContextMenu.Item className="menu-item" disabled={ids.size !== 1} onSelect={copyPath}>
          <span className="icon" />
          {words.scenes.copyPath}
        </ContextMenu.Item>
      </ContextMenu.Content>
    </ContextMenu.Portal>
  );
}
