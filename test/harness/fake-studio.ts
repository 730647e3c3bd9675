// An in-memory studio behind the engine's ports: two sites, a farm and a bucket, with faults on demand.
// For the engine's own decisions only; wire behaviour is tested against the sandbox.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { AgentError } from '../../main/engine/base/errors.ts';
import type { EnginePorts, Studio } from '../../main/engine/context.ts';
import type { FarmJobId, NamespacePath, RegionId, SubmitId } from '../../main/engine/core/names.ts';
import type { Farm, FarmJob, FarmSubmission } from '../../main/engine/ports/farm.ts';
import type { Gateway, Mark, NamespaceItem } from '../../main/engine/ports/namespace.ts';
import type {
  ObjectFacts,
  ObjectStore,
  PutOutcome,
  WriteCondition,
} from '../../main/engine/ports/objects.ts';

export const fakeStudio: Studio = {
  kind: 'sandbox',
  name: 'Fake studio',
  homeSite: 'london',
  share: { name: 'shots', path: '/shots' as NamespacePath },
  regions: [
    {
      id: 'us-west-2' as RegionId,
      name: 'Oregon',
      place: 'Boardman',
      siteName: 'oregon',
      groups: ['cpu-us-west-2'],
    },
  ],
  farmRoot: '/mnt/hs',
  fallbackRenderer: null,
};

interface FakeFile {
  readonly body: Buffer;
  readonly modified: number;
  readonly sha256: string | null;
  readonly sites: Set<string>;
}

export interface FakeWorld {
  readonly objects: ObjectStore;
  readonly gateways: EnginePorts['gateways'];
  readonly farm: Farm;
  readonly files: Map<string, FakeFile>;
  readonly marks: Map<string, Set<string>>;
  readonly jobs: Map<string, FarmJob>;
  /** Farm POSTs that reached the farm. */
  posts: number;
  resumes: number;
  /** The next POST makes the job but its answer is lost. */
  losePostAnswer: boolean;
  /** Moves payload to every site that is asked to keep it, and renders released jobs. */
  step(): void;
}

