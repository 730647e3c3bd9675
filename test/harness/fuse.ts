// Whether this machine can mount, told to tests that need it: they skip with the reason, or fail where nothing may be skipped.

import { accessSync, constants } from 'node:fs';
import { spawnSync } from 'node:child_process';

/** Null when a FUSE mount can be made here, else what is missing and how to get it. */
export function whyNoFuse(): string | null {
  const why = missing();
  if (why !== null && process.env['WAYBILL_REQUIRE_ALL'] === '1')
    throw new Error(`FUSE is required here: ${why}`);
  return why;
}

function missing(): string | null {
  if (process.platform !== 'linux') return 'mounts are made on Linux only';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return '/dev/fuse is missing or may not be used';
  }
  for (const [command, debian] of [
    ['fusermount3', 'fuse3'],
    ['python3', 'python3'],
  ] as const)
    if (spawnSync(command, ['-V'], { stdio: 'ignore' }).error)
      return `${command} is missing: apt install ${debian}`;
  return null;
}
