// What the shell was told at its start: on the command line, or in the environment.

import { parseArgs } from 'node:util';

export interface ShellOptions {
  /** Start in the tray, without a window. */
  readonly hidden: boolean;
  /** Socket of an agent that somebody else runs; then the shell starts neither engine nor sandbox. */
  readonly agentSocketPath: string | null;
  /** The studio's own description; without one the shell runs the embedded sandbox. */
  readonly studioPath: string | null;
  readonly stateDir: string | null;
}

/** Unknown flags are left alone: Chromium reads the same command line. */
export function shellOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ShellOptions {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    options: {
      hidden: { type: 'boolean' },
      'agent-socket': { type: 'string' },
      studio: { type: 'string' },
      state: { type: 'string' },
    },
  });
  const named = (flag: 'agent-socket' | 'studio' | 'state', variable: string): string | null => {
    const value = values[flag];
    return (typeof value === 'string' ? value : environment[variable]) || null;
  };
  return {
    hidden: values.hidden === true,
    agentSocketPath: named('agent-socket', 'WAYBILL_AGENT_SOCKET'),
    studioPath: named('studio', 'WAYBILL_STUDIO'),
    stateDir: named('state', 'WAYBILL_STATE'),
  };
}
