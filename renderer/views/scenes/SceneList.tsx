// The rows: select, drag, open a menu, by pointer and by keyboard alike. Long lists come in helpings.

import { ContextMenu } from 'radix-ui';
import {
  useCallback,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
} from 'react';
import type { SceneView, WaybillView } from '../../../preload/contract.ts';
import { useAgent, useParts } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import { waybillsByScene } from '../../present/scenes.ts';
import { words } from '../../words/en.ts';
import { SceneMenu } from './SceneMenu.tsx';
import { SceneRow } from './SceneRow.tsx';

/** Rows beyond this wait for a click: thousands of rows cost seconds of layout that nobody reads. */
const HELPING = 200;
const PAGE_ROWS = 10;
const NONE: readonly WaybillView[] = [];

export function SceneList({ scenes }: { readonly scenes: readonly SceneView[] }): ReactNode {
  const { selection } = useParts();
  const waybills = useAgent((state) => state.waybills);
  const byScene = useMemo(() => waybillsByScene(waybills), [waybills]);
  const [limit, setLimit] = useState(HELPING);
  const list = useRef<HTMLDivElement>(null);
  const shown = scenes.slice(0, limit);
  const rest = scenes.length - shown.length;

  const focusRow = useCallback((id: string) => {
    const row = list.current?.querySelector<HTMLElement>(`[data-scene="${CSS.escape(id)}"]`);
    row?.focus();
    row?.scrollIntoView({ block: 'nearest' });
  }, []);

  function onKeyDown(event: KeyboardEvent): void {
    if (!(event.target instanceof HTMLElement) || event.target.role !== 'row') return;
    const by = stepOf(event.key, scenes.length);
    if (by !== null) {
      const next = selection.neighbour(by);
      if (next === null || !shown.some((scene) => scene.id === next)) return;
      event.preventDefault();
      selection.select(next, event.shiftKey ? 'range' : 'only');
      focusRow(next);
    } else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      selection.selectAll();
    } else if (event.key === 'Escape') {
      selection.clear();
    }
  }

  /** A menu opened on an unselected row is meant for that row alone. */
  function onContextMenu(event: MouseEvent): void {
    const row = event.target instanceof Element ? event.target.closest('[data-scene]') : null;
    const id = row?.getAttribute('data-scene');
    if (id && !selection.cell.get().ids.has(id)) selection.select(id, 'only');
  }

  return (
    <ContextMenu.Root modal={false}>
      <ContextMenu.Trigger asChild>
        <div className="scene-scroll" onContextMenu={onContextMenu}>
          <div
            ref={list}
            role="grid"
            aria-label={words.scenes.list}
            aria-multiselectable="true"
            aria-rowcount={scenes.length}
            onKeyDown={onKeyDown}
          >
            {shown.map((scene, index) => (
              <SceneRow
                key={scene.id}
                scene={scene}
                index={index}
                waybills={byScene.get(scene.id) ?? NONE}
              />
            ))}
          </div>
          {rest > 0 && (
            <button
              type="button"
              className="button button-wide"
              onClick={() => setLimit(limit + HELPING)}
            >
              {words.scenes.showMore(countText(Math.min(rest, HELPING)))}
            </button>
          )}
        </div>
      </ContextMenu.Trigger>
      <SceneMenu />
    </ContextMenu.Root>
  );
}

function stepOf(key: string, length: number): number | null {
  switch (key) {
    case 'ArrowDown':
      return 1;
    case 'ArrowUp':
      return -1;
    case 'PageDown':
      return PAGE_ROWS;
    case 'PageUp':
      return -PAGE_ROWS;
    case 'Home':
      return -length;
    case 'End':
      return length;
    default:
      return null;
  }
}
