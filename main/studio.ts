// Where the studio is: the studio file a TD writes once, or the endpoints document of the embedded sandbox.

import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { AgentError, sentenceOf } from './engine/base/errors.ts';
import type { Studio } from './engine/context.ts';
import type { NamespacePath, RegionId } from './engine/core/names.ts';

export interface SiteConnection {
  readonly name: string;
  readonly gateway:
    | { readonly kind: 'mount'; readonly dir: string }
    | { readonly kind: 'direct'; readonly url: string }
    | null;
  readonly anvil: {
    readonly url: string;
    readonly username: string;
    readonly ca: string | null;
  } | null;
}

/** Everything needed to connect. Secrets are named here and kept elsewhere. */
export interface Connections {
  readonly studio: Studio;
  readonly sites: readonly SiteConnection[];
  readonly s3: {
    readonly endpoint: string;
    readonly region: string;
    readonly bucket: string;
    readonly accessKeyId: string;
    readonly ca: string | null;
  };
  readonly farm: {
    readonly url: string;
    readonly username: string | null;
    readonly ca: string | null;
  };
  /** Secrets that came with the sandbox's document, or with the environment. Never written anywhere. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Names under which secrets are kept. */
export const secretName = {
  anvil: (site: string): string => `anvil:${site}`,
  s3: (): string => 's3',
  farm: (): string => 'farm',
};

const name = z.string().min(1).max(120);
const region = z.object({
  id: name,
  name,
  place: z.string().max(200).default(''),
  site: name,
  groups: z.array(name).min(1),
});
const share = z.object({ name, path: z.string().startsWith('/') });

const StudioFile = z.object({
  waybill: z.literal(1),
  name,
  home: name,
  share,
  farmRoot: z.string().startsWith('/'),
  sites: z.array(
    z.object({
      name,
      mount: z.string().optional(),
      anvil: z.object({ url: z.url(), username: name, ca: z.string().optional() }).optional(),
    }),
  ),
  s3: z.object({
    endpoint: z.url(),
    region: name,
    bucket: name,
    accessKeyId: name,
    ca: z.string().optional(),
  }),
  farm: z.object({ url: z.url(), username: z.string().optional(), ca: z.string().optional() }),
  regions: z.array(region).min(1),
});

const SandboxDocument = z.object({
  kind: z.literal('waybill-sandbox'),
  ca: z.string(),
  share,
  sites: z.array(
    z.object({
      name,
      home: z.boolean(),
      anvil: z.object({ url: z.url(), username: name, password: z.string() }),
      gateway: z.object({ kind: z.literal('direct'), url: z.url() }),
    }),
  ),
  s3: z.object({
    endpoint: z.url(),
    region: name,
    bucket: name,
    accessKeyId: name,
    secretAccessKey: z.string(),
  }),
  farm: z.object({ url: z.url(), farmRoot: z.string() }),
  regions: z.array(region),
  renderers: z.object({ preview: z.object({ executable: z.string(), script: z.string() }) }),
});

/** Reads the endpoints document that the sandbox printed. */
export function sandboxConnections(path: string): Connections {
  const document = parse(SandboxDocument, path);
  const home = document.sites.find((site) => site.home);
  if (!home) throw badFile(path, 'no site is marked home');
  const ca = readText(document.ca);
  return {
    studio: {
      kind: 'sandbox',
      name: 'Sandbox studio',
      homeSite: home.name,
      share: { name: document.share.name, path: document.share.path as NamespacePath },
      regions: document.regions.map(regionOf),
      farmRoot: document.farm.farmRoot,
      fallbackRenderer: document.renderers.preview,
    },
    sites: document.sites.map((site) => ({
      name: site.name,
      gateway: site.gateway,
      anvil: { url: site.anvil.url, username: site.anvil.username, ca },
    })),
    s3: { ...document.s3, ca: null },
    farm: { url: document.farm.url, username: null, ca: null },
    secrets: Object.fromEntries([
      ...document.sites.map((site) => [secretName.anvil(site.name), site.anvil.password]),
      [secretName.s3(), document.s3.secretAccessKey],
    ]),
  };
}

/** Reads `waybill.studio.json`. CA paths are relative to the file. */
export function studioConnections(path: string): Connections {
  const file = parse(StudioFile, path);
  const caOf = (ca: string | undefined): string | null =>
    ca === undefined ? null : readText(isAbsolute(ca) ? ca : resolve(path, '..', ca));
  if (!file.sites.some((site) => site.name === file.home))
    throw badFile(path, `home "${file.home}" is not among its sites`);
  return {
    studio: {
      kind: 'studio',
      name: file.name,
      homeSite: file.home,
      share: { name: file.share.name, path: file.share.path as NamespacePath },
      regions: file.regions.map(regionOf),
      farmRoot: file.farmRoot,
      fallbackRenderer: null,
    },
    sites: file.sites.map((site) => ({
      name: site.name,
      gateway: site.mount === undefined ? null : { kind: 'mount', dir: site.mount },
      anvil: site.anvil ? { ...site.anvil, ca: caOf(site.anvil.ca) } : null,
    })),
    s3: { ...file.s3, ca: caOf(file.s3.ca) },
    farm: { url: file.farm.url, username: file.farm.username ?? null, ca: caOf(file.farm.ca) },
    secrets: secretsFromEnvironment(file.sites.map((site) => secretName.anvil(site.name))),
  };
}

/** `WAYBILL_SECRET_S3`, `_FARM`, `_ANVIL_<SITE>`; taken out of the environment, so that no child inherits them. */
function secretsFromEnvironment(anvils: readonly string[]): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const key of [secretName.s3(), secretName.farm(), ...anvils]) {
    const variable = `WAYBILL_SECRET_${key.replaceAll(/[^A-Za-z0-9]/g, '_').toUpperCase()}`;
    const value = process.env[variable];
    if (value !== undefined) secrets[key] = value;
    delete process.env[variable];
  }
  return secrets;
}

function regionOf(from: z.infer<typeof region>): Studio['regions'][number] {
  return {
    id: from.id as RegionId,
    name: from.name,
    place: from.place,
    siteName: from.site,
    groups: from.groups,
  };
}

function parse<Schema extends z.ZodType>(schema: Schema, path: string): z.infer<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(readText(path));
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw badFile(path, sentenceOf(error), error);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw badFile(
    path,
    `${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not as expected'}`,
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new AgentError('file-unreadable', {
      message: `${path} cannot be read (${sentenceOf(error)}). Check the path and its permissions.`,
      retry: 'never',
      cause: error,
      facts: { path },
    });
  }
}

function badFile(path: string, why: string, cause?: unknown): AgentError {
  return new AgentError('bad-argument', {
    message: `${path} is no studio description: ${why}. Correct it and start again.`,
    retry: 'never',
    cause,
    facts: { path },
  });
}
