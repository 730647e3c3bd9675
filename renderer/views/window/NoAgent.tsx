// What stands in place of the screens while no agent has answered yet, or none will.

import { useEffect, useState, type ReactNode } from 'react';
import { Empty } from '../../components/Empty.tsx';
import { useConnection } from '../../parts.ts';
import { words } from '../../words/en.ts';

/** After this, waiting is worth a hint. */
const SLOW_MS = 8_000;

export function NoAgent(): ReactNode {
  const connection = useConnection();
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  const { connectingBody, connectingSlow, lostBody } = words.connection;
  return (
    <main className="screen screen-centred">
      <Empty
        title={connection.kind === 'lost' ? lostBody : connectingBody}
        {...(isSlow ? { hint: connectingSlow } : {})}
      />
    </main>
  );
}

export function SignedOut(): ReactNode {
  return (
    <main className="screen screen-centred">
      <Empty title={words.connection.signedOutTitle} hint={words.connection.signedOutBody}>
        <code className="command">{words.connection.signedOutCommand}</code>
      </Empty>
    </main>
  );
}
