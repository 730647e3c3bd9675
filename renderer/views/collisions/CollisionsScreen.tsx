// The inbox of collisions: open ones in full, settled ones folded away.

import { Collapsible } from 'radix-ui';
import { useMemo, type ReactNode } from 'react';
import type { CollisionView } from '../../../preload/contract.ts';
import { Empty } from '../../components/Empty.tsx';
import { Icon } from '../../components/Icon.tsx';
import { useAgent } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import { words } from '../../words/en.ts';
import { CollisionRow } from './CollisionRow.tsx';

export function CollisionsScreen(): ReactNode {
  const collisions = useAgent((state) => state.collisions);
  const { open, settled } = useMemo(() => splitCollisions(collisions), [collisions]);
  return (
    <section className="pane list-screen" aria-label={words.collisions.title}>
      <header className="pane-head">
        <h2 className="pane-title">{words.collisions.title}</h2>
        <span className="count">{countText(open.length)}</span>
      </header>
      {open.length === 0 && (
        <Empty title={words.collisions.none} hint={words.collisions.noneHint} />
      )}
      {open.length > 0 && <CollisionList label={words.collisions.open} collisions={open} />}
      {settled.length > 0 && (
        <Collapsible.Root className="settled">
          <Collapsible.Trigger className="button button-text">
            {words.collisions.settledGroup(countText(settled.length))}
            <Icon name="chevron" />
          </Collapsible.Trigger>
          <Collapsible.Content>
            <CollisionList label={words.collisions.settled} collisions={settled} />
          </Collapsible.Content>
        </Collapsible.Root>
      )}
    </section>
  );
}

function CollisionList(props: {
  readonly label: string;
  readonly collisions: readonly CollisionView[];
}): ReactNode {
  return (
    <ul className="list" aria-label={props.label}>
      {props.collisions.map((collision) => (
        <CollisionRow key={collision.id} collision={collision} />
      ))}
    </ul>
  );
}

/** Newest first on both sides. */
function splitCollisions(collisions: Readonly<Record<string, CollisionView>>): {
  readonly open: readonly CollisionView[];
  readonly settled: readonly CollisionView[];
} {
  const listed = Object.values(collisions).toSorted((a, b) => b.seenAt - a.seenAt);
  return {
    open: listed.filter((collision) => !collision.settled),
    settled: listed.filter((collision) => collision.settled),
  };
}
