// The first screen of a new workstation: one thing to do, and what follows from it.

import type { ReactNode } from 'react';
import { StateMark } from '../../components/StateMark.tsx';
import { useAgent } from '../../parts.ts';
import { words } from '../../words/en.ts';
import { AddProject } from './AddProject.tsx';

export function FirstRun(): ReactNode {
  const studio = useAgent((state) => state.agent.studio);
  const isSandbox = studio.kind === 'sandbox';
  return (
    <section className="first-run" aria-label={words.firstRun.title}>
      <h1 className="first-run-title">{words.firstRun.title}</h1>
      <p className="first-run-body">{words.firstRun.body}</p>
      <AddProject />
      <ol className="steps">
        {[words.firstRun.step1, words.firstRun.step2, words.firstRun.step3].map((step) => (
          <li key={step} className="step">
            {step}
          </li>
        ))}
      </ol>
      <p className="first-run-studio">
        <StateMark mark="good" />
        {isSandbox ? words.firstRun.sandbox : words.firstRun.studio(studio.name)}
      </p>
      {isSandbox && <p className="quiet">{words.firstRun.sandboxHint}</p>}
    </section>
  );
}
