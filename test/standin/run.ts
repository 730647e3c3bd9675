// Fork this with the built main bundle as its argument: 'electron' resolves to the stand-in, the rest is the app.

import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { pretendElectron } from './pretend.ts';

const standin = new URL('./electron.ts', import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'electron' ? { url: standin, shortCircuit: true } : next(specifier, context),
});

pretendElectron();
await import(pathToFileURL(process.argv[2] ?? '').href);
const { serveTest } = await import('./control.ts');
serveTest();
const { app } = await import('./app.ts');
app.markReady();
