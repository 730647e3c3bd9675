// Scores scene reading against a corpus with known truth: recall and precision per truth level, with the misses.

import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { AgentError } from '../main/engine/base/errors.ts';
import type { Closure } from '../main/engine/core/closure.ts';
import type { LocalPath } from '../main/engine/core/names.ts';
import type { SceneReader } from '../main/engine/ports/scenes.ts';
import { createSceneReader } from '../main/scenes/reader.ts';

/** Truth levels of the corpus: A a project's own test, B Blender itself, C and D readers that agree. */
interface Tally {
  scenes: number;
  expected: number;
  found: number;
  answered: number;
  right: number;
}

interface Dependency {
  readonly kind: string;
  readonly raw: string;
  readonly resolved?: string;
  readonly packed?: boolean;
  readonly source?: string;
  readonly tiles?: readonly number[];
  readonly elements?: readonly string[];
  readonly owner_library?: string | null;
}

interface SceneTruth {
  readonly active: boolean;
  readonly frame_start: number;
  readonly frame_end: number;
  readonly frame_step: number | null;
  readonly fps: number;
  readonly engine: string | null;
  readonly output: string;
  readonly camera: string | null;
}

interface Expected {
  readonly error_expected?: boolean;
  readonly same_as?: string;
  readonly closure_used?: {
    readonly files: readonly string[];
    readonly missing: readonly string[];
  };
  readonly deps?: readonly Dependency[];
  readonly scenes?: readonly SceneTruth[];
  readonly blender_says?: {
    readonly deps: readonly Dependency[];
    readonly scenes: readonly SceneTruth[];
  };
  readonly as_in_file?: {
    readonly deps: readonly Dependency[];
    readonly scenes: readonly SceneTruth[];
  };
}

interface Entry {
  readonly file: string;
  readonly role: string;
  readonly truth: string;
  readonly expected: Expected;
}

/** What the truth demands of one scene. Paths are absolute; `files` are there, `missing` are not. */
interface Demand {
  readonly files: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
  /** Folders of which any file may be given, and paths that may be given or not. */
  readonly tolerated: readonly string[];
  /** False when the truth does not follow libraries: what they need is not judged. */
  readonly followsLibraries: boolean;
}

const FLOORS = { recall: 0.99, precision: 0.98, brokenMs: 1_000 };
const DEFAULT_CORPUS = path.join(import.meta.dirname, '../../shared/scenes/blender');

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { corpus: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  const corpus = path.resolve(values.corpus ?? DEFAULT_CORPUS);
  const manifestPath = path.join(corpus, 'manifest.json');
  if (!existsSync(manifestPath)) {
    console.log(`SKIPPED: there is no scene corpus at ${corpus}; name one with --corpus DIR.`);
    return;
  }
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as { files: readonly Entry[] };
  const entries = manifest.files.filter((entry) => entry.role === 'scene');
  await using reader = createSceneReader({});
  const score = await scoreAll(reader, corpus, entries);
  if (values.json) console.log(JSON.stringify(score));
  else print(score);
  if (!score.passed) process.exitCode = 1;
}

interface Score {
  readonly levels: Readonly<Record<string, Tally>>;
  readonly all: Tally;
  readonly recall: number;
  readonly precision: number;
  readonly broken: { readonly total: number; readonly refused: number; readonly slowestMs: number };
  readonly variants: { readonly total: number; readonly equal: number };
  readonly settings: { readonly total: number; readonly equal: number };
  readonly slowestMs: number;
  readonly notes: readonly string[];
  readonly passed: boolean;
}

async function scoreAll(
  reader: SceneReader,
  corpus: string,
  entries: readonly Entry[],
): Promise<Score> {
  const levels: Record<string, Tally> = {};
  const all = emptyTally();
  const notes: string[] = [];
  const broken = { total: 0, refused: 0, slowestMs: 0 };
  const variants = { total: 0, equal: 0 };
  const settings = { total: 0, equal: 0 };
  let slowestMs = 0;
  for (const entry of entries) {
    const { expected } = entry;
    const answer = await readTimed(reader, path.join(corpus, entry.file));
    if (expected.error_expected === true) {
      broken.total += 1;
      broken.slowestMs = Math.max(broken.slowestMs, answer.ms);
      if (answer.error !== null) broken.refused += 1;
      else notes.push(`${entry.file}: broken, but read without an error`);
      continue;
    }
    slowestMs = Math.max(slowestMs, answer.ms);
    if (expected.same_as !== undefined) {
      variants.total += 1;
      const base = await readTimed(reader, path.join(corpus, expected.same_as));
      if (base.closure && answer.closure && isSameAnswer(base.closure, answer.closure)) {
        variants.equal += 1;
      } else {
        notes.push(`${entry.file}: another answer than ${expected.same_as}`);
      }
      continue;
    }
    const level = entry.truth.slice(0, 1);
    const tally = (levels[level] ??= emptyTally());
    const demand = demandOf(corpus, entry);
    const judged = answer.closure ? judge(demand, answer.closure) : nothingOf(demand);
    if (answer.error !== null) notes.push(`${entry.file}: ${answer.error}`);
    for (const miss of judged.misses) notes.push(`${entry.file}: MISS ${miss}`);
    for (const extra of judged.extras) notes.push(`${entry.file}: EXTRA ${extra}`);
    for (const sum of [tally, all]) {
      sum.scenes += 1;
      sum.expected += judged.expected;
      sum.found += judged.expected - judged.misses.length;
      sum.answered += judged.answered;
      sum.right += judged.answered - judged.extras.length;
    }
    const truth = activeScene(expected);
    if (!truth || !answer.closure) continue;
    settings.total += 1;
    const differences = settingDifferences(truth, answer.closure);
    if (differences.length === 0) settings.equal += 1;
    else notes.push(`${entry.file}: SETTINGS ${differences.join(', ')}`);
  }
  const recall = share(all.found, all.expected);
  const precision = share(all.right, all.answered);
  const passed =
    recall >= FLOORS.recall &&
    precision >= FLOORS.precision &&
    broken.refused === broken.total &&
    broken.slowestMs < FLOORS.brokenMs &&
    variants.equal === variants.total;
  return { levels, all, recall, precision, broken, variants, settings, slowestMs, notes, passed };
}

