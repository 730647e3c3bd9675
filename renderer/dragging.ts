// What is being dragged over the window: scenes of the list, or files from the OS file manager.

import { createCell, type Cell } from './cell.ts';

/** Our own type, so that text or links dragged in are never taken for scenes. */
export const SCENES_TYPE = 'application/x-waybill-scenes';

export type Drag =
  | { readonly kind: 'scenes'; readonly sceneIds: readonly string[] }
  | { readonly kind: 'files'; readonly count: number };

/** Follows drags over the page; a file dropped beside a card must not replace the page. */
export function followDrags(page: Window): Cell<Drag | null> {
  const cell = createCell<Drag | null>(null);
  /** Enter and leave come in pairs per element; zero means the drag is outside. */
  let depth = 0;

  function end(): void {
    depth = 0;
    cell.set(null);
  }

  page.addEventListener('dragenter', (event) => {
    depth += 1;
    const count = fileCount(event);
    if (count !== null && cell.get() === null) cell.set({ kind: 'files', count });
  });
  page.addEventListener('dragleave', () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0 && cell.get()?.kind === 'files') end();
  });
  page.addEventListener('dragover', (event) => {
    if (event.defaultPrevented || fileCount(event) === null) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'none';
  });
  page.addEventListener('drop', (event) => {
    event.preventDefault();
    end();
  });
  page.addEventListener('dragend', end);
  return cell;
}

/** Number of files in an OS drag; null when the drag is something else. */
function fileCount(event: DragEvent): number | null {
  const transfer = event.dataTransfer;
  if (!transfer?.types.includes('Files')) return null;
  return [...transfer.items].filter((item) => item.kind === 'file').length;
}
