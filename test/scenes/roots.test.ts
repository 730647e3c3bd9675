// What a scene says is looked up only inside the roots that are allowed.

import { mkdirSync, symlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDisk, type LocalPlace } from '../../main/scenes/disk.ts';
import { createSceneReader, type SceneReaderOptions } from '../../main/scenes/reader.ts';
import { createBlend } from './blend-writer.ts';
import { addImage, addLibrary, blendWithScene, createStage, type Stage } from './stage.ts';

let stage: Stage;
let roots: readonly string[] | null = null;
const reader = createSceneReader({ roots: () => roots });
beforeEach(() => {
  stage = createStage();
  roots = [stage.path('project')];
});
afterEach(() => stage[Symbol.dispose]());
afterAll(() => reader[Symbol.asyncDispose]());

function sceneWith(...paths: readonly string[]): Buffer {
  const blend = blendWithScene();
  for (const path of paths) addImage(blend, path);
  return blend.bytes();
}

test('a file outside the roots is missing with a warning, although it is there', async () => {
  stage.write('outside/a.png');
  stage.write('project/b.png');
  const scene = stage.write('project/sh.blend', sceneWith('//../outside/a.png', '//b.png'));
  const closure = await reader.read(scene);
  expect(stage.names(closure)).toEqual(['project/b.png']);
  expect(stage.missing(closure)).toEqual(['outside/a.png']);
  expect(closure.warnings.join()).toContain('outside the folders');
});

test('without roots the same file is found', async () => {
  roots = null;
  stage.write('outside/a.png');
  const scene = stage.write('project/sh.blend', sceneWith('//../outside/a.png'));
  expect(stage.names(await reader.read(scene))).toEqual(['outside/a.png']);
});

test('a library outside the roots is not opened', async () => {
  const library = createBlend({ version: 304 });
  addImage(library, '//c.png');
  stage.write('outside/lib.blend', library.bytes());
  stage.write('outside/c.png');
  const blend = blendWithScene();
  addLibrary(blend, '//../outside/lib.blend', ['IMc.png']);
  const closure = await reader.read(stage.write('project/sh.blend', blend.bytes()));
  expect(stage.names(closure)).toEqual([]);
  expect(stage.missing(closure)).toEqual(['outside/lib.blend']);
});

test('sequences and cache folders outside the roots are not listed', async () => {
  stage.write('outside/a.0001.png');
  stage.write('outside/data/x_0001.vdb');
  const blend = blendWithScene();
  addImage(blend, '//../outside/a.0001.png', { source: 2 });
  blend.add('OB', 'Object', { 'id.name': 'OBfluid' });
  blend.add('DATA', 'FluidDomainSettings', { cache_directory: '//../outside', cache_flag: 2 });
  const closure = await reader.read(stage.write('project/sh.blend', blend.bytes()));
  expect(stage.names(closure)).toEqual([]);
});

describe.skipIf(process.platform === 'win32')('links', () => {
  test('are followed inside the roots, and not out of them', async () => {
    stage.write('outside/a.png');
    stage.write('project/real/b.png');
    symlinkSync(stage.path('outside'), stage.path('project/away'));
    symlinkSync(stage.path('outside/a.png'), stage.path('project/a.png'));
    symlinkSync('real', stage.path('project/near'));
    const scene = stage.write(
      'project/sh.blend',
      sceneWith('//away/a.png', '//a.png', '//near/b.png'),
    );
    const closure = await reader.read(scene);
    expect(stage.names(closure)).toEqual(['project/near/b.png']);
    expect(stage.missing(closure)).toEqual(['project/a.png', 'project/away/a.png']);
  });

  test('that lead in a circle end', async () => {
    mkdirSync(stage.path('project'), { recursive: true });
    symlinkSync('two', stage.path('project/one'));
    symlinkSync('one', stage.path('project/two'));
    const scene = stage.write('project/sh.blend', sceneWith('//one/a.png'));
    expect(stage.missing(await reader.read(scene))).toEqual(['project/one/a.png']);
  });

  test('of the root itself are fine: the studio chose it', async () => {
    stage.write('real/b.png');
    symlinkSync('real', stage.path('project'));
    const scene = stage.write('project/sh.blend', sceneWith('//b.png'));
    expect(stage.names(await reader.read(scene))).toEqual(['project/b.png']);
  });
});

test('a name that only begins like a root is outside it', () => {
  const place = (path: string): LocalPlace => ({ kind: 'local', path, remote: false });
  stage.write('project-old/a.png');
  const disk = createDisk(roots);
  expect(disk.look(place(stage.path('project-old/a.png')))).toEqual({ kind: 'outside' });
  expect(disk.list(place(stage.dir))).toEqual({ kind: 'outside' });
});

test('a place on another machine is touched only inside a root', () => {
  const remote: LocalPlace = { kind: 'local', path: stage.path('a.png'), remote: true };
  stage.write('a.png');
  expect(createDisk(null).look(remote)).toEqual({ kind: 'outside' });
  expect(createDisk([stage.dir]).look(remote)).toMatchObject({ kind: 'file' });
});

test('roots may be a plain list', async () => {
  const options: SceneReaderOptions = { roots: [stage.path('elsewhere')] };
  await using other = createSceneReader(options);
  stage.write('project/b.png');
  const closure = await other.read(stage.write('project/sh.blend', sceneWith('//b.png')));
  expect(stage.missing(closure)).toEqual(['project/b.png']);
});
