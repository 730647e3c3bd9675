// What the window has to say about its own doing: failures of calls and small confirmations, until dismissed.

import { createCell, type Cell } from './cell.ts';
import { isAbort, sentenceOf } from './failure.ts';

export interface Report {
  readonly id: number;
  readonly kind: 'failed' | 'noted';
  readonly sentence: string;
}

export interface Reports {
  readonly cell: Cell<readonly Report[]>;
  note(sentence: string): void;
  fail(error: unknown): void;
  dismiss(id: number): void;
}

export function createReports(): Reports {
  const cell = createCell<readonly Report[]>([]);
  let lastId = 0;

  /** The same sentence twice is one report. */
  function add(kind: Report['kind'], sentence: string): void {
    lastId += 1;
    const others = cell.get().filter((report) => report.sentence !== sentence);
    cell.set([...others, { id: lastId, kind, sentence }]);
  }

  return {
    cell,
    note: (sentence) => add('noted', sentence),
    fail(error) {
      if (!isAbort(error)) add('failed', sentenceOf(error));
    },
    dismiss: (id) => cell.set(cell.get().filter((report) => report.id !== id)),
  };
}
