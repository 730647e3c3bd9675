// A dialog over the window: title, body, and the buttons that end it. Escape and the cross close it.

import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import { words } from '../words/en.ts';
import { Icon } from './Icon.tsx';

export function Sheet(props: {
  readonly title: string;
  readonly description: string;
  readonly children: ReactNode;
  onClose(): void;
}): ReactNode {
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && props.onClose()}>
      <Dialog.Portal>
        {/* Not Dialog.Overlay: its scroll lock writes a style element, which the page's CSP refuses. */}
        <div className="scrim" />
        <Dialog.Content className="sheet">
          <header className="sheet-head">
            <Dialog.Title className="sheet-title">{props.title}</Dialog.Title>
            <Dialog.Close className="button button-icon" aria-label={words.common.close}>
              <Icon name="close" />
            </Dialog.Close>
          </header>
          <Dialog.Description className="sheet-description">{props.description}</Dialog.Description>
          {props.children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
