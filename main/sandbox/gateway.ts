// The in-band gateway: a command written into a virtual file of a folder, the answer read from the same name.
// Verbs and answer shapes: reference §3 (hstk hsscript.py, hs-reporter fixtures). Unconfirmed shapes say "assumed".

import { EMPTY, ExpressionError, evaluate, parseExpression, type Value } from './hammerscript.ts';
import { changeFrom } from './gateway/metadata.ts';
import {
  isCurrent,
  snapshotAt,
  subtreeOf,
  type GatewayOptions,
  type Place,
} from './gateway/place.ts';
import { formatText, toJson } from './gateway/print.ts';
import { scopeOf } from './gateway/properties.ts';
import { createSum } from './gateway/sums.ts';
import { instancePath } from './gateway/tables.ts';
import { WorldError, type Node, type SiteName, type World } from './world.ts';

export interface Gateway {
  /** Runs one command as written to `<folder>/.fs_command_gateway <id>` and gives the answer's text. */
  answer(site: SiteName, folder: string, command: string): Promise<string>;
}

/** `<name>?.<verb> <body>`: the name is empty for the folder itself. */
const COMMAND = /^\.\/([^?]*)\?\.([a-z][a-z0-9_-]*)(=\w+)?(?:\s+([\s\S]*))?$/;
const READ = /^(eval|sum)(?:_(compact|raw))?(_rec_nofiles|_rec|_nofiles)?(_json)?$/;
const SET = /^set(_rec_nofiles|_rec)?(_json)?$/;

export function createGateway(world: World, options: GatewayOptions): Gateway {
  async function answer(site: SiteName, folder: string, command: string): Promise<string> {
    try {
      const said = await run(site, folder, command.replace(/\0+$/, '').trim());
      // Answers end their last line: hstk's own reader takes one character off each line [C hs_eval].
      return said === '' || said.endsWith('\n') ? said : `${said}\n`;
    } catch (error) {
      // Error wording of the real server is unknown; what matters is that it is text and no status exists.
      if (error instanceof ExpressionError || error instanceof WorldError)
        return `ERROR: ${error.message}\n`;
      throw error;
    }
  }

  async function run(site: SiteName, folder: string, command: string): Promise<string> {
    const match = COMMAND.exec(command);
    if (!match) throw new ExpressionError('not a command');
    const [, name = '', verb = '', argument = '', body = ''] = match;
    const node = world.find(site, name === '' ? folder : `${folder}/${name}`);
    if (!node) throw new ExpressionError('ENOENT no such file or directory');
    const place: Place = { world, options, site, node, base: node };
    const reading = READ.exec(verb);
    if (reading) return read(place, reading, body);
    const setting = SET.exec(verb);
    if (setting)
      return set(place, body.trim(), { scope: setting[1], json: setting[2] !== undefined });
    if (verb === 'attribute' && argument === '=inode_info') return inodeInfo(place);
    if (verb === 'rm-rf') return removeBelow(place);
    if (verb === 'cp-a') return clone(place, body.trim());
    throw new ExpressionError(`unknown verb ${verb}${argument}`);
  }

  function read(place: Place, verb: RegExpExecArray, body: string): string {
    const [, kind, style, recursion = '', json] = verb;
    const print = (value: Value): string =>
      json === undefined
        ? formatText(value, { raw: style === 'raw' })
        : JSON.stringify(toJson(value));
    const expression = parseExpression(body);
    if (kind === 'sum') {
      const sum = createSum();
      for (const target of below(place, recursion)) sum.add(evaluate(expression, scopeOf(target)));
      return print(sum.total());
    }
    if (recursion === '') return print(evaluate(expression, scopeOf(place)));
    // assumed: one line, and one JSON document, for each item that has a value
    const lines: string[] = [];
    for (const target of targetsOf(place, recursion)) {
      const value = evaluate(expression, scopeOf(target));
      if (value.kind !== 'empty') lines.push(print(value));
    }
    return lines.length === 0 ? print(EMPTY) : lines.join('\n');
  }

  function set(
    place: Place,
    body: string,
    options: { scope: string | undefined; json: boolean },
  ): string {
    const change = changeFrom(body, options);
    let isMissing = false;
    for (const target of targetsOf(place, options.scope ?? '')) {
      const changed = change.of(target, scopeOf(target));
      if (changed === null) isMissing = true;
      else if (Object.keys(changed).length > 0) world.update(place.site, target.node, changed);
    }
    if (isMissing) throw new ExpressionError(change.missing);
    return '';
  }

  /** [C dea]: the instances by the internal id of their volume. */
  function inodeInfo(place: Place): string {
    const { size } = snapshotAt(place);
    return JSON.stringify({
      size,
      instance: isCurrent(place) ? [{ obs: 1, path: instancePath(place) }] : [],
      archive: [],
    });
  }

  /** The folder itself stays: `hs rm` removes it by an ordinary rmdir [C hstk do_rm_rf]. */
  async function removeBelow({ site, node }: Place): Promise<string> {
    if (node.kind !== 'folder') throw new ExpressionError('ENOTDIR not a directory');
    await options.removeBelow(site, node);
    return '';
  }

  async function clone({ site, node }: Place, body: string): Promise<string> {
    const into = /^\d{1,15}$/.test(body) ? world.node(Number(body)) : undefined;
    if (into?.kind !== 'folder')
      throw new ExpressionError('ENOTDIR no such directory to copy into');
    for (let at: Node | null = into; at; at = at.parent)
      if (at === node) throw new ExpressionError('EINVAL a folder cannot be copied into itself');
    await options.clone(site, node, into);
    return '';
  }

  return { answer };
}

function* targetsOf(place: Place, recursion: string): Generator<Place> {
  if (!recursion.startsWith('_rec')) {
    yield place;
    return;
  }
  for (const node of subtreeOf(place))
    if (recursion !== '_rec_nofiles' || node.kind === 'folder') yield { ...place, node };
}

/** What a sum adds up: a folder counts what lies in it, not itself [C hstk `usage dirs`]. */
function* below(place: Place, recursion: string): Generator<Place> {
  for (const node of subtreeOf(place)) {
    if (node === place.node && node.kind === 'folder') continue;
    if (recursion !== '_nofiles' || node.kind === 'folder') yield { ...place, node };
  }
}
