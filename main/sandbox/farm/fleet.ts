// The render fleet: machines that appear in a region's group while it has queued tasks, render, and leave when idle.
// Modelled on the Spot Event Plugin (reference §5.1), with minutes made seconds.

import { createHash } from 'node:crypto';
import { NEVER, nowText } from './document-text.ts';
import type { Claim, Repository } from './repository.ts';
import type { PathRule } from './path-mapping.ts';
import type { Renderers } from './plugin-run.ts';
import { runTask } from './worker.ts';

export interface RegionSpec {
  /** AWS region of the machines. */
  readonly id: string;
  readonly site: string;
  readonly groups: readonly string[];
  /** Where the region's payload lies; the only payload its workers can read. */
  readonly root: string;
  /** Most machines of the region at a time (TargetCapacity); 1 when left out. */
  readonly capacity?: number;
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
  readonly pathRules: readonly PathRule[];
  exists(path: string): boolean;
  /** When metadata of a folder was last sent to each peer of a site; null where the path is no Hammerspace. */
  sendTimes(site: string, path: string): Promise<readonly number[] | null>;
  /** Groups and pools of a worker, with what was assigned by hand. */
  groupsOf(name: string, own: readonly string[]): readonly string[];
  poolsOf(name: string): readonly string[];
  /** What a client saved as a worker's settings. */
  settingsOf(name: string): Readonly<Record<string, unknown>>;
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
  /** Takes machines away, by name or all of a region, as a spot market does; gives their names. */
  interrupt(which: string): string[];
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

  const timer = setInterval(lookSafely, timing.pollMs);
  repository.on('changed', lookSoon);

  function lookSoon(): void {
    if (isLooking || stopped) return;
    isLooking = true;
    setImmediate(() => {
      isLooking = false;
      if (!stopped) lookSafely();
    });
  }

  /** A full disk or a broken job must not end the farm; the next look tries again. */
  function lookSafely(): void {
    try {
      look();
    } catch (error) {
      complain(error);
    }
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
    const own = [...machines.values()].filter((machine) => machine.region === region);
    // A machine that has nothing to do takes what is queued; a switched-off one does not count.
    const isServed = own.some((machine) => !machine.work && isEnabled(machine.name));
    const isWanted = repository
      .jobs()
      .some(
        ({ job }) =>
          Number(job['QueuedChunks']) > 0 && region.groups.includes(job.Props['Grp'] as string),
      );
    if (isServed || !isWanted || own.length >= (region.capacity ?? 1)) {
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

  function isEnabled(name: string): boolean {
    return options.settingsOf(name)['Enable'] !== false;
  }

  function takeWork(machine: Machine): void {
    if (!isEnabled(machine.name)) return;
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
      region: machine.region.id,
      pathRules: options.pathRules,
      renderers: options.renderers,
      scratchDir: options.scratchDir,
      auxDir: repository.auxDir(claim.record.job._id),
      exists: options.exists,
      sendTimes: (path: string) => options.sendTimes(machine.region.site, path),
    };
    const task = runTask(place, claim.record.job, claim.task);
    machine.work = { claim, kill: task.kill };
    const run = task.done
      .then((result) => {
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
      })
      .catch(complain);
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
      Enable: true,
      Cmmt: '',
      Desc: '',
      ...Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`Ex${at}`, ''])),
      ExDic: {},
      ...options.settingsOf(name),
      _id: machine.name,
      Name: machine.name,
      Pools: options.poolsOf(name),
      Grps: options.groupsOf(name, machine.region.groups),
    };
  }

  function interrupt(which: string): string[] {
    const gone = [...machines.values()].filter(
      ({ name, region }) => name === which || region.id === which,
    );
    for (const machine of gone) {
      machines.delete(machine.name);
      if (!machine.work) continue;
      machine.work.kill();
      repository.giveBack(
        machine.work.claim,
        `${machine.name} was interrupted: spot capacity was reclaimed.`,
      );
    }
    return gone.map(({ name }) => name).toSorted();
  }

  return {
    names: () => [...machines.keys()].toSorted(),
    info,
    settings,
    interrupt,
    async stop() {
      stopped = true;
      clearInterval(timer);
      repository.off('changed', lookSoon);
      for (const machine of machines.values()) machine.work?.kill();
      await Promise.all(running);
    },
  };
}

function complain(error: unknown): void {
  process.stderr.write(`sandbox farm: the fleet failed: ${String(error)}\n`);
}
