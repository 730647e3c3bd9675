// What only the OS would show, written down for the test to look at; and the answers it queued for dialogs.

export interface Recorded {
  readonly kind: string;
  readonly data: unknown;
}

const records: Recorded[] = [];
const answers: unknown[] = [];

export function record(kind: string, data: unknown): void {
  records.push({ kind, data });
}

export function recorded(kind: string): unknown[] {
  return records.filter((entry) => entry.kind === kind).map((entry) => entry.data);
}

export function queueAnswer(answer: unknown): void {
  answers.push(answer);
}

/** A dialog nobody answers would hang the app, so it throws instead. */
export function takeAnswer(kind: string): unknown {
  if (answers.length === 0) throw new Error(`electron stand-in: ${kind} with no queued answer`);
  return answers.shift();
}
