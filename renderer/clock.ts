// The time that texts are written against, in whole minutes: enough for 'today', and nothing ticks faster.

import { createCell, type Cell } from './cell.ts';

const MINUTE_MS = 60_000;

export function startClock(page: Window): Cell<number> {
  const cell = createCell(thisMinute());
  const tick = (): void => cell.set(thisMinute());
  setInterval(tick, MINUTE_MS);
  // Timers rest while a window is hidden or the machine sleeps.
  page.addEventListener('focus', tick);
  page.document.addEventListener('visibilitychange', tick);
  return cell;
}

function thisMinute(): number {
  return Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
}
