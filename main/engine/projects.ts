// The projects an artist works in: watched, listed, mirrored as records, and their scenes read.

import { createHash } from 'node:crypto';
import { AgentError, isAbort, sentenceOf } from './base/errors.ts';
import { untilDone } from './base/retry.ts';
import { clearHealth, setHealth, tell, type EngineContext } from './context.ts';
import { closureTotals, type Closure } from './core/closure.ts';
import { baseNameOf, localPathOf, relativeInside } from './core/paths.ts';
import type { LocalPath, NamespacePath, ProjectId, SceneId } from './core/names.ts';
import type { ProjectRow, RecordRow } from './services/ledger.ts';
import { mirrorBatch } from './services/mirror.ts';
import { listFolder, scanProject } from './services/scan.ts';
import { watchProject } from './services/watch.ts';
import type { ProjectView, SceneView } from './state.ts';

const RECONCILE_MS = 60_000;
const MIRROR_IDLE_MS = 5_000;

export interface Projects extends AsyncDisposable {
  open(row: ProjectRow): void;
  close(projectId: string): Promise<void>;
  check(projectId: string, signal: AbortSignal): Promise<void>;
  /** The project a local path lies in. */
  holding(path: string): ProjectRow | null;
  /** Reads a scene's closure now, or gives the one just read of the same file. */
  closureOf(scenePath: string, signal: AbortSignal): Promise<Closure>;
}

interface OpenProject {
  readonly row: ProjectRow;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  wakeMirror(): void;
  reconcile(signal: AbortSignal): Promise<void>;
}

export function createProjects(context: EngineContext): Projects {
  const open = new Map<string, OpenProject>();
  const readings = createReadings(context);

  return {
    open(row) {
      const project = openProject(context, row, readings);
      open.set(row.id, project);
    },
    async close(projectId) {
      const project = open.get(projectId);
      open.delete(projectId);
      project?.stop.abort();
      await project?.done;
      for (const scene of Object.values(context.store.get().scenes)) {
        if (scene.projectId === projectId) context.store.put('scenes', scene.id, undefined);
      }
      context.store.put('projects', projectId, undefined);
    },
    async check(projectId, signal) {
      await open.get(projectId)?.reconcile(signal);
    },
    holding(path) {
      for (const project of open.values()) {
        if (relativeInside(project.row.dir, path) !== null) return project.row;
      }
      return null;
    },
    closureOf: (scenePath, signal) => readings.read(scenePath as LocalPath, signal),
    async [Symbol.asyncDispose]() {
      for (const project of open.values()) project.stop.abort();
      await Promise.all([...open.values()].map((project) => project.done));
    },
  };
}

