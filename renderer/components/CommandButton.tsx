// A button that asks the agent for something: busy while it is under way, and a failure is reported in words.

import { useState, type ReactNode } from 'react';
import { useConnection, useParts } from '../parts.ts';

export function CommandButton(props: {
  readonly label: string;
  /** Said while the call is under way. */
  readonly busyLabel: string;
  readonly look?: 'main' | 'plain' | 'text';
  /** Longer name where several buttons carry the same word. */
  readonly name?: string;
  run(): Promise<unknown>;
}): ReactNode {
  const { reports } = useParts();
  const isConnected = useConnection().kind === 'connected';
  const [isBusy, setBusy] = useState(false);

  async function run(): Promise<void> {
    setBusy(true);
    try {
      await props.run();
    } catch (error) {
      reports.fail(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <button
      type="button"
      className={LOOKS[props.look ?? 'plain']}
      disabled={isBusy || !isConnected}
      aria-label={props.name}
      onClick={() => void run()}
    >
      {isBusy ? props.busyLabel : props.label}
    </button>
  );
}

const LOOKS = {
  main: 'button button-main',
  plain: 'button',
  text: 'button button-text',
} as const;
