// A file name that gives way in the middle: both its beginning and its version and extension stay readable.

import type { ReactNode } from 'react';

export function FileName({ name }: { readonly name: string }): ReactNode {
  const cut = cutOf(name);
  return (
    <span className="file-name" title={name}>
      <span className="file-name-head">{name.slice(0, cut)}</span>
      {cut < name.length && <span className="file-name-tail">{name.slice(cut)}</span>}
    </span>
  );
}

const SHORT_LENGTH = 24;
const TAIL_LENGTH = { least: 7, most: 18 } as const;

/** Where the kept tail begins: at a separator, so that it starts with a whole word such as '_v0042'. */
function cutOf(name: string): number {
  if (name.length <= SHORT_LENGTH) return name.length;
  const from = name.length - TAIL_LENGTH.most;
  const to = name.length - TAIL_LENGTH.least;
  for (let index = from; index <= to; index += 1) {
    if ('_-. '.includes(name.charAt(index))) return index;
  }
  return to;
}
