// The whole corpus against its truth, where it is there: the floors of the bench hold.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const corpus = join(root, '../shared/scenes/blender/manifest.json');

test('recall is at least 99 % and precision at least 98 %', async (context) => {
  context.skip(!existsSync(corpus), 'there is no scene corpus beside the repository');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(root, 'bench/scenes.ts'), '--json'],
    { timeout: 110_000, maxBuffer: 16 * 1024 * 1024 },
  );
  const score = JSON.parse(stdout) as {
    recall: number;
    precision: number;
    broken: { total: number; refused: number; slowestMs: number };
    variants: { total: number; equal: number };
    settings: { total: number; equal: number };
  };
  expect(score.recall).toBeGreaterThanOrEqual(0.99);
  expect(score.precision).toBeGreaterThanOrEqual(0.98);
  expect(score.broken.refused).toBe(score.broken.total);
  expect(score.broken.slowestMs).toBeLessThan(1_000);
  expect(score.variants.equal).toBe(score.variants.total);
  expect(score.settings.equal).toBe(score.settings.total);
}, 120_000);
