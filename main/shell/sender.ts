// Tells our own page from anything else that could reach a channel.

import type { WebFrameMain } from 'electron';

export type SenderCheck = (event: { readonly senderFrame: WebFrameMain | null }) => boolean;

/** True only for the main frame of a window that shows our page; a frame that is gone has no say. */
export function senderCheck(pageUrl: string): SenderCheck {
  return ({ senderFrame }) =>
    senderFrame !== null &&
    senderFrame.parent === null &&
    senderFrame.url.split(/[?#]/)[0] === pageUrl;
}
