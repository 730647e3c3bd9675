// The main job on the embedded sandbox, from a saved file to frames at home, with every step shown and proven.

import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ActivityView, AgentState, Closure, WaybillView } from '../preload/contract.ts';
import { AgentError, isAbort } from './engine/base/errors.ts';
import { makeFolders } from './engine/base/folders.ts';
import { contractClient, type ContractClient } from './ipc/client.ts';
import { connectSocket } from './ipc/socket.ts';
import { createSceneReader } from './scenes/reader.ts';
import type { LocalPath } from './engine/core/names.ts';
import { startSandbox, superviseAgent } from './supervise.ts';
import { barText, liveLines, secondsText, sizeText, tableText } from './terminal.ts';

export interface DemoOptions {
  readonly json: boolean;
  /** One's own scene; the sample project when absent. */
  readonly scene: string | undefined;
  readonly region: string;
  /** Leaves the studio running when the job is done. */
  readonly keep: boolean;
  /** Leaves the studio's and the agent's folders, too, when all went well. */
  readonly keepFiles: boolean;
  /** Where everything is put; a new folder under the system's temp folder when absent. */
  readonly dir: string | undefined;
  readonly useBlender: boolean;
  readonly signal: AbortSignal;
}

const PROJECT_NAME = 'Demo';
const SAMPLE_SCENE = 'shots/sh010/sh010_lighting.blend';
const INTERVAL_MS = 1_000;
/** Slow enough that arriving can be watched, whatever the size of the scene. */
const TRANSFER_SECONDS = 9;
const LEAST_BANDWIDTH = 100_000;
const STEP_MS = 120_000;
const RENDER_MS = 30 * 60_000;
/** Metadata of one file on its way between sites. */
const METADATA_LIMIT_BYTES = 1024;

const Counters = z.object({
  links: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      payloadBytes: z.number(),
      payloadFiles: z.number(),
      metadataBytes: z.number(),
      metadataItems: z.number(),
    }),
  ),
});
type Links = z.infer<typeof Counters>['links'];

