// Tells a file of the built page from every other address a page could ask for. Pure.

import { fileURLToPath, pathToFileURL } from 'node:url';

/** `ownUrl` is the folder of the built page, as a URL that ends in a slash. */
export function isOwnFile(url: string, ownUrl: string): boolean {
  if (url.startsWith('devtools:')) return true;
  if (!url.startsWith('file:///')) return false;
  const path = pathOf(url);
  return path !== null && path.startsWith(ownUrl);
}

/** There and back again, so that dots and escapes are resolved before anything is compared. */
function pathOf(url: string): string | null {
  try {
    return pathToFileURL(fileURLToPath(url.split(/[?#]/)[0] ?? url)).href;
  } catch (error) {
    // An escaped slash, or no URL at all: no file of ours.
    if (error instanceof TypeError || error instanceof URIError) return null;
    throw error;
  }
}
