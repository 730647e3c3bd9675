// Builds the app into out/: run as `node vite.config.ts`. Three plain builds, one per world the code runs in.

import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { build, type InlineConfig } from 'vite';

const root = import.meta.dirname;

/** Name of the built file → its source. All lie flat in one folder: a process finds its children beside itself. */
const MAIN_ENTRIES = {
  app: 'main/app.ts',
  agent: 'main/agent.ts',
  cli: 'main/cli.ts',
  'mount-child': 'main/adapters/disk/mount-child.ts',
  'scene-worker': 'main/scenes/scene-worker.ts',
  sandbox: 'main/sandbox/main.ts',
  'preview-render': 'main/sandbox/preview-render.ts',
};

const common: InlineConfig = { configFile: false, root, logLevel: 'warn', publicDir: false };

/** Node's world: run-time dependencies stay outside and come from node_modules. */
const main: InlineConfig = {
  ...common,
  build: {
    ssr: true,
    outDir: 'out/main',
    emptyOutDir: true,
    // The oldest runtime that loads any of it: the shell also runs in Electron 33, which has Node 20.
    target: 'node20',
    minify: false,
    rolldownOptions: {
      input: MAIN_ENTRIES,
      output: { entryFileNames: '[name].js', chunkFileNames: 'shared-[hash].js' },
    },
  },
};

/** A sandboxed preload is one CommonJS file that can require nothing but electron. */
const preload: InlineConfig = {
  ...common,
  build: {
    outDir: 'out/preload',
    emptyOutDir: true,
    target: 'chrome130',
    minify: false,
    rolldownOptions: {
      input: { preload: 'preload/preload.ts' },
      external: ['electron'],
      output: { format: 'cjs', entryFileNames: '[name].cjs' },
    },
  },
};

/** The page: loaded from disk, so every address in it is relative; nothing inline, for the sake of its CSP. */
const renderer: InlineConfig = {
  ...common,
  root: join(root, 'renderer'),
  base: './',
  plugins: [react()],
  build: {
    outDir: join(root, 'out/renderer'),
    emptyOutDir: true,
    target: 'chrome130',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
};

for (const config of [main, preload, renderer]) await build(config);