/** Runs the main job and returns whether every proof held. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  const root = await makeRoot(options.dir);
  const told = createTeller(options);
  stack.defer(() => told.end());
  let holds = false;
  // After a failure everything stays, so that the log can be read.
  stack.defer(async () => {
    if (!holds || options.keep || options.keepFiles) return;
    for (const name of ['studio', 'state'])
      await rm(join(root, name), { recursive: true, force: true });
  });

  const { scenePath, projectDir, closure } = await prepareProject(root, options, stack);
  const closureBytes = closure.files.reduce((sum, file) => sum + (file.exists ? file.size : 0), 0);
  const sandbox = stack.use(
    await startSandbox({
      dir: join(root, 'studio'),
      intervalMs: INTERVAL_MS,
      bandwidth: Math.max(LEAST_BANDWIDTH, Math.ceil(closureBytes / TRANSFER_SECONDS)),
      useBlender: options.useBlender,
    }),
  );
  const studio = await readStudio(sandbox.documentPath);
  told.begin({ root, scenePath, blender: studio.renderers.blender });
  const agent = stack.use(
    await superviseAgent({
      args: ['--sandbox', sandbox.documentPath, '--state', join(root, 'state')],
      onRestart: () => told.note('The engine ended unexpectedly and was started again.'),
    }),
  );
  const follower = stack.use(followAgent(agent.socketPath, told, options.signal));
  const until = <T>(step: Promise<T>): Promise<T> => Promise.race([step, agent.failed]);
  const links = async (): Promise<Links> =>
    Counters.parse(await control(sandbox.control, 'counters')).links;

  const project = await until(
    follower.call((client, signal) =>
      client.call('addProject', { dir: projectDir, name: PROJECT_NAME }, { signal }),
    ),
  );
  await until(follower.activity('watched', STEP_MS));
  await until(follower.state('mirrored', (state) => allMirrored(state), STEP_MS));
  await saveAgain(scenePath);
  await until(follower.activity('changed', STEP_MS));
  await until(follower.state('mirrored again', (state) => allMirrored(state), STEP_MS));
  await sleep(INTERVAL_MS * 2, undefined, { signal: options.signal });
  const beforeTag = await links();

  const requestId = randomUUID();
  await until(
    follower.call((client, signal) =>
      client.call(
        'sendScene',
        { requestId, scene: scenePath, region: options.region, submit: true, allowMissing: false },
        { signal },
      ),
    ),
  );
  await makeCollision(sandbox.control, studio, `${project.namespacePath}/lookdev.txt`);
  const waybill = await until(
    follower.state('done', (state) => finished(state.waybills[requestId]), RENDER_MS),
  );
  await until(follower.activity('collision', STEP_MS));
  await until(follower.activity('notified', STEP_MS));

  const state = follower.latest();
  const after = await links();
  const site = state?.regions[waybill.regionId]?.siteName ?? '';
  const checks = provenBy({ beforeTag, after, home: studio.home, site, closureBytes, waybill });
  const frames = await framesIn(projectDir, waybill, state);
  await told.summary({
    waybill,
    checks,
    frames,
    restarts: agent.restarts(),
    closure,
    closureBytes,
  });
  if (options.keep) {
    told.note(
      `The studio stays up until Ctrl-C. In another terminal: npm run waybill -- status --state ${join(root, 'state')}`,
    );
    await new Promise<void>((end) =>
      options.signal.addEventListener('abort', () => end(), { once: true }),
    );
  }
  holds = checks.every((check) => check.holds);
  return holds;
}

async function makeRoot(dir: string | undefined): Promise<string> {
  if (dir === undefined) return realpath(await mkdtemp(join(tmpdir(), 'waybill-demo-')));
  try {
    makeFolders(dir);
    const isEmpty = (await readdir(dir)).length === 0;
    if (isEmpty) return await realpath(dir);
  } catch (error) {
    throw new AgentError('state-not-writable', {
      message: `The folder ${dir} cannot be used for the demo (${error instanceof Error ? error.message : String(error)}). Choose another with --dir.`,
      retry: 'never',
      cause: error,
    });
  }
  throw new AgentError('bad-argument', {
    message: `The folder ${dir} is not empty. Name a new one with --dir, so that nothing of yours is touched.`,
    retry: 'never',
  });
}

/** The project of the demo is always a copy: a person's own files are never written to. */
async function prepareProject(
  root: string,
  options: DemoOptions,
  stack: AsyncDisposableStack,
): Promise<{ scenePath: string; projectDir: string; closure: Closure }> {
  const reader = stack.use(createSceneReader({}));
  const read = (path: string): Promise<Closure> =>
    reader.read(path as LocalPath, { signal: options.signal });
  const projectDir = join(root, 'project');
  if (options.scene === undefined) {
    await cp(sampleDir(), projectDir, { recursive: true, filter: (path) => !path.endsWith('.py') });
    const scenePath = join(projectDir, SAMPLE_SCENE);
    return { scenePath, projectDir, closure: await read(scenePath) };
  }
  const original = await read(resolve(options.scene));
  const files = original.files.filter((file) => file.exists).map((file) => file.path);
  const common = commonFolder(files);
  for (const file of files) {
    const target = join(projectDir, relative(common, file));
    await mkdir(dirname(target), { recursive: true });
    const isFolder = (await stat(file)).isDirectory();
    if (isFolder) await cp(file, target, { recursive: true });
    else await copyFile(file, target, constants.COPYFILE_FICLONE);
  }
  const scenePath = join(projectDir, relative(common, original.scene));
  const closure = await read(scenePath);
  const [lost] = closure.missing;
  if (lost) {
    throw new AgentError('closure-incomplete', {
      message: `${options.scene} needs ${lost.raw}, which is not on disk or only under an absolute path. Add it and try again.`,
      retry: 'never',
    });
  }
  return { scenePath, projectDir, closure };
}

/** `resources` lies beside `main`, and beside `out` once built. */
function sampleDir(): string {
  const isBuilt = import.meta.filename.endsWith('.js');
  return join(import.meta.dirname, isBuilt ? '../../resources/sample' : '../resources/sample');
}

