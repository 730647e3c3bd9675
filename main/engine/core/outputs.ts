// Which names in an output folder are frames of a job, and which two jobs would write the same ones.

import { parseCollisionName } from './collisions.ts';
import type { NamespacePath } from './names.ts';

export interface Output {
  readonly dir: NamespacePath;
  /** File name with '#' padding, such as 'sh010.####.png'; a renderer adds an extension where it has none. */
  readonly pattern: string;
}

/** True for a frame under its own name; a collision's second name is somebody else's frame. */
export function isFrameOf(pattern: string, name: string): boolean {
  if (parseCollisionName(name) !== null) return false;
  const [before = '', after = ''] = pattern.split(/#+(?!.*#)/);
  const width = pattern.length - before.length - after.length;
  if (width === 0) return name === pattern || stemOf(name) === pattern;
  const hasExtension = /\.[^.#]+$/.test(after);
  const rest = name.startsWith(before) ? name.slice(before.length) : null;
  const match = rest === null ? null : /^-?\d+/.exec(rest);
  if (!match || rest === null || match[0].length < width) return false;
  const tail = rest.slice(match[0].length);
  return tail === after || (!hasExtension && stemOf(`x${tail}`) === `x${after}`);
}

/** Two jobs that write one output would mix their frames, or make twins of them in two regions. */
export function writeSameFrames(a: Output, b: Output): boolean {
  return a.dir === b.dir && a.pattern === b.pattern;
}

function stemOf(name: string): string {
  return name.replace(/\.[^.]+$/, '');
}
