// Deadline's frame-list text: '1-10', '1-10x2', '1-10:2', '5 7,9', descending ranges.

export function framesOf(text: string): number[] {
  const frames: number[] = [];
  for (const part of text.split(/[\s,]+/).filter((piece) => piece !== '')) {
    const match = /^(-?\d+)(?:-(-?\d+)(?:(?:x|step|by|every|:)(\d+))?)?$/.exec(part);
    if (!match) throw new Error(`Error parsing frame list "${text}"`);
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    const step = Math.max(1, Number(match[3] ?? 1));
    if (Math.abs(last - first) / step > 100_000)
      throw new Error(`The frame list "${text}" is too long`);
    const sign = last >= first ? 1 : -1;
    for (let frame = first; sign * (last - frame) >= 0; frame += sign * step) frames.push(frame);
  }
  return [...new Set(frames)];
}

/** Tasks of `chunk` frames each; the text always has a dash, also for one frame (captured documents). */
export function tasksOf(frames: readonly number[], chunk: number): string[] {
  const tasks: string[] = [];
  for (let at = 0; at < frames.length; at += chunk) {
    const part = frames.slice(at, at + chunk);
    tasks.push(`${part[0]}-${part.at(-1)}`);
  }
  return tasks;
}
