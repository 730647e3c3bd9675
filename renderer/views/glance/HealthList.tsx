// What is wrong, worst first, each with the agent's own sentence on what to do.

import { Collapsible } from 'radix-ui';
import { useMemo, useState, type ReactNode } from 'react';
import type { HealthItem } from '../../../preload/contract.ts';
import { StateMark } from '../../components/StateMark.tsx';
import { useAgent, useNow } from '../../parts.ts';
import { timeText } from '../../present/format.ts';
import { healthMark, listHealth } from '../../present/glance.ts';
import { words } from '../../words/en.ts';

/** More than this would push the screens down; the rest is one click away. */
const SHOWN = 2;

export function HealthList(): ReactNode {
  const health = useAgent((state) => state.health);
  const items = useMemo(() => listHealth(health), [health]);
  const [isOpen, setOpen] = useState(false);
  if (items.length === 0) return null;
  const rest = items.slice(SHOWN);
  return (
    <Collapsible.Root open={isOpen} onOpenChange={setOpen} asChild>
      <section className="health" aria-label={words.health.label}>
        <HealthItems items={items.slice(0, SHOWN)} />
        {rest.length > 0 && (
          <>
            <Collapsible.Content>
              <HealthItems items={rest} />
            </Collapsible.Content>
            <Collapsible.Trigger className="button button-text">
              {isOpen ? words.health.fewer : words.health.more(rest.length)}
            </Collapsible.Trigger>
          </>
        )}
      </section>
    </Collapsible.Root>
  );
}

function HealthItems({ items }: { readonly items: readonly HealthItem[] }): ReactNode {
  const now = useNow();
  return (
    <ul className="health-list">
      {items.map((item) => (
        <li
          key={`${item.code}:${item.subject}`}
          className="health-item"
          data-severity={item.severity}
        >
          <StateMark mark={healthMark(item.severity)} />
          <span className="health-word">{words.health.severity[item.severity]}</span>
          <span className="health-sentence">
            {item.sentence}{' '}
            <span className="quiet nowrap">{words.health.since(timeText(item.since, now))}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}
