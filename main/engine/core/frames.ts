// Frame lists as Deadline writes them: '1-10', '1-10x2', '5', commas or spaces between.

import type { FrameRange } from './closure.ts';

const MAX_FRAMES = 1_000_000;

export type FrameList =
  | { readonly kind: 'frames'; readonly frames: readonly number[] }
  | { readonly kind: 'unreadable'; readonly why: string };

/** Distinct frames in the order given; a sentence instead when the text is no frame list. */
export function parseFrames(text: string): FrameList {
  const frames = new Set<number>();
  for (const part of text.split(/[\s,]+/).filter((piece) => piece !== '')) {
    const match = /^(-?\d+)(?:-(-?\d+)(?:[x:](\d+))?)?$/.exec(part);
    if (!match)
      return { kind: 'unreadable', why: `"${part}" is no frame or range such as 1-10x2.` };
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    const step = match[3] === undefined ? 1 : Number(match[3]);
    if (step < 1) return { kind: 'unreadable', why: `"${part}" has a step of 0.` };
    if (Math.abs(last - first) / step > MAX_FRAMES) {
      return { kind: 'unreadable', why: `"${part}" names more than a million frames.` };
    }
    const direction = last >= first ? 1 : -1;
    for (let frame = first; direction * (last - frame) >= 0; frame += direction * step) {
      frames.add(frame);
    }
  }
  if (frames.size === 0) return { kind: 'unreadable', why: 'The frame list is empty.' };
  return { kind: 'frames', frames: [...frames] };
}

export function frameText(range: FrameRange): string {
  if (range.first === range.last) return String(range.first);
  const text = `${range.first}-${range.last}`;
  return range.step > 1 ? `${text}x${range.step}` : text;
}
