// Whether a process a test started, or one of its children, is still there.

import { readFileSync } from 'node:fs';

/** A process that is over may wait as a zombie for a parent that never asks; that one is not alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
  return process.platform !== 'linux' || stateOf(pid) !== 'Z';
}

/** The letter after the name, which is in brackets and may hold any character. */
function stateOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2)[0] ?? '';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'Z';
    throw error;
  }
}
