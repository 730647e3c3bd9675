// The render fleet: machines that appear in a region's group while it has queued tasks, render, and leave when idle.
// Modelled on the Spot Event Plugin (reference §5.1), with minutes made seconds.

import { createHash } from 'node:crypto';
import { NEVER, nowText } from './jobs.ts';
import type { Claim, Repository } from './repository.ts';
import { runTask, type Renderers } from './worker.ts';

export interface RegionSpec {
  /** AWS region of the machines. */
  readonly id: string;
  readonly site: string;
  readonly groups: readonly string[];
  /** Where the region's payload lies; the only payload its workers can read. */
  readonly root: string;
}

export interface FleetTiming {
  /** From the first queued task to a worker that polls. */
  readonly bootMs: number;
  /** An idle worker leaves after this; the real default is ten minutes. */
  readonly idleMs: number;
  readonly pollMs: number;
}

export interface FleetOptions {
  readonly repository: Repository;
  readonly regions: readonly RegionSpec[];
  readonly renderers: Renderers;
  readonly farmRoot: string;
  readonly scratchDir: string;
  readonly seed: number;
  readonly timing: FleetTiming;
  exists(path: string): boolean;
  /** Groups and pools of a worker, with what was assigned by hand. */
  groupsOf(name: string, own: readonly string[]): readonly string[];
  poolsOf(name: string): readonly string[];
}

/** Worker states (§2.7). */
const WORKER = { rendering: 1, idle: 2 } as const;

interface Machine {
  readonly name: string;
  readonly region: RegionSpec;
  readonly address: string;
  readonly instanceId: string;
  readonly startedAt: number;
  idleSince: number;
  completed: number;
  work: { readonly claim: Claim; readonly kill: () => void } | null;
}

export interface Fleet {
  names(): string[];
  /** Inner objects of `infosettings` (§2.7). */
  info(name: string): Record<string, unknown> | undefined;
  settings(name: string): Record<string, unknown> | undefined;
  stop(): Promise<void>;
}