export function createFakeWorld(): FakeWorld {
  const files = new Map<string, FakeFile>();
  const marks = new Map<string, Set<string>>();
  const jobs = new Map<string, FarmJob>();
  const outputs = new Map<string, { dir: string; pattern: string; frames: number }>();
  let tick = 1_000;

  function factsOf(key: string): ObjectFacts | null {
    const file = files.get(`/shots/${key}`);
    if (!file) return null;
    return {
      key,
      size: file.body.length,
      etag: etagOf(file.body),
      modified: file.modified,
      sha256: file.sha256,
    };
  }

  function put(key: string, body: Buffer, condition: WriteCondition): PutOutcome {
    const current = factsOf(key);
    const holds = condition.kind === 'absent' ? current === null : current?.etag === condition.etag;
    if (!holds) return { kind: 'refused', current };
    tick += 1;
    files.set(`/shots/${key}`, {
      body,
      modified: tick,
      sha256: sha256Of(body),
      sites: new Set(['london']),
    });
    return { kind: 'stored', etag: etagOf(body) };
  }

  const objects: ObjectStore = {
    head: async (key) => factsOf(key),
    list: async (prefix) =>
      [...files.keys()].flatMap((path) =>
        path.startsWith(`/shots/${prefix}`) ? (factsOf(path.slice(7)) ?? []) : [],
      ),
    putFile: async (request) => put(request.key, readFileSync(request.path), request.condition),
    putText: async (request) => put(request.key, Buffer.from(request.text), request.condition),
    async getText(key) {
      const file = files.get(`/shots/${key}`);
      return file ? { text: file.body.toString(), etag: etagOf(file.body) } : null;
    },
    async getFile(key, path) {
      const file = files.get(`/shots/${key}`);
      const facts = factsOf(key);
      if (!file || !facts)
        throw new AgentError('file-missing', { message: `${key} is not there.`, retry: 'never' });
      await writeFile(path, file.body, { flag: 'wx' });
      return facts;
    },
  };

  function gateway(siteName: string): Gateway {
    const keyOf = (mark: Mark): string => JSON.stringify(mark);
    return {
      siteName,
      participants: async () => [
        { id: 0, siteName: 'london' },
        { id: 2, siteName: 'oregon' },
      ],
      async addMark(target, mark) {
        marks.set(target, (marks.get(target) ?? new Set()).add(keyOf(mark)));
      },
      async removeMark(target, mark) {
        marks.get(target)?.delete(keyOf(mark));
      },
      hasMark: async (target, mark) => marks.get(target)?.has(keyOf(mark)) ?? false,
      tree: async (dir) =>
        [...files].flatMap(([path, file]): NamespaceItem[] =>
          path.startsWith(`${dir}/`)
            ? [
                {
                  path: path as NamespacePath,
                  name: path.split('/').at(-1) ?? '',
                  kind: 'file',
                  size: file.body.length,
                  modified: file.modified,
                  online: file.sites.has(siteName),
                  moving: false,
                  originSite: 'london',
                },
              ]
            : [],
        ),
      replication: async () => [],
    };
  }

  const world: FakeWorld = {
    objects,
    gateways: new Map(['london', 'oregon'].map((site) => [site, gateway(site)])),
    farm: createFakeFarm(),
    files,
    marks,
    jobs,
    posts: 0,
    resumes: 0,
    losePostAnswer: false,
    step() {
      for (const [path, file] of files) {
        for (const site of ['london', 'oregon']) if (isKept(path, site)) file.sites.add(site);
      }
      for (const [id, job] of jobs) if (job.state === 'queued') render(id, job);
    },
  };

  function isKept(path: string, site: string): boolean {
    for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
      if (marks.get(at)?.has(JSON.stringify({ kind: 'keep-on-site', site }))) return true;
    }
    return false;
  }

  function render(id: string, job: FarmJob): void {
    const output = outputs.get(id);
    for (let frame = 1; output && frame <= output.frames; frame += 1) {
      tick += 1;
      const name = output.pattern.replace(/#+/, (hashes) =>
        String(frame).padStart(hashes.length, '0'),
      );
      const path = `${output.dir.replace('/mnt/hs', '')}/${name}`;
      files.set(path, {
        body: Buffer.from(`frame ${frame} of ${id}`),
        modified: tick,
        sha256: null,
        sites: new Set(['oregon']),
      });
    }
    jobs.set(id, { ...job, state: 'completed', tasksCompleted: job.tasksTotal });
  }

  function createFakeFarm(): Farm {
    return {
      probe: async () => 'fake',
      groups: async () => ['cpu-us-west-2'],
      plugins: async () => ['Blender'],
      workers: async () => [],
      async submit(submission) {
        const id = takeJob(submission);
        if (world.losePostAnswer) {
          world.losePostAnswer = false;
          throw new AgentError('connection-timeout', {
            message: 'The farm did not answer. Trying again.',
            retry: 'later',
          });
        }
        return id;
      },
      findBySubmitId: async (submitId) =>
        [...jobs.values()].find((job) => job.submitId === submitId) ?? null,
      jobs: async (ids) => ids.flatMap((id) => jobs.get(id) ?? []),
      tasks: async () => [],
      async resume(id) {
        world.resumes += 1;
        const job = jobs.get(id);
        if (job) jobs.set(id, { ...job, state: 'queued' });
      },
      async suspend(id) {
        const job = jobs.get(id);
        if (job) jobs.set(id, { ...job, state: 'suspended' });
      },
      lastReport: async () => null,
      addHistory: async () => undefined,
      mappedPaths: async (query) => [...query.paths],
    };
  }

  function takeJob(submission: FarmSubmission): FarmJobId {
    world.posts += 1;
    const id = `job${world.posts}` as FarmJobId;
    const { jobInfo } = submission;
    const frames = Number(jobInfo['Frames']?.split('-').at(-1));
    outputs.set(id, {
      dir: jobInfo['OutputDirectory0'] ?? '',
      pattern: jobInfo['OutputFilename0'] ?? '',
      frames,
    });
    jobs.set(id, {
      id,
      name: jobInfo['Name'] ?? '',
      user: jobInfo['UserName'] ?? '',
      state: jobInfo['InitialStatus'] === 'Suspended' ? 'suspended' : 'queued',
      submitId: submission.submitId as SubmitId,
      tasksTotal: frames,
      tasksCompleted: 0,
      tasksFailed: 0,
      errors: 0,
      outputDirs: [jobInfo['OutputDirectory0'] ?? ''],
      group: jobInfo['Group'] ?? '',
    });
    return id;
  }

  return world;
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

function sha256Of(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}
