// Denies by default whatever a page could be made to do beyond showing itself and speaking over its ports.

import { pathToFileURL } from 'node:url';
import { session, type App } from 'electron';
import { isOwnFile } from './own-file.ts';

/** To be called before the first window: covers every web contents of the app. */
export function guardPages(app: App, rendererDir: string): void {
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => event.preventDefault());
    contents.on('will-redirect', (event) => event.preventDefault());
    contents.on('will-frame-navigate', (event) => event.preventDefault());
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
  const pages = session.defaultSession;
  pages.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  pages.setPermissionCheckHandler(() => false);
  pages.setDevicePermissionHandler(() => false);
  // The page has no business on any network: only the files of the built renderer are loaded.
  const ownUrl = `${pathToFileURL(rendererDir).href}/`;
  pages.webRequest.onBeforeRequest((details, answer) =>
    answer({ cancel: !isOwnFile(details.url, ownUrl) }),
  );
}
