// Keeps a world on disk: one line for the whole, then one for each node, so that a large one is never held twice.

import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StudioError } from './lock.ts';
import { SAVED_VERSION, type SavedHeader, type SavedNode, type World } from './world.ts';

const FILE = 'world.jsonl';
/** Lines are gathered to writes of about this many characters. */
const WRITE_CHARS = 1 << 20;

export function saveWorld(world: World, dir: string): void {
  const path = join(dir, FILE);
  const fd = openSync(`${path}.part`, 'w', 0o600);
  try {
    let text = `${JSON.stringify(world.savedHeader())}\n`;
    for (const node of world.savedNodes()) {
      text += `${JSON.stringify(node)}\n`;
      if (text.length < WRITE_CHARS) continue;
      writeSync(fd, text);
      text = '';
    }
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.part`, path);
}

/** Errors: StudioError with one sentence, for a file that is damaged or of a newer version. */
export function loadWorld(world: World, dir: string): void {
  const path = join(dir, FILE);
  if (!existsSync(path)) return;
  try {
    const lines = linesOf(readFileSync(path));
    const header = lines.next().value as SavedHeader | undefined;
    if (!header) throw new Error('it is empty');
    if (header.version > SAVED_VERSION) {
      throw new StudioError(
        `The folder ${dir} was written by a newer version (${header.version}, this one reads ${SAVED_VERSION}). Use that version, or another folder with --dir.`,
      );
    }
    world.load(header, lines as Iterable<SavedNode>);
    let loaded = 0;
    for (const _node of world.nodes()) loaded += 1;
    if (loaded !== header.nodes) throw new Error(`${loaded} of ${header.nodes} items are in it`);
  } catch (error) {
    if (error instanceof StudioError) throw error;
    throw new StudioError(
      `${path} cannot be read (${error instanceof Error ? error.message : String(error)}). Choose another folder with --dir, or delete this one.`,
      { cause: error },
    );
  }
}

function* linesOf(bytes: Buffer): Generator<unknown> {
  let from = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    yield JSON.parse(bytes.toString('utf8', from, end));
    from = end + 1;
  }
}
