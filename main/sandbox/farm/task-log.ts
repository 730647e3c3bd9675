// The text of a report: what a worker logs of a task, and what a failed one adds (lines as in a public picture of a log).

import { textOf } from './document-text.ts';
import type { JobDocument, TaskDocument } from './jobs.ts';

const MAX_CHARS = 1_000_000;

export interface TaskLog {
  /** Output of a command, a line each. */
  output(text: string): void;
  info(text: string): void;
  plain(text: string): void;
  text(): string;
}

/** A line reads `2023-07-05 03:28:01:  0: STDOUT: …`; the 0 is the thread of the task. */
export function createTaskLog(): TaskLog {
  let lines = '';
  const add = (text: string): void => {
    if (lines.length > MAX_CHARS) return;
    const at = new Date().toISOString().slice(0, 19).replace('T', ' ');
    lines += `${at}:  0: ${text}\n`;
  };
  return {
    output(text) {
      const all = text.replace(/\n$/, '').split('\n');
      if (text !== '') for (const line of all) add(`STDOUT: ${line}`);
    },
    info: (text) => add(`INFO: ${text}`),
    plain: add,
    text: () => lines,
  };
}

const RULE = '='.repeat(55);

/** Sections of an error report, as the Monitor shows one; their exact content is assumed. */
export function errorReport(from: {
  readonly title: string;
  readonly log: string;
  readonly job: JobDocument;
  readonly task: TaskDocument;
  readonly worker: string;
  readonly at: string;
}): string {
  const sections: readonly (readonly [string, string])[] = [
    ['Error', from.title],
    ['Type', 'RenderPluginException'],
    ['Log', from.log],
    [
      'Details',
      [
        `Date: ${from.at}`,
        `Frames: ${from.task.Frames}`,
        `Job Submit Date: ${from.job.Date}`,
        `Job User: ${textOf(from.job.Props['User'])}`,
      ].join('\n'),
    ],
    ['Worker Information', `Worker Name: ${from.worker}`],
  ];
  return sections.map(([name, text]) => `${RULE}\n${name}\n${RULE}\n${text}\n`).join('\n');
}
