// The studio described in a few lines: sites, links, share, volumes, regions, clock. What is left out has a default.

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { StudioError } from './lock.ts';

const name = z
  .string()
  .min(1)
  .max(60)
  .regex(/^[A-Za-z0-9_.-]+$/, 'only letters, digits, dot, dash and underscore');
const bytesPerSecond = z.number().positive().max(1e12);
const milliseconds = z.number().min(0).max(3_600_000);

const Region = z.strictObject({
  id: name,
  name: z.string().min(1).max(60),
  groups: z.array(name).min(1),
});

const Site = z.strictObject({
  name,
  place: z.string().max(120).default(''),
  /** Share-wide participant id; ids of real studios are not dense. */
  id: z.int().min(0).max(1_000_000),
  home: z.boolean().default(false),
  /** How far this site's clock is ahead of the world's. */
  clockSkewMs: z.number().min(-86_400_000).max(86_400_000).default(0),
  volume: z
    .strictObject({
      name: z.string().min(1).max(120).optional(),
      bytes: z.number().positive().default(1e12),
      /** Above this share nothing new is put there [C OG p11: 75 %]. */
      highPercent: z.number().min(1).max(100).default(75),
    })
    .prefault({}),
  region: Region.optional(),
});

const Link = z.strictObject({
  between: z.tuple([name, name]),
  bandwidth: bytesPerSecond.optional(),
  latencyMs: milliseconds.optional(),
});

const WorldFile = z.strictObject({
  sites: z.array(Site).min(1).max(32),
  share: z
    .strictObject({ name, path: z.string().regex(/^\/[A-Za-z0-9_./-]+$/) })
    .default({ name: 'shots', path: '/shots' }),
  /** Replication interval of metadata [C: 5 s in every public example]. */
  intervalMs: z.number().min(50).max(3_600_000).optional(),
  /** Bytes a second of a link that names none of its own. */
  bandwidth: bytesPerSecond.optional(),
  latencyMs: milliseconds.default(0),
  links: z.array(Link).default([]),
  farmRoot: z.string().startsWith('/').default('/mnt/hs'),
  /** 'machine' runs with the machine; a date stands still there until it is stepped. */
  clock: z.union([z.literal('machine'), z.iso.datetime()]).default('machine'),
});

export type WorldSpec = Readonly<z.infer<typeof WorldFile>>;

const DEFAULT_SITES: z.input<typeof Site>[] = [
  { name: 'london', place: 'London', id: 0, home: true },
  {
    name: 'oregon',
    place: 'Boardman, US',
    id: 2,
    region: { id: 'us-west-2', name: 'Oregon', groups: ['cpu-us-west-2'] },
  },
  {
    name: 'mumbai',
    place: 'Mumbai, IN',
    id: 5,
    region: { id: 'ap-south-1', name: 'Mumbai', groups: ['cpu-ap-south-1'] },
  },
];

/** Three sites with ids that are not dense; the home site has 0. */
export function defaultWorld(): WorldSpec {
  return WorldFile.parse({ sites: DEFAULT_SITES });
}

/** Errors: StudioError with one sentence that names the file and the field. */
export function readWorldFile(path: string): WorldSpec {
  const spec = WorldFile.safeParse(jsonOf(path));
  if (!spec.success) {
    const [issue] = spec.error.issues;
    throw new StudioError(
      `${path} describes no world: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'wrong'}. Correct it and start again.`,
    );
  }
  const wrong = contradictionIn(spec.data);
  if (wrong === null) return spec.data;
  throw new StudioError(`${path} describes no world: ${wrong}. Correct it and start again.`);
}

function jsonOf(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    throw new StudioError(
      `${path} cannot be read as a world (${error instanceof Error ? error.message : String(error)}). Name a JSON file with --world.`,
      { cause: error },
    );
  }
}

function contradictionIn(spec: WorldSpec): string | null {
  const twice = (values: readonly (string | number)[]): string | number | undefined =>
    values.find((value, at) => values.indexOf(value) !== at);
  const names = spec.sites.map((site) => site.name);
  const double = twice(names) ?? twice(spec.sites.map((site) => site.id));
  if (double !== undefined) return `two sites are called ${double}`;
  if (spec.sites.filter((site) => site.home).length !== 1)
    return 'one site must be home, and only one';
  const region = twice(spec.sites.flatMap((site) => site.region?.id ?? []));
  if (region !== undefined) return `two regions are called ${region}`;
  const unknown = spec.links.flatMap((link) => link.between).find((site) => !names.includes(site));
  return unknown === undefined ? null : `a link names the site ${unknown}, which is not there`;
}
