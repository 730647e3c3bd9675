// Entry of the sandbox: starts the studio, prints where everything is, and stays until told to stop.

import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { StudioError } from './lock.ts';
import { startStudio } from './studio.ts';

const STOP_MS = 8_000;

const program = new Command('waybill sandbox')
  .description(
    'A whole studio on this machine: three sites, their storage, a bucket and a render farm.',
  )
  .requiredOption('--dir <folder>', 'where the studio lives; the same folder again goes on with it')
  .option('--json', 'print the endpoints as one line of JSON')
  .option('--world <file>', 'JSON file that describes sites, links, volumes and clock')
  .option('--seed <number>', 'seed of names and ids', whole, 1)
  .option('--interval-ms <ms>', 'replication interval of metadata; 5000 if absent', whole)
  .option('--bandwidth <bytes>', 'bytes a second between two sites; 4000000 if absent', whole)
  .option('--port-base <port>', 'first of the ports to use; 0 takes free ones', whole, 0)
  .addOption(
    new Option('--mount <how>', "how a site's files are reached, besides the direct transport")
      .choices(['auto', 'fuse', 'plain', 'none'])
      .default('auto'),
  )
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
  // Given by name: under Electron, commander would take the script's own path for an argument.
  program.parse(process.argv);
  const options = program.opts<{
    dir: string;
    json?: boolean;
    seed: number;
    world?: string;
    intervalMs?: number;
    bandwidth?: number;
    portBase: number;
    mount: 'auto' | 'fuse' | 'plain' | 'none';
    blender: boolean;
    untilStdinCloses?: boolean;
  }>();
  const studio = await startStudio({
    ...options,
    worldPath: options.world,
    useBlender: options.blender,
  });
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    // A part that does not end must not keep a studio alive that nobody wants.
    setTimeout(() => process.exit(1), STOP_MS).unref();
    studio.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`The sandbox did not stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // A pipe closes, a file only ends.
  if (options.untilStdinCloses) process.stdin.once('end', stop).once('close', stop).resume();
  const { dir } = studio.document;
  console.log(
    options.json
      ? JSON.stringify(studio.document)
      : `The sandbox runs in ${dir}; its endpoints are in ${join(dir, 'studio.json')}. Ctrl-C ends it.`,
  );
}

function sentenceFor(error: unknown, dir: string): string {
  if (error instanceof StudioError) return error.message;
  const { code, syscall, port } = error as { code?: string; syscall?: string; port?: number };
  if (syscall === 'listen' && code === 'EADDRINUSE')
    return `Port ${port} is taken. Choose another with --port-base, or leave it out for free ports.`;
  if (syscall === 'listen' && code === 'EACCES')
    return `Port ${port} may not be used by you. Choose one above 1023 with --port-base.`;
  if (syscall !== undefined && code !== undefined)
    return `The folder ${dir} cannot be used for a sandbox (${code} at ${syscall}). Choose another with --dir.`;
  return `The sandbox cannot start: ${error instanceof Error ? error.message : String(error)}`;
}

main().catch((error: unknown) => {
  console.error(sentenceFor(error, program.opts<{ dir?: string }>().dir ?? ''));
  process.exit(1);
});
