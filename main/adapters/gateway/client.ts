// The in-band gateway of one site: builds commands, reads every write back, and turns answers into the engine's words.

import { AgentError } from '../../engine/base/errors.ts';
import type { NamespacePath } from '../../engine/core/names.ts';
import { baseNameOf, parentOf, relativeInside } from '../../engine/core/paths.ts';
import type {
  CallOptions,
  Gateway,
  Mark,
  NamespaceItem,
  Participant,
  PeerReplication,
} from '../../engine/ports/namespace.ts';
import { parseAnswer, type AnswerRow, type AnswerValue } from './answers.ts';
import type { GatewayTransport } from './transport.ts';

const DEADLINE_MS = 30_000;
const TREE_DEADLINE_MS = 120_000;
const EXCHANGES_AT_ONCE = 3;
const RAW_TEXT_CHARS = 2_000;

/** One line per item; DPATH comes first so that lines identify themselves. */
const TREE_COLUMNS = [
  'DPATH',
  'IS_FILE',
  'TYPE',
  'SIZE',
  'MODIFY_TIME',
  'HAS_ONLINE_INSTANCE',
  'IS_BEING_MOVED',
  'DATA_ORIGIN_SITE',
] as const;

export function createGateway(options: {
  siteName: string;
  sharePath: string;
  transport: GatewayTransport;
}): Gateway {
  const { siteName, sharePath, transport } = options;
  const turns = createTurns(EXCHANGES_AT_ONCE);

  async function ask(
    question: { dir: NamespacePath; text: string; deadlineMs?: number },
    call: CallOptions,
  ): Promise<string> {
    checkInside(sharePath, question.dir);
    return turns.take(question.dir, call.signal, () =>
      transport.exchange({
        dir: question.dir,
        text: question.text,
        deadlineMs: question.deadlineMs ?? DEADLINE_MS,
        signal: call.signal,
      }),
    );
  }

  /** A folder is asked in its own gateway file, a file in the one of its folder (hstk run_cmd). */
  async function addressOf(
    target: NamespacePath,
    call: CallOptions,
  ): Promise<{ dir: NamespacePath; prefix: string }> {
    checkInside(sharePath, target);
    if (relativeInside(sharePath, target) === '') return { dir: target, prefix: './' };
    checkName(target);
    const isFolder = await transport.isFolder(target, { signal: call.signal });
    return isFolder === true
      ? { dir: target, prefix: './' }
      : { dir: parentOf(target) as NamespacePath, prefix: `./${baseNameOf(target)}` };
  }

  async function readValues(
    dir: NamespacePath,
    expression: string,
    call: CallOptions,
  ): Promise<readonly AnswerValue[]> {
    const text = await ask({ dir, text: `./?.${expression}` }, call);
    const values = parseAnswer(text);
    if (values) return values;
    throw unexpected(`asked for ${expression} in ${dir}`, text);
  }

  async function rows(
    dir: NamespacePath,
    expression: string,
    call: CallOptions,
  ): Promise<AnswerRow[]> {
    const values = await readValues(dir, expression, call);
    return values.flatMap((value) => (value.kind === 'table' ? [...value.rows] : []));
  }

  async function has(target: NamespacePath, mark: Mark, call: CallOptions): Promise<boolean> {
    const address = await addressOf(target, call);
    const text = await ask(
      { dir: address.dir, text: `${address.prefix}?.eval ${questionFor(mark)}` },
      call,
    );
    const answer = holds(mark, parseAnswer(text));
    if (answer !== null) return answer;
    throw unexpected(`asked whether ${target} carries ${markText(mark)}`, text);
  }

  /** No status exists, so the write counts only when it reads back; one second try covers a lost write. */
  async function write(
    change: { target: NamespacePath; mark: Mark; command: string; wanted: boolean },
    call: CallOptions,
  ): Promise<void> {
    const { target, mark, wanted } = change;
    const address = await addressOf(target, call);
    let complaint = '';
    for (let round = 0; round < 2; round += 1) {
      complaint = await ask(
        { dir: address.dir, text: `${address.prefix}?.set ${change.command}` },
        call,
      );
      if ((await has(target, mark, call)) === wanted) return;
    }
    const verb = wanted ? 'did not take' : 'still carries';
    throw unexpected(
      `told to ${wanted ? 'mark' : 'unmark'} ${target}, which ${verb} ${markText(mark)},`,
      complaint,
    );
  }

  function unexpected(what: string, text: string): AgentError {
    const said = text.trim().slice(0, 200);
    return new AgentError('unexpected-answer', {
      message: `The gateway of ${siteName}, ${what} answered ${said === '' ? 'nothing' : `"${said}"`}. Check your rights there; it can be retried.`,
      retry: 'later',
      facts: { site: siteName, answer: text.slice(0, RAW_TEXT_CHARS) },
    });
  }

  async function participants(dir: NamespacePath, call: CallOptions = {}): Promise<Participant[]> {
    const found = await rows(dir, 'eval_json THIS.PARTICIPANTS', call);
    return found.flatMap((row) => {
      const name = textOf(row.get('SITE_NAME'));
      // The share-wide id is what collision suffixes show; the view-local ID is 0 for every site's own view.
      const id = numberOf(row.get('SITE_PARTICIPANT_ID')) ?? numberOf(row.get('ID'));
      return name === null || id === null ? [] : [{ id, siteName: name }];
    });
  }

  return {
    siteName,
    participants,
    hasMark: async (target, mark, call = {}) => {
      checkMark(mark);
      return has(target, mark, call);
    },
    addMark: async (target, mark, call = {}) => {
      checkMark(mark);
      await write({ target, mark, command: additionOf(mark), wanted: true }, call);
    },
    removeMark: async (target, mark, call = {}) => {
      checkMark(mark);
      // Deleting an absent item is an error for keep-on-site, which has no force form.
      if (!(await has(target, mark, call))) return;
      await write({ target, mark, command: removalOf(mark), wanted: false }, call);
    },
    tree: async (dir, call = {}) => {
      const command = `./?.eval_raw_rec {${TREE_COLUMNS.join(',')}}`;
      let text: string;
      try {
        text = await ask({ dir, text: command, deadlineMs: TREE_DEADLINE_MS }, call);
      } catch (error) {
        if (!(error instanceof AgentError) || error.code !== 'file-missing') throw error;
        // Absent only when the share itself still answers: behind a vanished mount everything seems absent.
        await participants(sharePath as NamespacePath, call);
        return [];
      }
      const values = parseAnswer(text);
      if (!values) throw unexpected(`asked for the tree of ${dir}`, text);
      return itemsOf({ dir, sharePath }, values, (value) =>
        unexpected(`asked for the tree of ${dir}`, JSON.stringify(value)),
      );
    },
    replication: async (dir, call = {}) => {
      const found = await rows(dir, 'eval_json replication_details', call);
      return found.flatMap((row): PeerReplication[] => {
        const peer = textOf(row.get('SITE'));
        return peer === null ? [] : [{ siteName: peer, sentAt: timeOf(row.get('SEND_TIME')) }];
      });
    },
  };
}

