// session of the stand-in: keeps the handlers that the app installs; windows ask the one for requests.

import { strict } from './strict.ts';

type RequestListener = (
  details: { url: string },
  answer: (response: { cancel?: boolean }) => void,
) => void;

class Session {
  #onBeforeRequest: RequestListener | null = null;

  readonly webRequest = strict('webRequest', {
    onBeforeRequest: (listener: RequestListener): void => {
      this.#onBeforeRequest = listener;
    },
  });

  /** Pages of the driver's Chromium ask it for no permission, so these are only taken. */
  setPermissionRequestHandler(_handler: unknown): void {}
  setPermissionCheckHandler(_handler: unknown): void {}
  setDevicePermissionHandler(_handler: unknown): void {}

  isCancelled(url: string): boolean {
    let cancelled = false;
    this.#onBeforeRequest?.({ url }, (response) => {
      cancelled = response.cancel === true;
    });
    return cancelled;
  }
}

export const session = strict('session', { defaultSession: strict('Session', new Session()) });
