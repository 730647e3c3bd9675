// Path mapping: rules of the repository and of a job that turn the path a job names into one of a region's machines (§5.2).

import { join, posix } from 'node:path';
import { isTruth, textOf } from './document-text.ts';

/** A rule as documents spell it (§2.4 PathMap). An empty Region means every region. */
export interface PathRule {
  readonly Path: string;
  readonly WindowsPath: string;
  readonly LinuxPath: string;
  readonly MacPath: string;
  readonly CaseSensitive: boolean;
  readonly RegularExpression: boolean;
  readonly Region: string;
}

const TARGETS: Readonly<Record<string, 'WindowsPath' | 'LinuxPath' | 'MacPath'>> = {
  windows: 'WindowsPath',
  linux: 'LinuxPath',
  mac: 'MacPath',
};

/** The first rule that fits is applied, once; a path no rule names comes back as it was. */
export function applyRules(
  rules: readonly PathRule[],
  at: { readonly os: string; readonly region: string },
  path: string,
): string {
  const target = TARGETS[at.os.toLowerCase()];
  if (target === undefined) return path;
  for (const rule of rules) {
    // A client's regular expression can take for ever; such rules are kept and not applied.
    if (rule.RegularExpression || rule.Path === '' || rule[target] === '') continue;
    if (!['', 'none', at.region].includes(rule.Region)) continue;
    const rest = restOf(path, rule);
    if (rest !== null) return withRest(rule[target], rest, at.os);
  }
  return path;
}

/** Rules a client saved with a job: whatever is not a text or a flag counts as empty. */
export function rulesOf(list: unknown): PathRule[] {
  return (Array.isArray(list) ? (list as readonly unknown[]) : [])
    .filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null)
    .map((item) => ({
      Path: textOf(item['Path']),
      WindowsPath: textOf(item['WindowsPath']),
      LinuxPath: textOf(item['LinuxPath']),
      MacPath: textOf(item['MacPath']),
      CaseSensitive: isTruth(item['CaseSensitive']),
      RegularExpression: isTruth(item['RegularExpression']),
      Region: textOf(item['Region']),
    }));
}

/** What follows the rule's path; a prefix ends where a name ends. Null where the path does not start with it. */
function restOf(path: string, rule: PathRule): string | null {
  const plain = posix.normalize(slashed(path));
  const prefix = slashed(rule.Path).replace(/\/$/, '');
  const start = plain.slice(0, prefix.length);
  const fits = rule.CaseSensitive ? start === prefix : start.toLowerCase() === prefix.toLowerCase();
  const rest = plain.slice(prefix.length);
  return fits && (rest === '' || rest.startsWith('/')) ? rest : null;
}

function withRest(target: string, rest: string, os: string): string {
  const base = target.replace(/[\\/]$/, '');
  return os.toLowerCase() === 'windows' ? `${base}${rest.replaceAll('/', '\\')}` : `${base}${rest}`;
}

function slashed(path: string): string {
  return path.replaceAll('\\', '/');
}

/** `/mnt/hs/…` on the region's own mount. Null when the path leads out of it. */
export function mapPath(
  place: { readonly root: string; readonly farmRoot: string },
  path: string,
): string | null {
  const plain = posix.normalize(slashed(path));
  if (plain === place.farmRoot) return place.root;
  return plain.startsWith(`${place.farmRoot}/`)
    ? join(place.root, plain.slice(place.farmRoot.length))
    : null;
}
