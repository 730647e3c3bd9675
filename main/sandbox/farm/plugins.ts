// What the workers can run: one function per plug-in, keys of PluginInfo as in reference §3.2.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderWithBlender } from './blender.ts';
import { TaskError, type PluginRun } from './plugin-run.ts';
import { folderJobOf, makeDirectories } from './make-directories.ts';

/** Plug-ins of this farm's repository that its workers can run. */
export function pluginNames(renderers: PluginRun['place']['renderers']): string[] {
  return [
    ...(renderers.blender === null ? [] : ['Blender']),
    'CommandLine',
    'CommandScript',
    'DeadlineCommand',
    ...(renderers.python ? ['Python'] : []),
  ];
}

export async function runPlugin(run: PluginRun): Promise<void> {
  const { blender, python } = run.place.renderers;
  switch (run.job.Plug) {
    case 'Blender':
      if (blender !== null) return renderWithBlender(run, blender);
      break;
    case 'CommandLine':
      return commandLine(run);
    case 'CommandScript':
      return commandScript(run);
    case 'DeadlineCommand':
      return deadlineCommand(run);
    case 'Python':
      if (python) return pythonScript(run, python);
      break;
    default:
  }
  throw new TaskError(`The plugin ${run.job.Plug} is not installed on ${run.place.name}.`);
}

interface Ends {
  readonly first: number;
  readonly last: number;
}

async function commandLine(run: PluginRun): Promise<void> {
  const { Executable = '', Arguments = '' } = run.info;
  for (const ends of framesOf(run, false)) {
    if (isOn(run.info['ShellExecute']))
      await inShell(run, `${Executable} ${filled(run, Arguments, ends)}`);
    else
      await succeed(
        run,
        run.hostPath(Executable),
        argumentsOf(filled(run, Arguments, ends)).map((each) => argumentPath(run, each)),
      );
  }
}

/** The commands are the lines of the first auxiliary file. */
async function commandScript(run: PluginRun): Promise<void> {
  const script = run.job.Aux[0];
  if (script === undefined) throw new TaskError('The job has no auxiliary file with its commands.');
  const text = await readFile(join(run.place.auxDir, script), 'utf8');
  for (const ends of framesOf(run, true)) {
    for (const line of text.split(/\r?\n/).filter((each) => each.trim() !== '')) {
      const command = filled(run, line, ends);
      if (isOn(run.info['ShellExecute'])) await inShell(run, command);
      else {
        const [executable = '', ...args] = argumentsOf(command).map((each) =>
          argumentPath(run, each),
        );
        await succeed(run, run.hostPath(executable), args);
      }
    }
  }
}

async function pythonScript(run: PluginRun, python: string): Promise<void> {
  const { ScriptFile = '', Arguments = '' } = run.info;
  const script =
    ScriptFile === '' ? join(run.place.auxDir, run.job.Aux[0] ?? '') : run.payloadPath(ScriptFile);
  for (const ends of framesOf(run, false))
    await succeed(run, python, [
      '-u',
      script,
      ...argumentsOf(filled(run, Arguments, ends)).map((each) => argumentPath(run, each)),
    ]);
}

/** Deadline's own interpreter is not here; the one script that is known is done by the worker itself. */
async function deadlineCommand(run: PluginRun): Promise<void> {
  const folders = folderJobOf(run.info['Arguments'] ?? '');
  if (run.job.Aux[0] !== 'createFolders.py' || !folders)
    throw new TaskError(
      `DeadlineCommand cannot run "${run.job.Aux[0] ?? ''}" on ${run.place.name}.`,
    );
  await makeDirectories(folders, {
    log: run.log,
    signal: run.signal,
    pathOf: run.payloadPath,
    sendTimes: (directory) => run.place.sendTimes(directory),
  });
  run.log.info('Process exit code: 0');
}

/** Each frame of the task by itself where only single frames are wanted, else the task at once. */
function framesOf({ info, first, last }: PluginRun, isSingleByDefault: boolean): Ends[] {
  const asked = info['SingleFramesOnly'] ?? info['SingleFrameOnly'] ?? '';
  const isSingle = asked === '' ? isSingleByDefault : isOn(asked);
  return isSingle
    ? Array.from({ length: last - first + 1 }, (_, at) => ({ first: first + at, last: first + at }))
    : [{ first, last }];
}

function isOn(value: string | undefined): boolean {
  return /^true$/i.test(value ?? '');
}

async function inShell(run: PluginRun, command: string): Promise<void> {
  const shells: Readonly<Record<string, string>> = {
    '': '/bin/sh',
    default: '/bin/sh',
    sh: '/bin/sh',
    bash: '/bin/bash',
  };
  const name = (run.info['Shell'] ?? '').toLowerCase();
  const shell = Object.hasOwn(shells, name) ? shells[name] : undefined;
  if (shell === undefined)
    throw new TaskError(`The shell "${name}" does not exist on ${run.place.name}.`);
  await succeed(run, shell, ['-c', run.rooted(command)]);
}

async function succeed(run: PluginRun, executable: string, args: readonly string[]): Promise<void> {
  const result = await run.spawned(executable, args);
  if (result.code !== 0)
    throw new TaskError(
      run.localised(lastLine(result.log)) || `the command exited with code ${result.code}.`,
    );
}

function filled(run: PluginRun, text: string, ends: Ends): string {
  return text
    .replace(/<(START|END)FRAME(?:%(\d{1,2}))?>/gi, (_match, which: string, width?: string) =>
      String(which.toUpperCase() === 'START' ? ends.first : ends.last).padStart(
        Number(width ?? 0),
        '0',
      ),
    )
    .replace(/<AUXFILE(\d{1,2})>/gi, (_match, at: string) =>
      join(run.place.auxDir, run.job.Aux[Number(at)] ?? ''),
    )
    .replace(/<QUOTE>/gi, '"');
}

function argumentsOf(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

function argumentPath(run: PluginRun, argument: string): string {
  return /^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(argument) ? run.hostPath(argument) : argument;
}

function lastLine(log: string): string {
  return log.trim().split('\n').at(-1) ?? '';
}
