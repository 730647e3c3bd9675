// `npm run bench -- NAME`: runs one comparison of this folder.

import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

const names = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => basename(name, '.ts'))
  .filter((name) => name !== 'bench');
const [, , wanted = ''] = process.argv;

if (names.includes(wanted)) {
  process.argv.splice(2, 1);
  await import(join(import.meta.dirname, `${wanted}.ts`));
} else {
  console.error(`Name a bench: ${names.join(', ')}.`);
  process.exitCode = 2;
}