function openProject(context: EngineContext, row: ProjectRow, readings: Readings): OpenProject {
  const { clock, log, files } = context.ports;
  const dir = row.dir as LocalPath;
  const stop = new AbortController();
  let wake = new AbortController();
  let listing: Promise<void> | null = null;

  function show(change: Partial<ProjectView>): void {
    const counts = context.ledger.recordCounts(row.id);
    const before = context.store.get().projects[row.id];
    context.store.put('projects', row.id, {
      id: row.id as ProjectId,
      name: row.name,
      dir: row.dir,
      namespacePath: row.namespacePath,
      scan: before?.scan ?? { kind: 'scanning', filesSeen: 0 },
      ...change,
      recordsPending: counts.pending,
      recordsMirrored: counts.mirrored,
    });
  }

  /** Two callers share one listing: the same question asked twice has one answer. */
  function reconcile(signal: AbortSignal): Promise<void> {
    listing ??= listAll(signal).finally(() => {
      listing = null;
    });
    return listing;
  }

  async function listAll(signal: AbortSignal): Promise<void> {
    const first = context.store.get().projects[row.id]?.scan.kind !== 'scanned';
    if (first) show({ scan: { kind: 'scanning', filesSeen: 0 } });
    try {
      await assertSameVolume(context, row, signal);
      const scan = await scanProject(files, dir, {
        signal,
        onProgress: (filesSeen) => {
          if (first && filesSeen % 500 === 0) show({ scan: { kind: 'scanning', filesSeen } });
        },
      });
      noteFiles(scan.files, 'reconcile');
      showScenes(scan.files, scan.unreadable.length === 0);
      clearHealth(context, 'project-unreadable', row.id);
      for (const folder of scan.unreadable) reportUnreadable(folder.why);
      const bytes = scan.files.reduce((sum, file) => sum + file.size, 0);
      show({ scan: { kind: 'scanned', files: scan.files.length, bytes, at: clock.now() } });
    } catch (error) {
      if (isAbort(error)) throw error;
      reportUnreadable(sentenceOf(error));
      show({ scan: { kind: 'unreadable', why: sentenceOf(error) } });
    }
  }

  function reportUnreadable(why: string): void {
    setHealth(context, {
      code: 'project-unreadable',
      subject: row.id,
      severity: 'error',
      sentence: why,
    });
  }

  /** Notes new versions in the ledger; says what changed once the first listing is behind us. */
  function noteFiles(seen: readonly RecordRow[], origin: 'hint' | 'reconcile'): void {
    const known = context.ledger.knownFiles(row.id);
    const changed = seen.filter((file) => {
      const before = known.get(file.relativePath);
      return !before || before.size !== file.size || before.mtimeNs !== file.mtimeNs;
    });
    if (changed.length === 0) return;
    context.ledger.noteFiles(row.id, changed);
    if (known.size > 0) tellChanged(changed, origin);
    readings.forget(changed.map((file) => localPathOf(dir, file.relativePath)));
    show({});
    wake.abort();
  }

  function tellChanged(changed: readonly RecordRow[], origin: 'hint' | 'reconcile'): void {
    const [newest] = changed;
    if (!newest) return;
    const more = changed.length > 1 ? ` and ${changed.length - 1} more` : '';
    tell(context, {
      key: `${row.id}:changed:${newest.relativePath}:${newest.mtimeNs}:${changed.length}`,
      kind: 'changed',
      subject: row.id,
      sentence: `${newest.relativePath}${more} changed in ${row.name}.`,
      files: changed.length,
      bytes: changed.reduce((sum, file) => sum + file.size, 0),
      proof: origin === 'hint' ? 'seen by the watcher, listed again' : 'found by a full listing',
    });
  }

  function showScenes(seen: readonly RecordRow[], complete: boolean): void {
    const here = new Set<string>();
    for (const file of seen) {
      if (!context.ports.scenes.isScene(baseNameOf(file.relativePath))) continue;
      const id = sceneIdOf(row.id, file.relativePath);
      here.add(id);
      showScene(id, file);
    }
    if (!complete) return;
    for (const scene of Object.values(context.store.get().scenes)) {
      if (scene.projectId === row.id && !here.has(scene.id))
        context.store.put('scenes', scene.id, undefined);
    }
  }

  function showScene(id: SceneId, file: RecordRow): void {
    const before = context.store.get().scenes[id];
    const path = localPathOf(dir, file.relativePath);
    context.store.put('scenes', id, {
      id,
      projectId: row.id as ProjectId,
      name: baseNameOf(file.relativePath),
      path,
      relativePath: file.relativePath,
      size: file.size,
      modified: Number(BigInt(file.mtimeNs) / 1_000_000n),
      closure: before?.closure ?? { kind: 'unread' },
      regions: before?.regions ?? [],
    });
    readings.readSoon(path, (closure) => {
      const scene = context.store.get().scenes[id];
      if (scene) context.store.put('scenes', id, { ...scene, closure });
    });
  }

  async function onFolders(relativePaths: readonly string[]): Promise<void> {
    const seen: RecordRow[] = [];
    for (const relativePath of relativePaths) {
      try {
        seen.push(...(await listFolder(files, dir, relativePath, stop.signal)).files);
      } catch (error) {
        if (isAbort(error)) throw error;
        log.info('A changed folder could not be listed', {
          folder: relativePath,
          why: sentenceOf(error),
        });
      }
    }
    noteFiles(seen, 'hint');
    showScenes(seen, false);
    show({});
  }

  async function mirrorAll(signal: AbortSignal): Promise<void> {
    for (;;) {
      await context.whenNotPaused(signal);
      const batch = await untilDone(
        () =>
          mirrorBatch(
            {
              ledger: context.ledger,
              objects: context.ports.objects,
              clock,
              sharePath: context.studio.share.path,
              workstation: context.identity.workstation,
            },
            { id: row.id, namespacePath: row.namespacePath as NamespacePath },
            signal,
          ),
        { clock, signal, onTrouble: (error) => reportObjects(error) },
      );
      clearHealth(context, 'objects-unreachable', row.id);
      if (batch) {
        tell(context, {
          key: `${row.id}:mirrored:${batch.key}`,
          kind: 'mirrored',
          subject: row.id,
          sentence: `${batch.files === 1 ? '1 record' : `${batch.files} records`} of ${row.name} reached the namespace; no payload moved.`,
          files: batch.files,
          bytes: batch.bytes,
          proof: `read back from ${batch.key}, etag ${batch.etag}`,
        });
        show({});
        continue;
      }
      await restUntilWoken(signal);
    }
  }

  async function restUntilWoken(signal: AbortSignal): Promise<void> {
    wake = new AbortController();
    try {
      await clock.sleep(MIRROR_IDLE_MS, { signal: AbortSignal.any([signal, wake.signal]) });
    } catch (error) {
      signal.throwIfAborted();
      if (!isAbort(error)) throw error;
    }
  }

  function reportObjects(error: unknown): void {
    setHealth(context, {
      code: 'objects-unreachable',
      subject: row.id,
      severity: 'warning',
      sentence: sentenceOf(error),
    });
  }

  async function run(signal: AbortSignal): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const watch = await watchProject(
      context.ports,
      {
        dir,
        onFolders: (folders) => void onFolders(folders).catch(logUnlessAborted),
        onError: (error) =>
          setHealth(context, {
            code: 'watcher-failed',
            subject: row.id,
            severity: 'warning',
            sentence: `Changes in ${row.name} are found by listing only (${sentenceOf(error)}).`,
          }),
      },
      signal,
    );
    stack.use(watch);
    await reconcile(signal);
    const scan = context.store.get().projects[row.id]?.scan;
    if (scan?.kind === 'scanned') {
      tell(context, {
        key: `${row.id}:watched`,
        kind: 'watched',
        subject: row.id,
        sentence: `${row.name} is watched: ${scan.files} files.`,
        files: scan.files,
        bytes: scan.bytes,
        proof: `complete listing of ${row.dir}`,
      });
    }
    await Promise.all([mirrorAll(signal), reconcileOften(signal)]);
  }

  async function reconcileOften(signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(RECONCILE_MS, { signal });
      await reconcile(signal);
    }
  }

  function logUnlessAborted(error: unknown): void {
    if (!isAbort(error))
      log.error('A project stopped', { project: row.name, why: sentenceOf(error), error });
  }

  show({});
  const done = run(stop.signal).catch((error: unknown) => {
    if (isAbort(error)) return;
    logUnlessAborted(error);
    reportUnreadable(
      `Watching ${row.name} stopped: ${sentenceOf(error)} Remove and add the project, or restart Waybill.`,
    );
  });
  return { row, stop, done, wakeMirror: () => wake.abort(), reconcile };
}

