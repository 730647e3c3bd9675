// The honest log as lines: newest first, with the shape of what happened.

import type { ActivityView } from '../../preload/contract.ts';
import { words } from '../words/en.ts';
import { amountText, bytesText } from './format.ts';
import type { Mark } from './marks.ts';

export function activityMark(kind: ActivityView['kind']): Mark {
  switch (kind) {
    case 'trouble':
      return 'error';
    case 'collision':
      return 'attention';
    case 'ready':
    case 'mirrored':
      return 'good';
    case 'frames-home':
    case 'notified':
      return 'done';
    case 'arriving':
    case 'rendering':
    case 'released':
      return 'moving';
    case 'held':
      return 'paused';
    case 'watched':
    case 'changed':
    case 'closure':
    case 'tagged':
    case 'submitted':
      return 'waiting';
  }
}

/** Empty where the event has no amount. */
export function activityAmount(entry: ActivityView): string {
  const files =
    entry.files === null
      ? null
      : amountText(entry.files, words.scenes.file, words.scenes.filesWord);
  const bytes = entry.bytes === null ? null : bytesText(entry.bytes);
  return [files, bytes].filter((part) => part !== null).join(', ');
}
