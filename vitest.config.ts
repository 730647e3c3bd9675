// Two groups of tests: 'fast' (unit, contract, faults) and 'e2e' (built app in real windows, one at a time).

import { defineConfig } from 'vitest/config';
import { countsReporter } from './test/counts-reporter.ts';

export default defineConfig({
  test: {
    reporters: ['default', countsReporter()],
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
          exclude: ['test/e2e/**'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
