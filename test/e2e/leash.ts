// Runs a command that must not outlive the tests: it ends with this process's standard input, however the tests ended.

import { spawn } from 'node:child_process';

const [command = '', ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
const end = (): void => void child.kill('SIGTERM');

process.stdin.once('close', end).resume();
process.once('SIGTERM', end);
child.once('error', (error) => {
  console.error(error.message);
  process.exit(127);
});
child.once('exit', (code) => process.exit(code ?? 1));
