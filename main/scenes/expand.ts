// From one reference to the file names it stands for: tiles, frames, cache files.

/** Where frames are counted: the last group of digits of a name, before its extension when it has one. */
export interface FramePattern {
  readonly before: string;
  readonly digits: string;
  readonly after: string;
}

export function framePattern(name: string): FramePattern | null {
  const dot = name.lastIndexOf('.');
  const stem = dot > 0 ? name.slice(0, dot) : name;
  let end = stem.length;
  while (end > 0 && !isDigit(stem, end - 1)) end -= 1;
  let start = end;
  while (start > 0 && isDigit(stem, start - 1)) start -= 1;
  if (start === end) return null;
  return { before: name.slice(0, start), digits: name.slice(start, end), after: name.slice(end) };
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

/**
 * The frame number of `name` in this pattern, null for another name. Frames are padded to the width of
 * the given one, so a longer number counts only when it needs its digits: fx_7 goes on with fx_10.
 */
export function frameOf(pattern: FramePattern, name: string): number | null {
  const { before, digits, after } = pattern;
  if (name.length < before.length + digits.length + after.length) return null;
  if (!name.startsWith(before) || !name.endsWith(after)) return null;
  const number = name.slice(before.length, name.length - after.length);
  if (!/^\d+$/.test(number)) return null;
  if (number.length > digits.length && number.startsWith('0')) return null;
  return Number(number);
}

/** 'plate.1001-1009, 1012-1013' style text of the frames that are there. */
export function frameRuns(frames: readonly number[]): { first: number; last: number }[] {
  const runs: { first: number; last: number }[] = [];
  for (const frame of frames.toSorted((one, other) => one - other)) {
    const run = runs.at(-1);
    if (run && frame <= run.last + 1) run.last = frame;
    else runs.push({ first: frame, last: frame });
  }
  return runs;
}

/** Frames that lie between the first and the last but are not there, as runs. */
export function gapsBetween(frames: readonly number[]): { first: number; last: number }[] {
  const runs = frameRuns(frames);
  return runs.slice(1).map((run, index) => ({
    first: (runs[index]?.last ?? run.first) + 1,
    last: run.first - 1,
  }));
}

/** The name of one tile. <UDIM> counts from 1001 in rows of ten, <UVTILE> names column and row. */
export function tileName(name: string, tile: number): string {
  if (name.includes('<UDIM>')) return name.replaceAll('<UDIM>', String(tile));
  if (name.includes('<UVTILE>')) {
    const index = Math.max(0, tile - 1001);
    return name.replaceAll('<UVTILE>', `u${(index % 10) + 1}_v${Math.floor(index / 10) + 1}`);
  }
  // Before 3.1 a tiled image held the name of its first tile.
  const pattern = framePattern(name);
  return pattern ? `${pattern.before}${tile}${pattern.after}` : name;
}

/** Whether `name` is a frame of a cache whose files begin with `stem`: 'A_000001_00.bphys' of 'A_'. */
export function isCacheFrame(stem: string, name: string): boolean {
  return (
    name.startsWith(stem) &&
    /^\d{1,12}(?:_\d{1,4})?(?:\.\w{1,8}){1,2}$/.test(name.slice(stem.length))
  );
}
