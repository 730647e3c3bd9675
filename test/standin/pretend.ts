// Makes a Node process look like one of Electron's, in what libraries and our own code go by.

import childProcess, { type ForkOptions } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

/** What they were before the pretence: for the stand-in's own use. */
export const nodePath = process.execPath;
export const plainFork = childProcess.fork;

/** Electron's fork runs its own executable as Node; a plain spawn of it would start the app again. */
export function pretendElectron(): void {
  Object.defineProperty(process, 'versions', {
    value: { ...process.versions, electron: '45.4.1' },
    enumerable: true,
  });
  process.execPath = join(import.meta.dirname, 'executable.sh');
  childProcess.fork = forkAsNode as typeof plainFork;
  syncBuiltinESMExports();
}

function forkAsNode(
  module: string | URL,
  args: readonly string[] | ForkOptions = [],
  options: ForkOptions = {},
): childProcess.ChildProcess {
  if (!Array.isArray(args)) return forkAsNode(module, [], args as ForkOptions);
  const env = { ...(options.env ?? process.env), ELECTRON_RUN_AS_NODE: '1' };
  return plainFork(module, args, { ...options, env });
}
