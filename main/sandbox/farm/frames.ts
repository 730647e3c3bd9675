// Deadline's frame-list text: '1-10', '1-10x2', '1-10:2', '1-10 step 2', '1:10:2', '5 7,9', descending ranges.

const MAX_FRAMES = 100_000;

export function framesOf(text: string): number[] {
  const frames: number[] = [];
  const spelled = text.replace(/\s*(?:step|by|every|x)\s*/gi, 'x');
  for (const part of spelled.split(/[\s,]+/).filter((piece) => piece !== '')) {
    const match = /^(-?\d{1,9})(?:[-:](-?\d{1,9})(?:[x:](\d{1,9}))?)?$/.exec(part);
    if (!match) throw new Error(`Error parsing frame list "${text}"`);
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    const step = Math.max(1, Number(match[3] ?? 1));
    if (frames.length + Math.abs(last - first) / step > MAX_FRAMES)
      throw new Error(`The frame list "${text.slice(0, 100)}" is too long`);
    const sign = last >= first ? 1 : -1;
    for (let frame = first; sign * (last - frame) >= 0; frame += sign * step) frames.push(frame);
  }
  return [...new Set(frames)];
}

/**
 * Tasks of up to `chunk` frames; the text always has a dash, also for one frame (captured documents).
 * A task ends at a gap, so that its text never names a frame nobody asked for (assumed).
 */
export function tasksOf(frames: readonly number[], chunk: number): string[] {
  const tasks: string[] = [];
  let part: number[] = [];
  const close = (): void => {
    if (part.length > 0) tasks.push(`${part[0]}-${part.at(-1)}`);
    part = [];
  };
  for (const frame of frames) {
    const before = part.at(-1);
    if (part.length >= chunk || (before !== undefined && frame !== before + 1)) close();
    part.push(frame);
  }
  close();
  return tasks;
}

/** First and last frame of a task's text. */
export function endsOf(text: string): { first: number; last: number } {
  const match = /^(-?\d+)-(-?\d+)$/.exec(text);
  return { first: Number(match?.[1] ?? 0), last: Number(match?.[2] ?? 0) };
}