async function readTimed(
  reader: SceneReader,
  scenePath: string,
): Promise<{ closure: Closure | null; error: string | null; ms: number }> {
  const start = performance.now();
  try {
    const closure = await reader.read(scenePath as LocalPath);
    return { closure, error: null, ms: performance.now() - start };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { closure: null, error: error.message, ms: performance.now() - start };
  }
}

/** '@' stands for the case folder of a generated scene and for the repository of a real one. */
function demandOf(corpus: string, entry: Entry): Demand {
  const [source = '', caseName = ''] = entry.file.split('/');
  const root = path.join(corpus, source, source === 'generated' ? caseName : '');
  const absolute = (written: string): string => {
    const full = written.startsWith('@/') ? path.join(root, written.slice(2)) : written;
    return full.startsWith('/') ? path.posix.normalize(full) : full;
  };
  const { expected } = entry;
  if (expected.closure_used) {
    // bpy also lists a Windows path once more, with its drive as a folder of the root.
    const missing = expected.closure_used.missing.filter((item) => !isDriveTwin(item));
    const listed = expected.closure_used.files.map(absolute);
    return {
      files: new Set(listed.filter((item) => !isFolder(item))),
      missing: new Set(missing.map(absolute)),
      tolerated: listed.filter(isFolder),
      followsLibraries: true,
    };
  }
  const sceneDir = path.dirname(path.join(corpus, entry.file));
  const said = expected.blender_says;
  const dependencies = (said ?? expected.as_in_file)?.deps ?? [];
  const paths: string[] = [];
  const tolerated: string[] = [];
  for (const dependency of dependencies) {
    if (dependency.packed === true) continue;
    const whole =
      dependency.resolved === undefined
        ? rawPath(sceneDir, dependency.raw)
        : absolute(dependency.resolved);
    // Paths that bpy lists without an owner: default cache folders, drive twins.
    if (dependency.kind === 'other_blend_path') tolerated.push(whole);
    else if (dependency.kind === 'particles') tolerated.push(whole);
    else paths.push(...expandDependency(dependency, whole));
  }
  return {
    files: new Set(paths.filter((item) => isFile(item))),
    missing: new Set(paths.filter((item) => !isFile(item))),
    tolerated,
    followsLibraries: said !== undefined,
  };
}

function rawPath(sceneDir: string, raw: string): string {
  const slashed = raw.replaceAll('\\', '/');
  return slashed.startsWith('//') ? path.posix.join(sceneDir, slashed.slice(2)) : slashed;
}

function expandDependency(dependency: Dependency, whole: string): string[] {
  if (dependency.elements) {
    return dependency.elements.map((element) => path.posix.join(whole, element));
  }
  if (dependency.tiles) {
    return dependency.tiles.map((tile) => whole.replaceAll('<UDIM>', String(tile)));
  }
  return [whole];
}

function isDriveTwin(written: string): boolean {
  return /^\/[a-z]\//.test(written);
}

