// One collision: both sides next to each other, what follows if nobody acts, and the mark that it is settled.

import { memo, type ReactNode } from 'react';
import type { CollisionView } from '../../../preload/contract.ts';
import { CommandButton } from '../../components/CommandButton.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { useNow, useParts } from '../../parts.ts';
import { bytesText, timeText } from '../../present/format.ts';
import { words } from '../../words/en.ts';

export const CollisionRow = memo(function CollisionRow(props: {
  readonly collision: CollisionView;
}): ReactNode {
  const { collision } = props;
  const { agent } = useParts();
  const now = useNow();
  return (
    <li className="collision" aria-label={collision.path} data-settled={collision.settled}>
      <div className="collision-head">
        <StateMark mark={collision.settled ? 'done' : 'attention'} />
        <span className="collision-kind">{words.collisionKinds[collision.kind]}</span>
        <span className="quiet">{words.collisions.seen(timeText(collision.seenAt, now))}</span>
      </div>
      <p className="path collision-path">{collision.path}</p>
      <div className="sides">
        {collision.sides.map((side) => (
          <Side
            key={`${side.site}\n${side.shownName}`}
            side={side}
            isFile={collision.kind !== 'folder-folder'}
            now={now}
          />
        ))}
      </div>
      <div className="collision-foot">
        <p className="collision-consequence">
          {collision.consequence}{' '}
          <span className="quiet">{!collision.settled && words.collisions.settleNote}</span>
        </p>
        {!collision.settled && (
          <CommandButton
            label={words.collisions.settle}
            busyLabel={words.collisions.settling}
            name={`${words.collisions.settle} ${collision.path}`}
            run={() => agent.call('settleCollision', { collisionId: collision.id })}
          />
        )}
      </div>
    </li>
  );
});

function Side(props: {
  readonly side: CollisionView['sides'][number];
  readonly isFile: boolean;
  readonly now: number;
}): ReactNode {
  const { side, isFile, now } = props;
  return (
    <div className="side">
      <h3 className="side-site">{side.site}</h3>
      <dl className="facts">
        <div className="fact">
          <dt>{words.collisions.shownAs}</dt>
          <dd className="path">{side.shownName}</dd>
        </div>
        {isFile && (
          <div className="fact">
            <dt>{words.collisions.size}</dt>
            <dd>{side.size === null ? words.collisions.unknown : bytesText(side.size)}</dd>
          </div>
        )}
        <div className="fact">
          <dt>{words.collisions.changed}</dt>
          <dd>
            {side.modified === null ? words.collisions.unknown : timeText(side.modified, now)}
          </dd>
        </div>
      </dl>
    </div>
  );
}
