// A temporary folder with scenes in it, and the blocks that most of them hold.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { Closure } from '../../main/engine/core/closure.ts';
import type { LocalPath } from '../../main/engine/core/names.ts';
import { createBlend, type BlendLayout, type BlendWriter, type Values } from './blend-writer.ts';

export interface Stage extends Disposable {
  readonly dir: string;
  path(name: string): LocalPath;
  write(name: string, content?: string | Buffer): LocalPath;
  /** The closure's files as names below the folder, without the scene itself. */
  names(closure: Closure): string[];
  missing(closure: Closure): string[];
}

export function createStage(): Stage {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-scenes-'));
  const path = (name: string): LocalPath => join(dir, name) as LocalPath;
  return {
    dir,
    path,
    write(name, content = 'x') {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
      return path(name);
    },
    names: (closure) =>
      closure.files
        .filter((file) => file.exists && file.path !== closure.scene)
        .map((file) => relative(dir, file.path))
        .toSorted(),
    missing: (closure) => closure.missing.map((item) => relative(dir, item.path)).toSorted(),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** A file with one scene, frames 1001 to 1048 at 25 per second, rendered to //render/shot_. */
export function blendWithScene(layout: BlendLayout = { version: 304 }): BlendWriter {
  const blend = createBlend(layout);
  const camera = blend.add('OB', 'Object', { 'id.name': 'OBshotCam', type: 11 });
  const scene = blend.add('SC', 'Scene', {
    'id.name': 'SCshot',
    camera: { pointer: camera },
    'r.sfra': 1001,
    'r.efra': 1048,
    'r.frame_step': 2,
    'r.frs_sec': 25,
    'r.frs_sec_base': 1,
    'r.scemode': 1 << 4,
    'r.im_format.imtype': 17,
    'r.pic': '//render/shot_',
    'r.engine': 'CYCLES',
  });
  blend.add('DATA', 'Base', { object: { pointer: camera } });
  blend.add('GLOB', 'FileGlobal', { curscene: { pointer: scene } });
  return blend;
}

/** An image whose source is a file; other values replace or add fields. */
export function addImage(blend: BlendWriter, path: string, values: Values = {}): number {
  const name = `IM${path.replace(/^.*[/\\]/, '')}`.slice(0, 60);
  return blend.add('IM', 'Image', { 'id.name': name, name: path, source: 1, ...values });
}

/** A library and placeholders for the blocks linked from it; returns the placeholders' addresses. */
export function addLibrary(blend: BlendWriter, path: string, linked: readonly string[]): number[] {
  const library = blend.add('LI', 'Library', {
    'id.name': 'LILib',
    name: path,
    // What the file was when it was saved; never to be used.
    filepath: `/nowhere/${path}`,
  });
  return linked.map((name) => blend.add('ID', 'ID', { name, lib: { pointer: library } }));
}