function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0] ?? '/');
  for (const path of paths) {
    while (relative(common, path).startsWith('..')) common = dirname(common);
  }
  return common;
}

/** Saves as a DCC does: a temp file beside the scene, then a rename over it. */
async function saveAgain(path: string): Promise<void> {
  const temp = `${path}@`;
  await writeFile(temp, await readFile(path));
  await rename(temp, path);
}

function allMirrored(state: AgentState): true | null {
  const [project] = Object.values(state.projects);
  const isDone =
    project?.scan.kind === 'scanned' && project.recordsPending === 0 && project.recordsMirrored > 0;
  return isDone ? true : null;
}

function finished(waybill: WaybillView | undefined): WaybillView | null {
  if (waybill?.trouble?.retry === 'never') {
    throw new AgentError('farm-rejected', { message: waybill.trouble.sentence, retry: 'never' });
  }
  return waybill?.step === 'done' ? waybill : null;
}

interface StudioFacts {
  readonly home: string;
  readonly other: string;
  readonly renderers: { readonly blender: string | null };
}

async function readStudio(path: string): Promise<StudioFacts> {
  const document = z
    .object({
      sites: z.array(z.object({ name: z.string(), home: z.boolean() })),
      renderers: z.object({ blender: z.string().nullable() }),
    })
    .parse(JSON.parse(await readFile(path, 'utf8')));
  return {
    home: document.sites.find((site) => site.home)?.name ?? '',
    other: document.sites.findLast((site) => !site.home)?.name ?? '',
    renderers: document.renderers,
  };
}

interface Door {
  readonly url: string;
  readonly token: string;
}

/** Two people at two sites make one name before either site has heard of the other's. */
async function makeCollision(door: Door, studio: StudioFacts, path: string): Promise<void> {
  await control(door, 'fault', { cut: [studio.home, studio.other] });
  await control(door, 'write', { site: studio.home, path, text: 'warmer key light\n' });
  await control(door, 'write', { site: studio.other, path, text: 'cooler key light\n' });
  await control(door, 'fault', { join: [studio.home, studio.other] });
}

