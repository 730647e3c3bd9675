// `npm test`: builds the app, then runs every suite; arguments go to the test runner.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

function run(args: readonly string[]): boolean {
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (error) console.error(`${args[0]} could not be run: ${error.message}`);
  return status === 0;
}

const vitest = join(root, 'node_modules/vitest/vitest.mjs');
if (!run(['vite.config.ts'])) {
  console.log('The build failed, so nothing was tested.');
  console.log('0 passed, 1 failed, 0 skipped');
  process.exitCode = 1;
} else if (!run([vitest, 'run', ...process.argv.slice(2)])) {
  process.exitCode = 1;
}
