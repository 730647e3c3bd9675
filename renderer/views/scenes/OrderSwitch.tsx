// Newest first, or by name.

import { ToggleGroup } from 'radix-ui';
import type { ReactNode } from 'react';
import type { SceneOrder } from '../../present/scenes.ts';
import { words } from '../../words/en.ts';

export function OrderSwitch(props: {
  readonly order: SceneOrder;
  onChange(order: SceneOrder): void;
}): ReactNode {
  return (
    <ToggleGroup.Root
      className="segments"
      type="single"
      aria-label={words.scenes.order}
      value={props.order}
      onValueChange={(value) => {
        // Empty when the pressed one is pressed again: one order always holds.
        if (value === 'newest' || value === 'name') props.onChange(value);
      }}
    >
      <ToggleGroup.Item className="segment" value="newest">
        {words.scenes.newest}
      </ToggleGroup.Item>
      <ToggleGroup.Item className="segment" value="name">
        {words.scenes.byName}
      </ToggleGroup.Item>
    </ToggleGroup.Root>
  );
}
