// The one way out: whatever asks the app to quit, what was opened is closed first, and only once.

import type { App } from 'electron';

export function endCleanly(app: App, close: () => Promise<void>): void {
  let closing = false;
  app.on('will-quit', (event) => {
    event.preventDefault();
    if (closing) return;
    closing = true;
    void close().finally(() => app.exit(0));
  });
}
