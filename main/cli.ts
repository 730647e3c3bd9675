#!/usr/bin/env node
// The command line: all that the window can do, over the same contract.

import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import type { AgentState, WaybillView } from '../preload/contract.ts';
import { AgentError, isAbort } from './engine/base/errors.ts';
import { contractClient, type ContractClient } from './ipc/client.ts';
import { defaultSocketPath, defaultStateDir } from './ipc/paths.ts';
import { connectSocket } from './ipc/socket.ts';
import { liveLines, sizeText, tableText } from './terminal.ts';
import { VERSION } from './version.ts';

const EXIT_FAILED = 1;
const EXIT_BAD_INPUT = 2;

const ended = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());

const program = new Command('waybill')
  .description(
    "Gets an artist's scene to the region that will render it, and renders it there once.",
  )
  .version(VERSION)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .option('--state <dir>', 'state folder of the agent to talk to')
  .option('--socket <path>', 'its local socket, when it is not the usual one');

program
  .command('demo')
  .description('run the main job on the embedded sandbox studio, with every step proven')
  .option('--json', 'print events as lines of JSON')
  .option(
    '--scene <file>',
    'a scene of your own instead of the sample (it is copied, never changed)',
  )
  .option('--region <region>', 'where to render', 'us-west-2')
  .option('--dir <folder>', 'where to put everything; a new folder under the temp folder if absent')
  .option('--keep', 'leave the studio running when the job is done')
  .option('--keep-files', "leave the studio's and the agent's folders for a look")
  .option('--no-blender', 'run as a machine without Blender')
  .action(
    async (options: {
      json?: true;
      scene?: string;
      region: string;
      dir?: string;
      keep?: true;
      keepFiles?: true;
      blender: boolean;
    }) => {
      const { runDemo } = await import('./demo.ts');
      const isProven = await runDemo({
        json: options.json ?? false,
        scene: options.scene,
        region: options.region,
        dir: options.dir,
        keep: options.keep ?? false,
        keepFiles: options.keepFiles ?? false,
        useBlender: options.blender,
        signal: ended.signal,
      });
      if (!isProven) process.exitCode = EXIT_FAILED;
    },
  );

program
  .command('start')
  .description('open the app, or its window in the browser where there is no display')
  .option('--studio <file>', 'waybill.studio.json of your studio; the embedded sandbox if absent')
  .option('--browser', 'use the browser in any case')
  .action(async (options: { studio?: string; browser?: true }) => {
    const { runStart } = await import('./start.ts');
    await runStart({
      studio: options.studio,
      stateDir: program.opts<{ state?: string }>().state,
      browser: options.browser ?? false,
      signal: ended.signal,
    });
  });

program
  .command('agent [options...]')
  .description('run the engine without a window, for a service or a headless workstation');

program.command('sandbox [options...]').description('run the studio in a box');

program
  .command('closure')
  .description('list what a scene needs to render, read from its bytes; needs no agent')
  .argument('<scene>')
  .option('--json', 'print JSON')
  .option('--root <dir...>', 'look nowhere outside these folders')
  .action(async (scene: string, options: { json?: true; root?: string[] }) => {
    const { createSceneReader } = await import('./scenes/reader.ts');
    await using reader = createSceneReader({
      roots: options.root?.map((root) => resolve(root)) ?? null,
    });
    const path = resolve(scene) as Parameters<typeof reader.read>[0];
    const closure = await reader.read(path, { signal: ended.signal }).catch((error: unknown) => {
      if (error instanceof AgentError) throw new BadInput(error.message);
      throw error;
    });
    if (options.json) return print(closure);
    const rows = closure.files.map((file) => [
      file.kind,
      file.exists ? sizeText(file.size) : 'missing',
      file.path,
    ]);
    console.log(
      tableText([{ title: 'Kind' }, { title: 'Size', align: 'right' }, { title: 'File' }], rows),
    );
    for (const missing of closure.missing)
      console.log(`Missing: ${missing.raw} (wanted by ${missing.via})`);
    for (const warning of closure.warnings) console.log(`Note: ${warning}`);
  });

const watch = program.command('watch').description('the project folders that are watched');

watch
  .command('add')
  .description('watch a project folder')
  .argument('<dir>')
  .option('--name <name>', 'its name in the namespace; the name of the folder if absent')
  .option('--json', 'print JSON')
  .action((dir: string, options: { name?: string; json?: true }) =>
    withAgent(async (agent) => {
      const project = await agent.call('addProject', { dir: resolve(dir), name: options.name });
      if (options.json) print(project);
      else
        console.log(`${project.name} is watched; in the namespace it is ${project.namespacePath}.`);
    }),
  );

