// Where the window was when it was last closed, as far as that place still exists. Pure.

import { z } from 'zod';

/** So much of the window must lie on a screen, or its place is forgotten. */
const GRIP_PX = 80;

const Bounds = z.object({
  x: z.int(),
  y: z.int(),
  width: z.int().positive(),
  height: z.int().positive(),
});
export type Bounds = z.infer<typeof Bounds>;

/** `text` is what was kept; a damaged one is as good as none. Without a place the OS finds one. */
export function restoredBounds(
  text: string | null,
  workAreas: readonly Bounds[],
): Bounds | Pick<Bounds, 'width' | 'height'> | null {
  const kept = Bounds.safeParse(text === null ? null : jsonOf(text));
  if (!kept.success) return null;
  const { width, height } = kept.data;
  return workAreas.some((area) => canBeGrabbed(kept.data, area)) ? kept.data : { width, height };
}

function canBeGrabbed(window: Bounds, area: Bounds): boolean {
  const right = Math.min(window.x + window.width, area.x + area.width);
  const bottom = Math.min(window.y + window.height, area.y + area.height);
  // The title bar is what one grabs, so its own line has to be on the screen too.
  return (
    right - Math.max(window.x, area.x) >= GRIP_PX &&
    bottom - Math.max(window.y, area.y) >= GRIP_PX &&
    window.y >= area.y
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
