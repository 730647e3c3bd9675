// The shape of a state, drawn so that it is told apart without colour; the word stands beside it.

import type { ReactNode } from 'react';
import type { Mark } from '../present/marks.ts';

export function StateMark({ mark }: { readonly mark: Mark }): ReactNode {
  return (
    <svg className={`mark mark-${mark}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {SHAPES[mark]}
    </svg>
  );
}

const ring = <circle cx="8" cy="8" r="5.75" className="line" />;

const SHAPES: Readonly<Record<Mark, ReactNode>> = {
  unknown: <circle cx="8" cy="8" r="5.75" className="line dotted" />,
  waiting: ring,
  moving: (
    <>
      {ring}
      <path d="M8 4.5a3.5 3.5 0 0 1 0 7z" className="solid" />
    </>
  ),
  good: (
    <>
      {ring}
      <path d="M5.2 8.2l2 2 3.6-4" className="line" />
    </>
  ),
  done: (
    <>
      <circle cx="8" cy="8" r="6.5" className="solid" />
      <path d="M5 8.2l2.1 2.1 3.9-4.4" className="line inverse" />
    </>
  ),
  attention: (
    <>
      <path d="M8 1.8l6.6 11.7H1.4z" className="solid" />
      <path d="M8 6v3.4M8 11.2v.6" className="line inverse" />
    </>
  ),
  error: (
    <>
      <rect x="2" y="2" width="12" height="12" rx="2" className="solid" />
      <path d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2" className="line inverse" />
    </>
  ),
  paused: (
    <>
      <rect x="4" y="3.5" width="2.6" height="9" rx="0.8" className="solid" />
      <rect x="9.4" y="3.5" width="2.6" height="9" rx="0.8" className="solid" />
    </>
  ),
  cancelled: (
    <>
      {ring}
      <path d="M4 12L12 4" className="line" />
    </>
  ),
};