watch
  .command('list')
  .description('list the projects')
  .option('--json', 'print JSON')
  .action((options: { json?: true }) =>
    withState((state) => {
      const projects = Object.values(state.projects);
      if (options.json) return print(projects);
      if (projects.length === 0)
        return console.log('No project yet. Add one with "waybill watch add DIR".');
      console.log(
        tableText(
          [
            { title: 'Project' },
            { title: 'Files', align: 'right' },
            { title: 'Records' },
            { title: 'Folder' },
            { title: 'Id' },
          ],
          projects.map(({ name, scan, recordsMirrored, recordsPending, dir, id }) => [
            name,
            scan.kind === 'scanned' ? String(scan.files) : scan.kind,
            `${recordsMirrored} mirrored, ${recordsPending} waiting`,
            dir,
            id,
          ]),
        ),
      );
    }),
  );

watch
  .command('remove')
  .description('stop watching a project; its files and what is in the namespace stay')
  .argument('<project>', 'id, name or folder')
  .action((wanted: string) =>
    withAgent(async (agent, state) => {
      const project = findProject(state, wanted);
      await agent.call('removeProject', { projectId: project.id });
      console.log(`${project.name} is not watched any more.`);
    }),
  );

watch
  .command('check')
  .description('compare a project with its folder now')
  .argument('<project>', 'id, name or folder')
  .option('--json', 'print JSON')
  .action((wanted: string, options: { json?: true }) =>
    withAgent(async (agent, state) => {
      const project = await agent.call('checkProject', {
        projectId: findProject(state, wanted).id,
      });
      if (options.json) return print(project);
      console.log(
        project.scan.kind === 'scanned'
          ? `${project.name}: ${project.scan.files} files, ${sizeText(project.scan.bytes)}.`
          : `${project.name}: ${project.scan.kind === 'unreadable' ? project.scan.why : 'still scanning'}`,
      );
    }),
  );

for (const [name, submit, description] of [
  ['tag', false, 'tag a scene and all it needs for a region'],
  ['submit', true, 'tag a scene and submit its job, held until its data is there'],
] as const) {
  const command = program
    .command(name)
    .description(description)
    .argument('<scene>')
    .requiredOption('--region <region>', 'id or name of the region')
    .option('--allow-missing', 'although files of the scene are missing')
    .option('--wait', 'stay until it is ready, or rendered')
    .option('--json', 'print JSON');
  if (submit)
    command.option('--frames <list>', "frames such as 1-10x2,20; the scene's own if absent");
  command.action((scene: string, options: SendOptions) => send(scene, submit, options));
}

program
  .command('waybills')
  .description('list what is on its way, ready or done')
  .option('--json', 'print JSON')
  .action((options: { json?: true }) =>
    withState((state) => {
      const waybills = Object.values(state.waybills);
      if (options.json) return print(waybills);
      if (waybills.length === 0)
        return console.log('No waybill yet. Send a scene with "waybill submit SCENE --region R".');
      const rows = waybills.map((waybill) => [
        waybill.sceneName,
        waybill.regionId,
        waybill.cancelled ? 'cancelled' : waybill.step,
        `${waybill.framesHome} of ${waybill.framesTotal}`,
        waybill.trouble?.sentence ?? '',
        waybill.id,
      ]);
      console.log(
        tableText(
          ['Scene', 'Region', 'Step', 'Frames home', 'Trouble', 'Id'].map((title) => ({ title })),
          rows,
        ),
      );
    }),
  );

program
  .command('cancel')
  .description('cancel a waybill: its marks and its held job are taken back')
  .argument('<waybill>')
  .action((waybillId: string) =>
    withAgent(async (agent) => {
      const waybill = await agent.call('cancelWaybill', { waybillId });
      console.log(`${waybill.sceneName} to ${waybill.regionId} is cancelled.`);
    }),
  );

program
  .command('retry')
  .description('try again now what stands still')
  .argument('<waybill>')
  .action((waybillId: string) =>
    withAgent(async (agent) => {
      const waybill = await agent.call('retryWaybill', { waybillId });
      console.log(`${waybill.sceneName} to ${waybill.regionId} is tried again.`);
    }),
  );

program
  .command('jobs')
  .description('list the farm jobs of your waybills')
  .option('--json', 'print JSON')
  .action((options: { json?: true }) =>
    withState((state) => {
      const jobs = Object.values(state.jobs);
      if (options.json) return print(jobs);
      if (jobs.length === 0) return console.log('No job yet.');
      const rows = jobs.map((job) => [job.name, job.state, job.group, job.why, job.id]);
      console.log(
        tableText(
          ['Job', 'State', 'Group', 'Why', 'Id'].map((title) => ({ title })),
          rows,
        ),
      );
    }),
  );

