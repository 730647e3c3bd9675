// The few icons of the window's controls; each control has a word of its own as well.

import type { ReactNode } from 'react';

export type IconName =
  | 'search'
  | 'close'
  | 'chevron'
  | 'pause'
  | 'play'
  | 'folder'
  | 'arrow'
  | 'check'
  | 'send';

export function Icon({ name }: { readonly name: IconName }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} className="line" />
    </svg>
  );
}

const PATHS: Readonly<Record<IconName, string>> = {
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.4 10.4l3.1 3.1',
  close: 'M4 4l8 8M12 4l-8 8',
  chevron: 'M4.5 6.2L8 9.8l3.5-3.6',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6l7.6-4.8z',
  folder: 'M1.8 4.2c0-.6.4-1 1-1h3.4l1.4 1.6h5.6c.6 0 1 .4 1 1v6c0 .6-.4 1-1 1H2.8c-.6 0-1-.4-1-1z',
  arrow: 'M3 8h9.5M9 4.5L12.5 8 9 11.5',
  check: 'M3.2 8.4l3.2 3.2 6.4-7',
  send: 'M2.2 8h8M7 4.6L10.4 8 7 11.4M13.4 3v10',
};