async function control(door: Door, name: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${door.url}/${name}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${door.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  if (response.ok) return response.json();
  throw new AgentError('unexpected-answer', {
    message: `The sandbox refused ${name} (status ${response.status}).`,
    retry: 'never',
  });
}

interface Check {
  readonly what: string;
  readonly holds: boolean;
  readonly figure: string;
}

function provenBy(facts: {
  beforeTag: Links;
  after: Links;
  home: string;
  site: string;
  closureBytes: number;
  waybill: WaybillView;
}): Check[] {
  const { beforeTag, after, home, site, closureBytes, waybill } = facts;
  const payloadBefore = beforeTag.reduce((sum, link) => sum + link.payloadBytes, 0);
  const perItem = Math.max(
    0,
    ...beforeTag.map((link) => Math.ceil(link.metadataBytes / Math.max(1, link.metadataItems))),
  );
  const there = after.find((link) => link.from === home && link.to === site)?.payloadBytes ?? 0;
  const elsewhere = after
    .filter((link) => link.from === home && link.to !== site)
    .reduce((sum, link) => sum + link.payloadBytes, 0);
  return [
    {
      what: 'Before the tag no payload had crossed',
      holds: payloadBefore === 0,
      figure: `${payloadBefore} B of payload`,
    },
    {
      what: 'Only metadata had, at most 1 KB per file',
      holds: perItem > 0 && perItem <= METADATA_LIMIT_BYTES,
      figure: `${perItem} B per item`,
    },
    {
      what: `Payload to ${site} equals the closure`,
      holds: there === closureBytes,
      figure: `${there} B of ${closureBytes} B`,
    },
    { what: 'No other site received payload', holds: elsewhere === 0, figure: `${elsewhere} B` },
    {
      what: 'Every frame is home',
      holds: waybill.framesHome > 0 && waybill.framesHome === waybill.framesTotal,
      figure: `${waybill.framesHome} of ${waybill.framesTotal}`,
    },
  ];
}

async function framesIn(
  projectDir: string,
  waybill: WaybillView,
  state: AgentState | null,
): Promise<{ dir: string; names: string[] }> {
  const job = Object.values(state?.jobs ?? {}).find((candidate) => candidate.id === waybill.jobId);
  const dir = job?.outputDir ?? projectDir;
  const names = (await readdir(dir)).filter((name) => !name.startsWith('.'));
  return { dir, names: names.toSorted() };
}

interface Follower extends AsyncDisposable {
  latest(): AgentState | null;
  /** Calls the agent, again after a restart where the agent went away before it answered. */
  call<T>(ask: (client: ContractClient, signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Resolves with the first value that is not null. */
  state<T>(what: string, pick: (state: AgentState) => T | null, withinMs: number): Promise<T>;
  activity(kind: ActivityView['kind'], withinMs: number): Promise<ActivityView>;
}

/** Follows the agent across restarts and tells each line of its log once. */
function followAgent(socketPath: string, told: Teller, outer: AbortSignal): Follower {
  const ended = new AbortController();
  const signal = AbortSignal.any([outer, ended.signal]);
  let client: ContractClient | null = null;
  let latest: AgentState | null = null;
  let lastSeq = 0;
  const seen = new Map<string, ActivityView>();
  const listeners = new Set<() => void>();

  function take(state: AgentState): void {
    latest = state;
    for (const activity of state.activity) {
      if (activity.seq <= lastSeq) continue;
      lastSeq = activity.seq;
      if (!seen.has(activity.kind)) seen.set(activity.kind, activity);
      told.activity(activity);
    }
    told.progress(state);
    for (const listener of listeners) listener();
  }

  async function stayConnected(): Promise<void> {
    while (!signal.aborted) {
      try {
        client = contractClient(await connectSocket(socketPath));
        client.watch(take);
        for (const listener of listeners) listener();
        await client.closed;
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
      }
      client = null;
      await sleep(100, undefined, { signal }).catch((error: unknown) => {
        if (!isAbort(error)) throw error;
      });
    }
  }
  const connection = stayConnected();

  function when<T>(what: string, pick: () => T | null, withinMs: number): Promise<T> {
    return new Promise((resolve_, reject) => {
      const timer = setTimeout(() => {
        end();
        reject(
          new AgentError('connection-timeout', {
            message: `The demo waited ${withinMs / 1000} s for "${what}" in vain. Run it again with --keep and look at the agent's log.`,
            retry: 'never',
          }),
        );
      }, withinMs);
      const onAbort = (): void => {
        end();
        reject(signal.reason as Error);
      };
      function end(): void {
        clearTimeout(timer);
        listeners.delete(look);
        signal.removeEventListener('abort', onAbort);
      }
      function look(): void {
        try {
          const found = pick();
          if (found === null) return;
          end();
          resolve_(found);
        } catch (error) {
          end();
          reject(error as Error);
        }
      }
      listeners.add(look);
      signal.addEventListener('abort', onAbort, { once: true });
      look();
    });
  }

  return {
    latest: () => latest,
    async call(ask) {
      for (;;) {
        const connected = await when('a connection', () => client, STEP_MS);
        try {
          return await ask(connected, signal);
        } catch (error) {
          const wentAway = error instanceof AgentError && error.code === 'agent-not-running';
          if (!wentAway) throw error;
          await sleep(100, undefined, { signal });
        }
      }
    },
    state: (what, pick, withinMs) => when(what, () => (latest ? pick(latest) : null), withinMs),
    activity: (kind, withinMs) => when(kind, () => seen.get(kind) ?? null, withinMs),
    async [Symbol.asyncDispose]() {
      ended.abort();
      client?.close();
      await connection;
    },
  };
}

interface Teller {
  begin(facts: { root: string; scenePath: string; blender: string | null }): void;
  activity(activity: ActivityView): void;
  progress(state: AgentState): void;
  note(sentence: string): void;
  summary(facts: {
    waybill: WaybillView;
    checks: readonly Check[];
    frames: { dir: string; names: readonly string[] };
    restarts: number;
    closure: Closure;
    closureBytes: number;
  }): Promise<void>;
  end(): void;
}

function createTeller(options: DemoOptions): Teller {
  const startedAt = Date.now();
  return options.json ? jsonTeller(startedAt) : terminalTeller(startedAt, options.keep);
}

function jsonTeller(startedAt: number): Teller {
  const write = (line: unknown): void => console.log(JSON.stringify(line));
  return {
    begin: () => undefined,
    activity: ({ kind, at, sentence, files, bytes, proof, subject }) =>
      write({ event: kind, ms: at - startedAt, at, subject, sentence, files, bytes, proof }),
    progress: () => undefined,
    note: (sentence) => console.error(sentence),
    summary: async ({ waybill, checks, frames, restarts, closureBytes, closure }) =>
      write({
        event: 'summary',
        ms: Date.now() - startedAt,
        ok: checks.every((check) => check.holds),
        job: waybill.jobId,
        region: waybill.regionId,
        closure: { files: closure.files.length, bytes: closureBytes },
        frames,
        checks,
        restarts,
        timeline: waybill.timeline,
      }),
    end: () => undefined,
  };
}

function terminalTeller(startedAt: number, keep: boolean): Teller {
  const live = liveLines(process.stdout);
  const since = (at: number): string => secondsText(Math.max(0, at - startedAt)).padStart(7);
  return {
    begin({ root, scenePath, blender }) {
      live.print(`Waybill demo: ${scenePath}`);
      live.print(`Studio, agent and project live in ${root}.`);
      live.print(
        blender === null
          ? 'Blender is not installed: a preview renderer of ours draws the frames instead (CommandLine plug-in).'
          : `Frames are rendered by ${blender}.`,
      );
      live.print('');
    },
    activity({ kind, at, sentence, bytes, proof }) {
      const size = bytes === null ? '' : `  ${sizeText(bytes)}`;
      live.print(`${since(at)}  ${kind.padEnd(12)} ${sentence}${size}`);
      live.print(`${' '.repeat(9)}${' '.repeat(13)}proof: ${proof}`);
    },
    progress: (state) => live.show(progressLines(state)),
    note: (sentence) => live.print(`         ${sentence}`),
    async summary({ waybill, checks, frames, restarts }) {
      live.end();
      const [first] = waybill.timeline;
      const steps = waybill.timeline.map((entry) => [
        entry.step,
        secondsText(entry.at - (first?.at ?? entry.at)),
        entry.proof,
      ]);
      console.log('');
      console.log(
        tableText(
          [{ title: 'Step' }, { title: 'After', align: 'right' }, { title: 'Proof' }],
          steps,
        ),
      );
      console.log('');
      console.log(
        tableText(
          [{ title: 'Check' }, { title: 'Holds' }, { title: 'Figure' }],
          checks.map((check) => [check.what, check.holds ? 'yes' : 'NO', check.figure]),
        ),
      );
      console.log('');
      if (restarts > 0) console.log(`The engine was started again ${restarts} times.`);
      console.log(
        `Job ${waybill.jobId} in ${secondsText(Date.now() - startedAt)}: ${frames.names.length} frames in ${frames.dir}`,
      );
      if (!keep) console.log('The studio has ended; the frames stay there.');
    },
    end: () => live.end(),
  };
}

/** One line per region with something on its way. */
function progressLines(state: AgentState): string[] {
  return Object.values(state.waybills).flatMap((waybill) => {
    if (waybill.step === 'done') return [];
    const region = state.regions[waybill.regionId];
    const transfer = state.transfers[waybill.id];
    const arrived = transfer?.bytesArrived ?? 0;
    const tasks =
      Object.values(state.jobs).find((job) => job.waybillId === waybill.id)?.tasks ?? [];
    const rendered = tasks.filter((task) => task.state === 'completed').length;
    const what =
      waybill.step === 'rendering' || waybill.step === 'released'
        ? `${barText(rendered, tasks.length, 24)} ${rendered} of ${tasks.length} tasks`
        : `${barText(arrived, waybill.bytes, 24)} ${sizeText(arrived)} of ${sizeText(waybill.bytes)}`;
    return [`         ${(region?.name ?? waybill.regionId).padEnd(12)} ${what}  ${waybill.step}`];
  });
}
