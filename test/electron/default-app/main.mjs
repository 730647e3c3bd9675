// Stands where Electron's own default app would: `electron [-r module]... [--flags] <app folder>` starts that app.
// Plain JavaScript, because Electron 33 strips no types.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { app } from 'electron';

const require = createRequire(import.meta.url);
const { modules, folder } = read(process.argv.slice(1));
if (folder === null) {
  console.error('Usage: electron [-r module]... [--flags] <app folder>');
  process.exit(2);
}
Object.defineProperty(process, 'defaultApp', { value: true, enumerable: true });
for (const module of modules) require(resolve(module));

const dir = resolve(folder);
const about = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
app.setVersion(about.version);
app.setName(about.productName ?? about.name);
app.setAppPath(dir);
const main = join(dir, about.main);
if (!existsSync(main)) {
  console.error(`${main} is not there. Build the app first: npm run build`);
  process.exit(2);
}
// Top-level await, as in Electron's own: 'ready' must not fire before the app's module was evaluated.
await import(pathToFileURL(main).href);

/** Everything behind the folder is the app's; flags before it are Chromium's. */
function read(args) {
  const modules = [];
  for (let at = 0; at < args.length; at += 1) {
    if (args[at] === '-r' || args[at] === '--require') {
      at += 1;
      modules.push(args[at]);
    } else if (!args[at].startsWith('-')) {
      return { modules, folder: args[at] };
    }
  }
  return { modules, folder: null };
}
