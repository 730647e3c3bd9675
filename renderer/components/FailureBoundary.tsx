// Catches what a screen throws: the window says so and offers to start again, instead of going blank.

import { Component, type ReactNode } from 'react';
import { sentenceOf } from '../failure.ts';
import { words } from '../words/en.ts';
import { Empty } from './Empty.tsx';

interface Props {
  readonly children: ReactNode;
}

interface State {
  readonly failure: string | null;
}

/** A class because React has no other way to catch; the agent and its work go on untouched. */
export class FailureBoundary extends Component<Props, State> {
  override readonly state: State = { failure: null };

  static getDerivedStateFromError(error: unknown): State {
    return { failure: sentenceOf(error) };
  }

  override render(): ReactNode {
    const { failure } = this.state;
    if (failure === null) return this.props.children;
    return (
      <main className="screen screen-centred" role="alert">
        <Empty title={words.failure.title} hint={words.failure.hint}>
          <code className="command">{failure}</code>
          <button type="button" className="button button-main" onClick={() => location.reload()}>
            {words.failure.reload}
          </button>
        </Empty>
      </main>
    );
  }
}