// --- commands (strings as hsscript prints them) -------------------------------------------------------

function additionOf(mark: Mark): string {
  switch (mark.kind) {
    case 'keep-on-site':
      return `#keep_on_sites=add_keep_on_site("${mark.site}")`;
    case 'keyword':
      return `#keywords=add_keyword("${mark.keyword}")`;
    case 'tag':
      // A value is an expression: text needs quotes of its own.
      return `#tags=set_tag("${mark.name}", EXPRESSION_FROM_TEXT("'${mark.value}'"))`;
  }
}

function removalOf(mark: Mark): string {
  switch (mark.kind) {
    case 'keep-on-site':
      return `#keep_on_sites=delete_keep_on_site("${mark.site}")`;
    case 'keyword':
      return `#keywords=delete_force_keyword("${mark.keyword}")`;
    case 'tag':
      return `#tags=delete_force_tag("${mark.name}")`;
  }
}

function questionFor(mark: Mark): string {
  switch (mark.kind) {
    case 'keep-on-site':
      return `has_keep_on_site("${mark.site}")`;
    case 'keyword':
      return `has_keyword("${mark.keyword}")`;
    case 'tag':
      return `get_tag("${mark.name}")`;
  }
}

/** Null when the answer is none of those the question can have. */
function holds(mark: Mark, values: readonly AnswerValue[] | null): boolean | null {
  const [value, ...more] = values ?? [];
  if (!value || more.length > 0) return null;
  if (mark.kind !== 'tag') return value.kind === 'boolean' ? value.value : null;
  if (value.kind === 'empty') return false;
  const text = textOf(value);
  return text === null ? null : text === mark.value;
}

function markText(mark: Mark): string {
  switch (mark.kind) {
    case 'keep-on-site':
      return `keep-on-site ${mark.site}`;
    case 'keyword':
      return `keyword ${mark.keyword}`;
    case 'tag':
      return `tag ${mark.name}=${mark.value}`;
  }
}

// --- names --------------------------------------------------------------------------------------------

/** hstk escapes nothing, so only characters that need no escape may stand in a command. */
function checkMark(mark: Mark): void {
  const parts =
    mark.kind === 'tag'
      ? [mark.name, mark.value]
      : [mark.kind === 'keyword' ? mark.keyword : mark.site];
  for (const part of parts) {
    if (/^[A-Za-z0-9_.:-]{1,255}$/.test(part)) continue;
    throw new AgentError('bad-argument', {
      message: `The mark "${printable(part)}" cannot be written: only letters, digits and _ . : - may be used. Choose another.`,
      retry: 'never',
    });
  }
}