function isFolder(item: string): boolean {
  return statSync(item, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(item: string): boolean {
  return statSync(item, { throwIfNoEntry: false })?.isFile() === true;
}

interface Judged {
  readonly expected: number;
  readonly answered: number;
  readonly misses: readonly string[];
  readonly extras: readonly string[];
}

function judge(demand: Demand, closure: Closure): Judged {
  const there = new Set<string>();
  const absent = new Set<string>();
  const rawOf = new Map(closure.missing.map((item) => [item.path, rawText(item.raw)]));
  let answered = 0;
  const extras: string[] = [];
  for (const file of closure.files) {
    if (file.path === closure.scene) continue;
    if (!demand.followsLibraries && file.via !== closure.scene) continue;
    answered += 1;
    const raw = rawOf.get(file.path);
    (file.exists ? there : absent).add(file.path);
    if (raw !== undefined) absent.add(raw);
    const wanted = file.exists
      ? demand.files.has(file.path)
      : demand.missing.has(file.path) || (raw !== undefined && demand.missing.has(raw));
    if (!wanted && !isTolerated(demand, file.path)) {
      extras.push(`${file.path} (${file.exists ? 'exists' : 'missing'}, ${file.kind})`);
    }
  }
  const misses = [
    ...[...demand.files].filter((item) => !there.has(item)).map((item) => reason(item, absent)),
    ...[...demand.missing].filter((item) => !absent.has(item)).map((item) => reason(item, there)),
  ];
  return { expected: demand.files.size + demand.missing.size, answered, misses, extras };
}

function nothingOf(demand: Demand): Judged {
  const misses = [...demand.files, ...demand.missing].map((item) => `${item} (not read)`);
  return { expected: misses.length, answered: 0, misses, extras: [] };
}

function rawText(raw: string): string {
  const unc = raw.startsWith('\\\\');
  return unc ? `\\\\${raw.slice(2).replaceAll('\\', '/')}` : raw.replaceAll('\\', '/');
}

function reason(item: string, otherwise: ReadonlySet<string>): string {
  return `${item} (${otherwise.has(item) ? 'given with the wrong status' : 'not given'})`;
}

function isTolerated(demand: Demand, item: string): boolean {
  return demand.tolerated.some((folder) => item === folder || item.startsWith(`${folder}/`));
}

/** A container variant lies beside its base; only the scene's own entry differs. */
function isSameAnswer(base: Closure, variant: Closure): boolean {
  const facts = (closure: Closure): string =>
    JSON.stringify({
      files: closure.files
        .filter((file) => file.path !== closure.scene)
        .map((file) => `${file.path} ${file.kind} ${file.exists} ${file.size}`)
        .toSorted(byText),
      missing: closure.missing.map((item) => `${item.path} ${item.raw}`).toSorted(byText),
      frames: closure.frames,
      engine: closure.engine,
      outputs: closure.outputs,
      cameras: closure.cameras,
    });
  return facts(base) === facts(variant);
}

function activeScene(expected: Expected): SceneTruth | undefined {
  const scenes = (expected.as_in_file ?? expected).scenes ?? [];
  return scenes.find((scene) => scene.active);
}

function settingDifferences(truth: SceneTruth, closure: Closure): string[] {
  const wanted = {
    first: truth.frame_start,
    last: truth.frame_end,
    step: truth.frame_step,
    fps: truth.fps,
    engine: truth.engine,
    output: truth.output,
    camera: truth.camera,
  };
  const given: typeof wanted = {
    first: closure.frames?.first ?? Number.NaN,
    last: closure.frames?.last ?? Number.NaN,
    step: closure.frames?.step ?? Number.NaN,
    fps: closure.frames?.fps ?? Number.NaN,
    engine: closure.engine ?? '',
    output: closure.outputs[0]?.raw ?? '',
    camera: truth.camera === null ? null : (closure.cameras[0] ?? null),
  };
  return (
    (Object.keys(wanted) as (keyof typeof wanted)[])
      // Fields that the writing Blender did not have yet are null in the truth.
      .filter((key) => wanted[key] !== null && wanted[key] !== given[key])
      .map((key) => `${key} is ${String(given[key])}, not ${String(wanted[key])}`)
  );
}

function byText(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function emptyTally(): Tally {
  return { scenes: 0, expected: 0, found: 0, answered: 0, right: 0 };
}

function share(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole;
}

function print(score: Score): void {
  console.log('truth   scenes   references   recall   answered   precision');
  for (const level of Object.keys(score.levels).toSorted(byText)) {
    console.log(row(level, score.levels[level] ?? emptyTally()));
  }
  console.log(row('all', score.all));
  const { broken, variants, settings } = score;
  console.log(
    `broken files refused: ${broken.refused} of ${broken.total}, slowest ${Math.round(broken.slowestMs)} ms`,
  );
  console.log(`container variants with the same answer: ${variants.equal} of ${variants.total}`);
  console.log(`scene settings equal: ${settings.equal} of ${settings.total}`);
  console.log(`slowest scene: ${Math.round(score.slowestMs)} ms`);
  for (const note of score.notes) console.log(`  ${note}`);
  console.log(score.passed ? 'PASSED' : 'FAILED: below the floor of 99 % recall, 98 % precision');
}

function row(level: string, tally: Tally): string {
  const percent = (part: number, whole: number): string =>
    `${(share(part, whole) * 100).toFixed(2)} %`;
  return [
    level.padEnd(6),
    String(tally.scenes).padStart(8),
    String(tally.expected).padStart(13),
    percent(tally.found, tally.expected).padStart(9),
    String(tally.answered).padStart(11),
    percent(tally.right, tally.answered).padStart(12),
  ].join('');
}

await main();