program
  .command('collisions')
  .description('list names that two sites made for different things')
  .option('--json', 'print JSON')
  .option('--all', 'settled ones too')
  .action((options: { json?: true; all?: true }) =>
    withState((state) => {
      const collisions = Object.values(state.collisions).filter(
        (one) => options.all || !one.settled,
      );
      if (options.json) return print(collisions);
      if (collisions.length === 0) return console.log('No collision.');
      for (const collision of collisions) {
        console.log(`${collision.path}  (${collision.kind}, ${collision.id})`);
        for (const side of collision.sides) console.log(`  ${side.site}: ${side.shownName}`);
        console.log(`  ${collision.consequence}`);
      }
    }),
  );

program
  .command('settle')
  .description('mark a collision as settled by you')
  .argument('<collision>')
  .action((collisionId: string) =>
    withAgent(async (agent) => {
      await agent.call('settleCollision', { collisionId });
      console.log('Marked as settled.');
    }),
  );

program
  .command('log')
  .description('what happened, each line with its proof')
  .option('--json', 'print lines of JSON')
  .option('--limit <n>', 'newest lines to show', whole, 50)
  .action((options: { json?: true; limit: number }) =>
    withState((state) => {
      for (const line of state.activity.slice(-options.limit)) {
        if (options.json) print(line);
        else
          console.log(
            `${new Date(line.at).toLocaleTimeString()}  ${line.kind.padEnd(12)} ${line.sentence}  [${line.proof}]`,
          );
      }
    }),
  );

program
  .command('ledger')
  .description('the durable record of intents and what became of them')
  .option('--json', 'print JSON')
  .option('--limit <n>', 'newest rows to show', whole, 50)
  .action((options: { json?: true; limit: number }) =>
    withAgent(async (agent) => {
      const rows = await agent.call('ledger', { limit: options.limit });
      if (options.json) return print(rows);
      console.log(
        tableText(
          ['Kind', 'State', 'Subject', 'Proof'].map((title) => ({ title })),
          rows.map((row) => [row.kind, row.state, row.subject, row.proof ?? '']),
        ),
      );
    }),
  );

program
  .command('status')
  .description('one glance: projects, waybills, what is wrong')
  .option('--json', 'print the whole state as JSON')
  .action((options: { json?: true }) =>
    withState((state) => {
      if (options.json) return print(state);
      const waybills = Object.values(state.waybills).filter(
        (one) => !one.cancelled && one.step !== 'done',
      );
      const { agent } = state;
      console.log(
        `${agent.studio.name}, ${agent.user} at ${agent.workstation}${agent.paused ? ', paused' : ''}.`,
      );
      console.log(
        `${Object.keys(state.projects).length} projects, ${Object.keys(state.scenes).length} scenes, ${waybills.length} on their way.`,
      );
      for (const item of Object.values(state.health))
        console.log(`${item.severity}: ${item.sentence}`);
      if (Object.keys(state.health).length === 0) console.log('All is well.');
    }),
  );

program
  .command('pause')
  .description("stop new requests; Hammerspace's own movers go on")
  .option('--minutes <n>', 'for this long; until resumed if absent', whole)
  .action((options: { minutes?: number }) =>
    withAgent(async (agent) => {
      await agent.call('pause', { forMinutes: options.minutes ?? null });
      console.log(
        "Paused: nothing new is asked for. What Hammerspace's movers carry already goes on.",
      );
    }),
  );

program
  .command('resume')
  .description('go on after a pause')
  .action(() =>
    withAgent(async (agent) => {
      await agent.call('resume', {});
      console.log('Going on.');
    }),
  );

program
  .command('open')
  .description('print a link that opens the window once in a browser of this machine')
  .action(() =>
    withAgent(async (agent) => {
      const { url } = await agent.call('browserLink', {});
      if (url !== null) return console.log(url);
      throw new BadInput(
        'This agent serves no browser. Start it with "waybill agent --http", or use the app.',
      );
    }),
  );

program
  .command('stop')
  .description('end the agent')
  .action(() =>
    withAgent(async (agent) => {
      await agent.call('shutdown', {});
      console.log('The agent ends.');
    }),
  );

interface SendOptions {
  readonly region: string;
  readonly allowMissing?: true;
  readonly wait?: true;
  readonly json?: true;
  readonly frames?: string;
}