function checkName(target: NamespacePath): void {
  const name = baseNameOf(target);
  // '?' ends the name in a command, quotes and control characters cannot be escaped (reference 3.3).
  if (name !== '' && !/[?"'\\]/.test(name) && !/\p{Cc}/u.test(name)) return;
  throw new AgentError('bad-argument', {
    message: `"${printable(name)}" cannot be marked: Hammerspace's gateway takes no ?, quotes, backslash or control characters in a name. Rename it.`,
    retry: 'never',
    facts: { path: printable(target) },
  });
}

function checkInside(sharePath: string, path: NamespacePath): void {
  const relative = relativeInside(sharePath, path);
  if (relative !== null && !relative.split('/').includes('.')) return;
  throw new AgentError('outside-project', {
    message: `${printable(path)} lies outside the share ${sharePath}. Choose a path inside it.`,
    retry: 'never',
  });
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\u{FFFD}').slice(0, 200);
}

// --- values -------------------------------------------------------------------------------------------

function itemsOf(
  where: { dir: NamespacePath; sharePath: string },
  values: readonly AnswerValue[],
  bad: (value: AnswerValue) => AgentError,
): NamespaceItem[] {
  const lines = values.flatMap((value) => {
    if (value.kind === 'empty') return [];
    if (value.kind !== 'tuple' || value.items.length !== TREE_COLUMNS.length) throw bad(value);
    const path = textOf(value.items[0]);
    if (path === null) throw bad(value);
    return [{ path: path.replace(/^\.?\/+|\/+$/g, '').replace(/^\.$/, ''), items: value.items }];
  });
  const prefix = shareRelativePrefix(where, lines);
  return lines.flatMap(({ path, items }) => {
    const relative = prefix === null ? path : path === prefix ? '' : path.slice(prefix.length + 1);
    return relative === '' ? [] : [itemOf(`${where.dir}/${relative}` as NamespacePath, items)];
  });
}

/**
 * Two readings of DPATH are documented: from the folder that was asked, or from the share's root. The
 * folder's own line tells them apart; without it, all lines below the folder's share path mean the second.
 */
function shareRelativePrefix(
  where: { dir: NamespacePath; sharePath: string },
  lines: readonly { path: string }[],
): string | null {
  const below = relativeInside(where.sharePath, where.dir) ?? '';
  if (below === '' || lines.length === 0 || lines.some((line) => line.path === '')) return null;
  return lines.every((line) => line.path === below || line.path.startsWith(`${below}/`))
    ? below
    : null;
}

function itemOf(path: NamespacePath, items: readonly AnswerValue[]): NamespaceItem {
  const [, isFile, type, size, modified, online, moving, origin] = items;
  return {
    path,
    name: baseNameOf(path),
    kind: kindOf(isFile, type),
    size: numberOf(size) ?? 0,
    modified: timeOf(modified),
    online: isTrue(online),
    moving: isTrue(moving),
    originSite: textOf(origin),
  };
}

function kindOf(
  isFile: AnswerValue | undefined,
  type: AnswerValue | undefined,
): NamespaceItem['kind'] {
  if (isTrue(isFile)) return 'file';
  const name = textOf(type)?.toUpperCase() ?? '';
  return name === '' || name.includes('DIR') || name.includes('FOLDER') ? 'folder' : 'other';
}

function isTrue(value: AnswerValue | undefined): boolean {
  return value?.kind === 'boolean' ? value.value : value?.kind === 'number' && value.value !== 0;
}

function numberOf(value: AnswerValue | undefined): number | null {
  if (value?.kind === 'number' || value?.kind === 'quantity') return value.value;
  return value?.kind === 'size' ? value.bytes : null;
}

function textOf(value: AnswerValue | undefined): string | null {
  if (value?.kind === 'text' || value?.kind === 'word') return value.text;
  return value?.kind === 'enum' ? value.name : null;
}

/** A raw time may be a number: seconds, milliseconds or nanoseconds, told apart by magnitude. */
function timeOf(value: AnswerValue | undefined): number | null {
  if (value?.kind === 'date') return value.epochMs;
  const parsed = value?.kind === 'text' ? parseAnswer(value.text)?.[0] : undefined;
  if (parsed?.kind === 'date') return parsed.epochMs;
  const number = numberOf(value);
  if (number === null || number <= 0) return null;
  if (number < 1e11) return Math.round(number * 1_000);
  if (number < 1e14) return Math.round(number);
  return Math.round(number / 1e6);
}

// --- turns --------------------------------------------------------------------------------------------

interface Turns {
  take<T>(key: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T>;
}

/** One exchange per folder at a time, and `limit` in all (reference 3.8). */
function createTurns(limit: number): Turns {
  const lastOf = new Map<string, Promise<void>>();
  const queue: (() => void)[] = [];
  let busy = 0;

  async function enter(): Promise<void> {
    if (busy < limit) {
      busy += 1;
      return;
    }
    await new Promise<void>((resolve) => queue.push(resolve));
  }

  function leave(): void {
    const next = queue.shift();
    if (next) next();
    else busy -= 1;
  }

  return {
    async take(key, signal, action) {
      const before = lastOf.get(key);
      let finished = (): void => undefined;
      const promise = new Promise<void>((resolve) => {
        finished = resolve;
      });
      lastOf.set(key, promise);
      try {
        await before;
        signal?.throwIfAborted();
        await enter();
        try {
          signal?.throwIfAborted();
          return await action();
        } finally {
          leave();
        }
      } finally {
        if (lastOf.get(key) === promise) lastOf.delete(key);
        finished();
      }
    },
  };
}