export function startFleet(options: FleetOptions): Fleet {
  const { repository, timing } = options;
  const machines = new Map<string, Machine>();
  const booting = new Map<string, number>();
  const running = new Set<Promise<void>>();
  let launches = 0;
  let stopped = false;
  let isLooking = false;

  const timer = setInterval(look, timing.pollMs);
  repository.on('changed', lookSoon);

  function lookSoon(): void {
    if (isLooking || stopped) return;
    isLooking = true;
    setImmediate(() => {
      isLooking = false;
      if (!stopped) look();
    });
  }

  function look(): void {
    const now = Date.now();
    for (const machine of machines.values()) {
      if (machine.work && !repository.holds(machine.work.claim)) machine.work.kill();
      if (!machine.work) takeWork(machine);
      if (!machine.work && now - machine.idleSince > timing.idleMs) machines.delete(machine.name);
    }
    for (const region of options.regions) launch(region, now);
  }

  /** House cleaning of the Spot Event Plugin: a group with queued tasks and no machine gets one after a while. */
  function launch(region: RegionSpec, now: number): void {
    const isServed = [...machines.values()].some((machine) => machine.region === region);
    const isWanted = repository
      .jobs()
      .some(
        ({ job }) =>
          Number(job['QueuedChunks']) > 0 && region.groups.includes(job.Props['Grp'] as string),
      );
    if (isServed || !isWanted) {
      booting.delete(region.id);
      return;
    }
    const due = booting.get(region.id) ?? now + timing.bootMs;
    booting.set(region.id, due);
    if (now < due) return;
    booting.delete(region.id);
    const machine = newMachine(region);
    machines.set(machine.name, machine);
    takeWork(machine);
  }

  /** Names are unique across regions, as the manual demands of a multi-region fleet. */
  function newMachine(region: RegionSpec): Machine {
    launches += 1;
    const digest = createHash('sha256').update(`${options.seed}:${region.id}:${launches}`).digest();
    const octet = (at: number): number => 1 + ((digest[at] ?? 0) % 254);
    const network = 16 + options.regions.indexOf(region);
    const address = `10.${network}.${octet(0)}.${octet(1)}`;
    const taken = `ip-${address.replaceAll('.', '-')}`;
    return {
      name: machines.has(taken) ? `${taken}-${launches}` : taken,
      region,
      address,
      instanceId: `i-0${digest.toString('hex').slice(4, 20)}`,
      startedAt: Date.now(),
      idleSince: Date.now(),
      completed: 0,
      work: null,
    };
  }

  function takeWork(machine: Machine): void {
    const claim = repository.claim({
      name: machine.name,
      groups: options.groupsOf(machine.name, machine.region.groups),
      pools: options.poolsOf(machine.name),
    });
    if (!claim) return;
    const place = {
      name: machine.name,
      root: machine.region.root,
      farmRoot: options.farmRoot,
      renderers: options.renderers,
      scratchDir: options.scratchDir,
      auxDir: repository.auxDir(claim.record.job._id),
      exists: options.exists,
    };
    const task = runTask(place, claim.record.job, claim.task);
    machine.work = { claim, kill: task.kill };
    const run = task.done.then((result) => {
      machine.work = null;
      machine.idleSince = Date.now();
      running.delete(run);
      if (result.kind === 'completed') machine.completed += 1;
      // A stop is not the task's fault: it stays claimed and is queued again at the next start.
      if (stopped) return;
      repository.finish(claim, {
        error: result.kind === 'error' ? result.title : null,
        log: result.log,
      });
      lookSoon();
    });
    running.add(run);
  }

  function info(name: string): Record<string, unknown> | undefined {
    const machine = machines.get(name);
    if (!machine) return undefined;
    const job = machine.work?.claim.record.job;
    return {
      _id: machine.name,
      Name: machine.name,
      Host: machine.name,
      User: 'render',
      Stat: machine.work ? WORKER.rendering : WORKER.idle,
      JobId: job?._id ?? '',
      JobName: job?.Props['Name'] ?? '',
      JobGrp: job?.Props['Grp'] ?? '',
      JobUser: job?.Props['User'] ?? '',
      JobPool: job?.Props['Pool'] ?? '',
      TskId: machine.work === null ? '' : String(machine.work.claim.task.TaskID),
      Reg: machine.region.id,
      UpTime: (Date.now() - machine.startedAt) / 1000,
      MAC: `0A:${machine.instanceId.slice(3, 13).replace(/(..)(?=.)/g, '$1:')}`.toUpperCase(),
      IP: machine.address,
      RAM: 32 * 1024 ** 3,
      RAMFree: 24 * 1024 ** 3,
      OS: 'Amazon Linux 2',
      Arch: 'x86_64',
      Procs: 8,
      Vid: '',
      Grps: options.groupsOf(name, machine.region.groups).join(','),
      Pools: options.poolsOf(name).join(','),
      CompletedTasks: machine.completed,
      LastRenderTime: NEVER,
      StatDate: nowText(),
      AWSInfo: {
        AWSInstanceId: machine.instanceId,
        AWSInstanceType: 'c6i.2xlarge',
        AWSImageId: `ami-0${machine.instanceId.slice(3, 19)}`,
        AWSArchitecture: 'x86_64',
        AWSRegion: machine.region.id,
        AWSAvailabilityZone: `${machine.region.id}a`,
      },
    };
  }

  function settings(name: string): Record<string, unknown> | undefined {
    const machine = machines.get(name);
    if (!machine) return undefined;
    return {
      _id: machine.name,
      Name: machine.name,
      Enable: true,
      Cmmt: '',
      Desc: '',
      Pools: options.poolsOf(name),
      Grps: options.groupsOf(name, machine.region.groups),
      ...Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`Ex${at}`, ''])),
      ExDic: {},
    };
  }

  return {
    names: () => [...machines.keys()].toSorted(),
    info,
    settings,
    async stop() {
      stopped = true;
      clearInterval(timer);
      repository.off('changed', lookSoon);
      for (const machine of machines.values()) machine.work?.kill();
      await Promise.all(running);
    },
  };
}
