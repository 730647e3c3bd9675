// What is known of the one selected scene: where it is, what it needs, what it misses.

import { Collapsible } from 'radix-ui';
import type { ReactNode } from 'react';
import type { SceneView } from '../../../preload/contract.ts';
import { useCell } from '../../cell.ts';
import { Icon } from '../../components/Icon.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { useAgent, useNow, useParts } from '../../parts.ts';
import { bytesText, framesText, nameOfPath, timeText } from '../../present/format.ts';
import { needsText, sceneHealth } from '../../present/scenes.ts';
import { words } from '../../words/en.ts';

/** Enough to act on; the whole list is in `waybill closure`. */
const MISSING_SHOWN = 20;

type ReadClosure = Extract<SceneView['closure'], { kind: 'read' }>;

/** A bar that is always there, so that choosing a scene moves nothing; it opens when asked. */
export function SceneDetails(): ReactNode {
  const { selection } = useParts();
  const only = useCell(selection.cell, ({ ids }) => (ids.size === 1 ? [...ids][0] : undefined));
  const scene = useAgent((state) => (only === undefined ? undefined : state.scenes[only]));
  return (
    <Collapsible.Root asChild>
      <section className="details" aria-label={words.details.title}>
        <Collapsible.Trigger className="details-bar">
          <Icon name="chevron" />
          <span className={scene ? 'details-title' : 'details-title quiet'}>
            {scene ? words.details.of(scene.name) : words.details.choose}
          </span>
        </Collapsible.Trigger>
        <Collapsible.Content className="details-body">
          {scene && <Facts scene={scene} />}
        </Collapsible.Content>
      </section>
    </Collapsible.Root>
  );
}

function Facts({ scene }: { readonly scene: SceneView }): ReactNode {
  const now = useNow();
  return (
    <>
      <Closure closure={scene.closure} />
      <dl className="facts">
        <Fact name={words.details.path}>
          <span className="path">{scene.path}</span>
        </Fact>
        <Fact name={words.details.saved}>{timeText(scene.modified, now)}</Fact>
        <Fact name={words.details.size}>{bytesText(scene.size)}</Fact>
        {scene.closure.kind === 'read' && <ReadFacts closure={scene.closure} />}
      </dl>
    </>
  );
}

function Closure({ closure }: { readonly closure: SceneView['closure'] }): ReactNode {
  const health = sceneHealth(closure);
  return (
    <>
      {(closure.kind === 'unread' || closure.kind === 'reading') && (
        <p className="reason" data-mark={health.mark}>
          <StateMark mark={health.mark} />
          {health.text}
        </p>
      )}
      {closure.kind === 'unreadable' && (
        <p className="reason" data-mark="error">
          <StateMark mark="error" />
          {closure.why}
        </p>
      )}
      {closure.kind === 'read' && closure.missing.length > 0 && <Missing closure={closure} />}
      {closure.kind === 'read' &&
        closure.warnings.slice(0, MISSING_SHOWN).map((warning) => (
          <p key={warning} className="reason" data-mark="attention">
            <StateMark mark="attention" />
            {warning}
          </p>
        ))}
    </>
  );
}

function Missing({ closure }: { readonly closure: ReadClosure }): ReactNode {
  const rest = closure.missing.length - MISSING_SHOWN;
  return (
    <ul className="missing" aria-label={words.details.missing}>
      {closure.missing.slice(0, MISSING_SHOWN).map((reference) => (
        <li key={`${reference.path}\n${reference.via}`} className="reason" data-mark="attention">
          <StateMark mark="attention" />
          <span>
            {words.details.missing} {words.fileKinds[reference.kind]}{' '}
            <span className="path">{reference.raw}</span>
            <span className="quiet"> {words.details.via(nameOfPath(reference.via))}</span>
          </span>
        </li>
      ))}
      {rest > 0 && <li className="quiet">{words.details.more(rest)}</li>}
    </ul>
  );
}

function ReadFacts({ closure }: { readonly closure: ReadClosure }): ReactNode {
  return (
    <>
      <Fact name={words.details.closure}>{needsText(closure)}</Fact>
      <Fact name={words.details.frames}>{framesText(closure.frames)}</Fact>
      <Fact name={words.details.madeWith}>{closure.dcc}</Fact>
      <Fact name={words.details.engine}>{closure.engine ?? words.details.unknown}</Fact>
      <Fact name={words.details.cameras}>
        {closure.cameras.length > 0 ? closure.cameras.join(', ') : words.details.none}
      </Fact>
    </>
  );
}

function Fact(props: { readonly name: string; readonly children: ReactNode }): ReactNode {
  return (
    <div className="fact">
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}
