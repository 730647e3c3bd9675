// The window's entry: picks the way to the agent, makes the long-lived parts and shows the window.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { WindowApi } from '../preload/shell.ts';
import { startAgent } from './agent.ts';
import { createCell, type Cell } from './cell.ts';
import { startClock } from './clock.ts';
import { FailureBoundary } from './components/FailureBoundary.tsx';
import { followDrags } from './dragging.ts';
import { PartsContext, type Parts } from './parts.ts';
import { createReports } from './reports.ts';
import { createSelection } from './selection.ts';
import { createSendings } from './sending.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/window.css';
import './styles/board.css';
import './styles/scenes.css';
import './styles/regions.css';
import './styles/waybills.css';
import './styles/lists.css';
import './styles/overlays.css';
import { httpTransport } from './transports/http.ts';
import { portTransport } from './transports/port.ts';
import { AgentWindow } from './views/window/AgentWindow.tsx';

declare global {
  interface Window {
    /** Put there by the preload; absent in a plain browser. */
    readonly waybill?: WindowApi;
  }
}

const shell = window.waybill ?? null;
const agent = startAgent(shell ? portTransport(shell, window) : httpTransport(window));
const parts: Parts = {
  agent,
  shell,
  selection: createSelection(),
  drag: followDrags(window),
  sendings: createSendings(agent),
  reports: createReports(),
  clock: startClock(window),
  submits: rememberedSubmits(),
};

const root = document.getElementById('window');
if (!root) throw new Error('invariant: index.html holds #window');
createRoot(root).render(
  <StrictMode>
    <PartsContext value={parts}>
      <FailureBoundary>
        <AgentWindow />
      </FailureBoundary>
    </PartsContext>
  </StrictMode>,
);

/** The choice outlives the window, which is destroyed whenever it is closed. */
function rememberedSubmits(): Cell<boolean> {
  const key = 'waybill.submits';
  const cell = createCell(localStorage.getItem(key) !== 'no');
  cell.subscribe(() => localStorage.setItem(key, cell.get() ? 'yes' : 'no'));
  return cell;
}