/** Another volume in the folder's place is not the project, however full or empty it looks. */
async function assertSameVolume(
  context: EngineContext,
  row: ProjectRow,
  signal: AbortSignal,
): Promise<void> {
  const stat = await context.ports.files.stat(row.dir as LocalPath, { signal });
  if (stat.kind !== 'folder') {
    throw new AgentError('not-a-folder', {
      message: `${row.dir} is no folder any more.`,
      retry: 'never',
    });
  }
  if (stat.dev !== row.dev) {
    throw new AgentError('file-unreadable', {
      message: `Another volume is mounted at ${row.dir}. Mount the project's own volume again; nothing was changed.`,
      retry: 'later',
      facts: { path: row.dir },
    });
  }
}

function sceneIdOf(projectId: string, relativePath: string): SceneId {
  return createHash('sha256')
    .update(`${projectId}\n${relativePath}`)
    .digest('hex')
    .slice(0, 24) as SceneId;
}

interface Readings {
  read(path: LocalPath, signal: AbortSignal): Promise<Closure>;
  /** Reads in the background, one scene at a time, and reports what it found. */
  readSoon(path: LocalPath, onRead: (closure: SceneView['closure']) => void): void;
  /** Files changed: closures they belong to are read again when next wanted. */
  forget(paths: readonly string[]): void;
}

function createReadings(context: EngineContext): Readings {
  const known = new Map<string, Closure>();
  const listeners = new Map<string, (closure: SceneView['closure']) => void>();
  let line: Promise<void> = Promise.resolve();

  async function read(path: LocalPath, signal: AbortSignal): Promise<Closure> {
    const before = known.get(path);
    if (before) return before;
    const closure = await context.ports.scenes.read(path, { signal });
    known.set(path, closure);
    listeners.get(path)?.(viewOf(closure));
    return closure;
  }

  function readInLine(path: LocalPath): void {
    const onRead = listeners.get(path);
    line = line
      .then(async () => {
        if (!known.has(path)) onRead?.({ kind: 'reading' });
        onRead?.(viewOf(await read(path, AbortSignal.timeout(60_000))));
      })
      .catch((error: unknown) => onRead?.({ kind: 'unreadable', why: sentenceOf(error) }));
  }

  return {
    read,
    readSoon(path, onRead) {
      const isNew = !listeners.has(path);
      listeners.set(path, onRead);
      if (isNew || !known.has(path)) readInLine(path);
    },
    forget(paths) {
      const changed = new Set(paths);
      for (const [path, closure] of known) {
        const touched =
          changed.has(path) ||
          closure.files.some((file) => changed.has(file.path)) ||
          closure.missing.some((file) => changed.has(file.path));
        if (!touched) continue;
        known.delete(path);
        if (listeners.has(path)) readInLine(path as LocalPath);
      }
    },
  };
}

function viewOf(closure: Closure): SceneView['closure'] {
  return {
    kind: 'read',
    ...closureTotals(closure),
    missing: closure.missing,
    warnings: closure.warnings,
    frames: closure.frames,
    engine: closure.engine,
    cameras: closure.cameras,
    dcc: `${closure.dcc.name} ${closure.dcc.version}`,
  };
}
