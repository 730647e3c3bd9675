// What a screen says when there is nothing to show: the fact, and the next step.

import type { ReactNode } from 'react';

export function Empty(props: {
  readonly title: string;
  readonly hint?: string;
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <div className="empty">
      <p className="empty-title">{props.title}</p>
      {props.hint !== undefined && <p className="empty-hint">{props.hint}</p>}
      {props.children}
    </div>
  );
}
