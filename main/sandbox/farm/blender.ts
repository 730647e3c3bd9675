// The Blender plug-in of a worker: renders frames of a scene, and refuses where payload has not arrived.

import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TaskError, type PluginRun } from './plugin-run.ts';

export async function renderWithBlender(run: PluginRun, executable: string): Promise<void> {
  const { place, info, first, last } = run;
  const scene = run.payloadPath(info['SceneFile'] ?? '');
  if (!(await isThere(scene)))
    throw new TaskError(`The scene file "${info['SceneFile']}" has not arrived on ${place.name}.`);
  const output = run.payloadPath(info['OutputFile'] ?? '');
  await mkdir(dirname(output), { recursive: true });
  const before = await timesIn(dirname(output));
  const start = ['-b', '--factory-startup', '-noaudio', '--python-exit-code', '9', scene];
  const frames = ['-o', output, '-x', '1', '-s', String(first), '-e', String(last), '-a'];
  const args = (prepare: string): string[] =>
    start.concat('-t', '2', '--python-expr', prepare, frames);
  let result = await run.spawned(executable, args(`STRICT = True${PREPARE}`));
  const lost = [...result.log.matchAll(LOST_INPUT)].map((match) => run.localised(match[1] ?? ''));
  if (lost.length > 0) {
    const [late] = lost.filter((path) => place.exists(path));
    if (late !== undefined) throw new TaskError(`"${late}" has not arrived on ${place.name}.`);
    // Nobody anywhere has these: Blender renders without them, as it does on any farm.
    result = await run.spawned(executable, args(`STRICT = False${PREPARE}`));
  }
  if (result.code !== 0) {
    const said = /^Error: (.+)$/m.exec(run.localised(result.log))?.[1] ?? 'it gave no reason';
    throw new TaskError(`Blender exited with code ${result.code}: ${said}.`);
  }
  for (let frame = first; frame <= last; frame += 1) {
    const stem = basename(framePath(output, frame));
    const after = await timesIn(dirname(output));
    const isNew = [...after].some(
      ([name, time]) => (name === stem || name.startsWith(`${stem}.`)) && before.get(name) !== time,
    );
    if (!isNew) throw new TaskError(`Blender wrote no file for frame ${frame}.`);
  }
}

/**
 * Run by Blender before it renders: without a file it needs Blender goes on, in pink, and exits with 0.
 * Debian's build has no OpenImageDenoise and refuses to render with denoising on.
 */
const PREPARE = `
import bpy, os, sys
lost = []
def need(path, owner):
    path = bpy.path.abspath(path, library=owner.library) if path else ''
    if path and not os.path.exists(path): lost.append(path)
for image in bpy.data.images:
    if image.packed_file or image.users == 0: continue
    if image.source == 'TILED':
        for tile in image.tiles: need(image.filepath.replace('<UDIM>', str(tile.number)), image)
    elif image.source in ('FILE', 'SEQUENCE', 'MOVIE'): need(image.filepath, image)
for kind in ('libraries', 'sounds', 'cache_files', 'volumes', 'movieclips'):
    for item in getattr(bpy.data, kind):
        if not getattr(item, 'packed_file', None): need(item.filepath, item)
for font in bpy.data.fonts:
    if not font.packed_file and font.filepath != '<builtin>': need(font.filepath, font)
for thing in bpy.data.objects:
    for modifier in thing.modifiers:
        if modifier.type == 'MESH_CACHE': need(modifier.filepath, thing)
for path in sorted(set(lost)): print('Not on this worker: ' + os.path.normpath(path))
if lost and STRICT: sys.exit(9)
for scene in bpy.data.scenes:
    if hasattr(scene, 'cycles'): scene.cycles.use_denoising = False
`;

const LOST_INPUT = /^Not on this worker: (.+)$/gm;

function framePath(output: string, frame: number): string {
  const digits = (width: number): string =>
    `${frame < 0 ? '-' : ''}${String(Math.abs(frame)).padStart(width - (frame < 0 ? 1 : 0), '0')}`;
  return /#+/.test(output)
    ? output.replace(/#+(?!.*#)/, (hashes) => digits(hashes.length))
    : `${output}${digits(4)}`;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Blender adds its format's extension, so a frame is found by its stem. */
async function timesIn(dir: string): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const name of await readdir(dir)) {
    const found = await stat(join(dir, name)).catch(() => null);
    if (found) times.set(name, found.mtimeMs);
  }
  return times;
}
