// Entry of the sandbox: starts the studio, prints where everything is, and stays until told to stop.

import { Command, InvalidArgumentError } from 'commander';
import { startStudio } from './studio.ts';

const program = new Command('waybill sandbox')
  .description(
    'A whole studio on this machine: three sites, their storage, a bucket and a render farm.',
  )
  .requiredOption('--dir <folder>', 'where the studio lives; the same folder again goes on with it')
  .option('--json', 'print the endpoints as one line of JSON')
  .option('--seed <number>', 'seed of names and ids', whole, 1)
  .option('--interval-ms <ms>', 'replication interval of metadata', whole, 5_000)
  .option('--bandwidth <bytes>', 'bytes a second between two sites', whole, 4_000_000)
  .option('--port-base <port>', 'first of the ports to use; 0 takes free ones', whole, 0)
  .option('--no-blender', 'run as a machine without Blender')
  .option('--until-stdin-closes', 'also stop when standard input closes')
  .addHelpText('after', '\nExample:\n  waybill sandbox --dir ./studio --json');

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return value;
}

async function main(): Promise<void> {
  program.parse();
  const options = program.opts<{
    dir: string;
    json?: boolean;
    seed: number;
    intervalMs: number;
    bandwidth: number;
    portBase: number;
    blender: boolean;
    untilStdinCloses?: boolean;
  }>();
  const studio = await startStudio({ ...options, useBlender: options.blender });
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    studio.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`The sandbox did not stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  if (options.untilStdinCloses) process.stdin.once('close', stop).resume();
  console.log(
    options.json
      ? JSON.stringify(studio.document)
      : `The sandbox runs in ${options.dir}; its endpoints are in ${options.dir}/studio.json. Ctrl-C ends it.`,
  );
}

main().catch((error: unknown) => {
  const { code, syscall, port, path } = error as {
    code?: string;
    syscall?: string;
    port?: number;
    path?: string;
  };
  const sentence =
    code === 'EADDRINUSE'
      ? `Port ${port} is taken. Choose another with --port-base, or leave it out for free ports.`
      : code === 'EACCES' || code === 'ENOTDIR' || code === 'EROFS' || code === 'EEXIST'
        ? `The folder ${path ?? ''} cannot be written (${code} at ${syscall}). Choose another with --dir.`
        : `The sandbox cannot start: ${error instanceof Error ? error.message : String(error)}`;
  console.error(sentence);
  process.exit(1);
});