function send(scene: string, submit: boolean, options: SendOptions): Promise<void> {
  return withAgent(async (agent) => {
    const waybill = await agent.call(
      'sendScene',
      {
        requestId: randomUUID(),
        scene: resolve(scene),
        region: options.region,
        submit,
        allowMissing: options.allowMissing ?? false,
        frames: options.frames,
      },
      { signal: ended.signal },
    );
    const end = options.wait ? await waitFor(agent, waybill.id) : waybill;
    if (options.json) return print(end);
    console.log(
      options.wait
        ? `${end.sceneName} is ${end.step} in ${end.regionId}.`
        : `${end.sceneName}: ${end.files} files, ${sizeText(end.bytes)}, on the way to ${end.regionId}. Follow it with "waybill waybills".`,
    );
  });
}

/** Follows a waybill to its end, with one live line; gives up where it needs a person. */
async function waitFor(agent: ContractClient, waybillId: string): Promise<WaybillView> {
  const live = liveLines(process.stderr);
  try {
    return await new Promise<WaybillView>((resolveEnd, reject) => {
      ended.signal.addEventListener('abort', () => reject(ended.signal.reason as Error), {
        once: true,
      });
      void agent.closed.then(() =>
        reject(new BadInput('The agent went away. The waybill goes on when it is back.')),
      );
      agent.watch((state) => {
        const waybill = state.waybills[waybillId];
        if (!waybill) return;
        const arrived = state.transfers[waybillId]?.bytesArrived ?? 0;
        live.show([
          `${waybill.step}: ${sizeText(arrived)} of ${sizeText(waybill.bytes)}  ${waybill.trouble?.sentence ?? ''}`,
        ]);
        const { trouble } = waybill;
        if (waybill.cancelled) reject(new BadInput('The waybill was cancelled.'));
        else if (trouble?.retry === 'never') reject(new BadInput(trouble.sentence));
        else if (waybill.step === 'done' || (!waybill.submit && waybill.step === 'ready'))
          resolveEnd(waybill);
      });
    });
  } finally {
    live.end();
  }
}

/** Connects, runs, and lets go; the first state is there when `run` starts. */
async function withAgent(
  run: (agent: ContractClient, state: AgentState) => Promise<void>,
): Promise<void> {
  const options = program.opts<{ state?: string; socket?: string }>();
  const path =
    options.socket ??
    defaultSocketPath(options.state === undefined ? defaultStateDir() : resolve(options.state));
  const agent = contractClient(await connectSocket(path));
  try {
    const first = await new Promise<AgentState>((resolveState, reject) => {
      agent.watch(resolveState);
      void agent.closed.then(() =>
        reject(new BadInput('The agent went away before it answered. Try again.')),
      );
    });
    await run(agent, first);
  } finally {
    agent.close();
  }
}

function withState(show: (state: AgentState) => void): Promise<void> {
  return withAgent(async (_agent, state) => show(state));
}

function findProject(state: AgentState, wanted: string): AgentState['projects'][string] {
  const dir = resolve(wanted);
  const found = Object.values(state.projects).filter(
    (project) => project.id === wanted || project.name === wanted || project.dir === dir,
  );
  const [project] = found;
  if (project && found.length === 1) return project;
  throw new BadInput(
    project
      ? `${found.length} projects are called "${wanted}". Use the id from "waybill watch list".`
      : `There is no project "${wanted}". "waybill watch list" shows them.`,
  );
}

/** Wrong input, told in its own sentence and with its own exit code. */
class BadInput extends Error {}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Give a whole number above 0.');
}

function print(value: unknown): void {
  console.log(JSON.stringify(value));
}

function reportFailure(error: unknown): void {
  // Commander has printed its own sentence already.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_BAD_INPUT;
    return;
  }
  process.exitCode = error instanceof BadInput ? EXIT_BAD_INPUT : EXIT_FAILED;
  if (isAbort(error)) console.error('Stopped.');
  else if (error instanceof BadInput || error instanceof AgentError) console.error(error.message);
  else console.error(`Waybill failed: ${error instanceof Error ? error.message : String(error)}`);
}

/** These two parse their own options, which partly bear the names of ours. */
const OWN_PARSERS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  async agent(args) {
    const { runAgent } = await import('./agent.ts');
    await runAgent(args);
  },
  async sandbox(args) {
    const { runSandbox } = await import('./supervise.ts');
    process.exitCode = await runSandbox(args, ended.signal);
  },
};

const [first = '', ...rest] = process.argv.slice(2);
const own = Object.hasOwn(OWN_PARSERS, first) ? OWN_PARSERS[first] : undefined;
await (own ? own(rest) : program.parseAsync()).catch(reportFailure);
