// The real engine over the in-memory studio and real files, with a clock that runs faster than the wall's.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createFiles } from '../../main/adapters/disk/files.ts';
import { createWatcher } from '../../main/adapters/disk/watcher.ts';
import { createLog } from '../../main/adapters/log/log.ts';
import { systemClock } from '../../main/adapters/clock/system.ts';
import type { EnginePorts, Studio } from '../../main/engine/context.ts';
import type { Closure, ClosureFile, MissingReference } from '../../main/engine/core/closure.ts';
import { createEngine, type Engine } from '../../main/engine/engine.ts';
import type { Clock } from '../../main/engine/ports/clock.ts';
import type { SceneReader } from '../../main/engine/ports/scenes.ts';
import { fakeStudio, type FakeWorld } from './fake-studio.ts';

/** Sleeps `speed` times shorter than asked; the wall clock and monotonic time run on as they are. */
export function fastClock(speed = 20): Clock {
  const real = systemClock();
  return { ...real, sleep: (delayMs, options) => real.sleep(delayMs / speed, options) };
}

/** A scene here is a text file: each line names a file beside it. */
export const plainScenes: SceneReader = {
  isScene: (name) => name.endsWith('.scene'),
  async read(path) {
    const wanted = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    const files: ClosureFile[] = [];
    const missing: MissingReference[] = [];
    for (const raw of ['', ...wanted]) {
      const full = raw === '' ? path : join(dirname(path), raw);
      const facts = await stat(full).catch(() => null);
      const kind = raw === '' ? 'scene' : 'image';
      if (facts)
        files.push({
          path: full,
          kind,
          exists: true,
          size: facts.size,
          via: raw === '' ? null : path,
        });
      else missing.push({ path: full, raw, kind, via: path });
    }
    return {
      scene: path,
      format: 'blend',
      dcc: { name: 'Blender', version: '3.4' },
      frames: { first: 1, last: 3, step: 1, fps: 24 },
      engine: 'CYCLES',
      cameras: ['Camera'],
      outputs: [],
      files,
      missing,
      warnings: [],
    } satisfies Closure;
  },
};

export interface FakeEngine {
  readonly stateDir: string;
  readonly world: FakeWorld;
  readonly studio?: Studio;
  /** Wraps the ports, to count calls or to fail them. */
  wrap?(ports: EnginePorts): EnginePorts;
  onShutdown?(): void;
}

export function startFakeEngine(options: FakeEngine): Promise<Engine> {
  const { world, stateDir } = options;
  const log = createLog({ write: () => undefined });
  const ports: EnginePorts = {
    clock: fastClock(),
    log,
    files: createFiles(),
    watcher: createWatcher({ log }),
    scenes: plainScenes,
    objects: world.objects,
    farm: world.farm,
    gateways: world.gateways,
    anvils: new Map(),
  };
  return createEngine({
    stateDir,
    ports: options.wrap?.(ports) ?? ports,
    studio: options.studio ?? fakeStudio,
    identity: { version: '0.0.0-test', pid: process.pid, user: 'artist', workstation: 'ws-1' },
    onShutdown: options.onShutdown ?? (() => undefined),
    newBrowserLink: () => null,
  });
}

/** A project folder with one scene that needs two textures. */
export function makeProject(dir: string): { dir: string; scene: string } {
  mkdirSync(join(dir, 'tex'), { recursive: true });
  writeFileSync(join(dir, 'tex/wood.png'), 'wood');
  writeFileSync(join(dir, 'tex/rock.png'), 'rocky');
  const scene = join(dir, 'sh010.scene');
  writeFileSync(scene, 'tex/wood.png\ntex/rock.png\n');
  return { dir, scene };
}
