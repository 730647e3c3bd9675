// The in-band gateway: a command written into a virtual file of a folder, the answer read from the same name.
// Verbs and answer shapes: reference §3 (hstk hsscript.py, hs-reporter fixtures). Unconfirmed shapes say "assumed".

import {
  EMPTY,
  ExpressionError,
  bool,
  bytes,
  evaluate,
  fnmatch,
  formatText,
  number,
  parseExpression,
  site as siteValue,
  text,
  toJson,
  truthOf,
  type Scope,
  type Value,
} from './hammerscript.ts';
import type { Node, SiteName, Snapshot, World } from './world.ts';

export interface GatewayOptions {
  /** True while a mover copies the node's payload to the site. */
  isMoving(site: SiteName, node: Node): number | null;
  /** Whether the site's objectives want the payload there. */
  isWanted(site: SiteName, node: Node): boolean;
  /** How the file stands to its site's objectives; the same as the Anvil says. */
  alignment?(site: SiteName, node: Node): string;
}

export interface Gateway {
  /** Runs one command as written to `<folder>/.fs_command_gateway <id>` and gives the answer's bytes. */
  answer(site: SiteName, folder: string, command: string): string;
}

export function createGateway(world: World, options: GatewayOptions): Gateway {
  function answer(site: SiteName, folder: string, command: string): string {
    try {
      return run(site, folder, command.replace(/\0+$/, '').trim());
    } catch (error) {
      // Error wording of the real server is unknown; what matters is that it is text and no status exists.
      if (error instanceof ExpressionError) return `ERROR: ${error.message}`;
      throw error;
    }
  }

  function run(site: SiteName, folder: string, command: string): string {
    const match = /^\.\/([^?]*)\?\.([a-z][a-z0-9_-]*)(?:=(\w+))?(?:\s+([\s\S]*))?$/.exec(command);
    if (!match) throw new ExpressionError('not a command');
    const [, name = '', verb = '', , body = ''] = match;
    const node = world.find(site, name === '' ? folder : `${folder}/${name}`);
    if (!node) throw new ExpressionError('ENOENT no such file or directory');
    if (verb === 'set' || verb === 'set_rec' || verb === 'set_rec_nofiles' || verb === 'set_json') {
      for (const target of targetsOf(site, node, verb)) set(site, target, body);
      return '';
    }
    const read = /^(eval|sum)(?:_(compact|raw))?(_rec_nofiles|_rec|_nofiles)?(_json)?$/.exec(verb);
    if (!read) throw new ExpressionError(`unknown verb ${verb}`);
    const [, kind, style, recursion = '', json] = read;
    const print = (value: Value): string =>
      json ? JSON.stringify(toJson(value)) : formatText(value, { raw: style === 'raw' });
    if (kind === 'sum') return print(sum(site, node, body));
    if (!recursion.startsWith('_rec'))
      return print(evaluate(parseExpression(body), scopeOf(site, node, node)));
    const expression = parseExpression(body);
    const lines: string[] = [];
    for (const target of targetsOf(site, node, verb)) {
      const value = evaluate(expression, scopeOf(site, target, node));
      if (value.kind !== 'empty') lines.push(print(value));
    }
    return lines.length === 0 ? '#EMPTY' : `${lines.join('\n')}\n`;
  }

  function targetsOf(site: SiteName, node: Node, verb: string): Node[] {
    if (!verb.includes('_rec')) return [node];
    const all = [node, ...below(site, node)];
    return verb.includes('nofiles') ? all.filter((target) => target.kind === 'folder') : all;
  }

  function below(site: SiteName, node: Node): Node[] {
    if (node.kind !== 'folder') return [];
    return world.list(site, node).flatMap((entry) => [entry.node, ...below(site, entry.node)]);
  }

  function set(site: SiteName, node: Node, body: string): void {
    const list =
      /^#(tags|keywords|assigned_labels|keep_on_sites|objectives)\s*=\s*(add|set|delete|delete_force)_(\w+)\(([\s\S]*)\)$/.exec(
        body.trim(),
      );
    if (!list) {
      setAttribute(site, node, body);
      return;
    }
    const [, kind = '', action = '', , args = ''] = list;
    const name = /^\s*"([^"]*)"/.exec(args)?.[1];
    if (name === undefined) throw new ExpressionError('expected a quoted name');
    const before = node.seen.get(site) ?? node.head;
    world.update(site, node, changeOf(before, { kind, action, name, args }));
  }

  function changeOf(
    before: Snapshot,
    command: { kind: string; action: string; name: string; args: string },
  ): Partial<Snapshot> {
    const { kind, action, name, args } = command;
    const listed = (values: readonly string[]): string[] => {
      if (action === 'add') return [...new Set([...values, name])];
      if (!values.includes(name) && action === 'delete')
        throw new ExpressionError(`${name} not found`);
      return values.filter((value) => value !== name);
    };
    switch (kind) {
      case 'keywords':
        return { keywords: listed(before.keywords) };
      case 'assigned_labels':
        return { labels: listed(before.labels) };
      case 'keep_on_sites':
        if (action === 'add' && !world.site(name))
          throw new ExpressionError(`unknown site ${name}`);
        return { keepOnSites: listed(before.keepOnSites) };
      case 'tags': {
        if (action === 'set') return { tags: { ...before.tags, [name]: tagValue(args) } };
        if (!(name in before.tags) && action === 'delete')
          throw new ExpressionError(`tag ${name} not found`);
        return {
          tags: Object.fromEntries(Object.entries(before.tags).filter(([key]) => key !== name)),
        };
      }
      default: {
        const condition =
          /EXPRESSION_FROM_TEXT\("EXPRESSION\(([\s\S]*)\)"\)\s*$/.exec(args)?.[1] ?? 'true';
        const others = before.objectives.filter(
          (objective) => objective.name !== name || objective.condition !== condition,
        );
        return { objectives: action === 'add' ? [...others, { name, condition }] : others };
      }
    }
  }

  /** `set_tag("k", EXPRESSION_FROM_TEXT("'v'"))`: the value is an expression; a quoted one is a string. */
  function tagValue(args: string): string {
    const source = /EXPRESSION_FROM_(?:TEXT|JSON)\("((?:[^"\\]|\\.)*)"\)\s*$/.exec(args)?.[1];
    if (source === undefined) throw new ExpressionError('expected EXPRESSION_FROM_TEXT("…")');
    if (source === 'true') return 'TRUE';
    const quoted = /^'([^']*)'$/.exec(source);
    if (quoted) return quoted[1] ?? '';
    const value = evaluate(parseExpression(source), {
      property: () => undefined,
      call: () => undefined,
    });
    return value.kind === 'text' ? value.value : formatText(value, { raw: true });
  }

  function setAttribute(site: SiteName, node: Node, body: string): void {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)\s*=\s*([\s\S]+)$/.exec(body.trim());
    if (!match) throw new ExpressionError('syntax error in set');
    const [, name = '', value = ''] = match;
    const { [name]: _old, ...others } = (node.seen.get(site) ?? node.head).attributes;
    world.update(site, node, {
      attributes:
        value === '#EMPTY' ? others : { ...others, [name]: value.replace(/^"(.*)"$/, '$1') },
    });
  }

  function sum(site: SiteName, node: Node, body: string): Value {
    const expression = parseExpression(body);
    let totals: number[] | null = null;
    for (const target of targetsOf(site, node, 'sum_rec')) {
      const value = evaluate(expression, scopeOf(site, target, node));
      if (value.kind === 'empty') continue;
      const numbers = (value.kind === 'tuple' ? value.items : [value]).map((item) =>
        item.kind === 'number' ? item.value : 0,
      );
      totals = totals ? totals.map((total, at) => total + (numbers[at] ?? 0)) : numbers;
    }
    if (!totals) return EMPTY;
    return { kind: 'tuple', items: [{ kind: 'tuple', items: totals.map(number) }] };
  }

  function scopeOf(site: SiteName, node: Node, base: Node): Scope {
    const own = node.seen.get(site) ?? node.head;
    const isFile = node.kind === 'file';
    const current = node.instances.get(site) === own.version && isFile && own.version > 0;
    const moving = options.isMoving(site, node);
    const properties: Record<string, () => Value> = {
      NAME: () => text(world.pathAt(site, node).split('/').at(-1) ?? ''),
      PATH: () => text(`./${world.pathAt(site, node)}`),
      DPATH: () => text(relativeTo(world.pathAt(site, base), world.pathAt(site, node))),
      INODE: () => number(node.id),
      TYPE: () => ({ kind: 'enum', type: 'FILE_TYPE', name: isFile ? 'FILE' : 'DIRECTORY' }),
      SIZE: () => bytes(own.size),
      SPACE_USED: () => bytes(current ? own.size : 0),
      OWNER: () => ({ kind: 'enum', type: 'USER', name: own.owner }),
      NOW: () => ({ kind: 'date', ms: world.options.now() }),
      MODIFY_TIME: () => ({ kind: 'date', ms: own.modified }),
      CHANGE_TIME: () => ({ kind: 'date', ms: own.modified }),
      CREATE_TIME: () => ({ kind: 'date', ms: own.created }),
      MODIFY_AGE: () => number((world.options.now() - own.modified) / 1000),
      VERSION: () => number(own.version),
      IS_FILE: () => bool(isFile),
      IS_DIRECTORY: () => bool(!isFile),
      IS_LIVE: () => bool(true),
      IS_SNAP: () => bool(false),
      IS_UNDELETE: () => bool(false),
      IS_DELETED: () => bool(false),
      IS_OPEN: () => bool(false),
      IS_ONLINE: () => bool(current),
      IS_AVAILABLE: () => bool(true),
      IS_BEING_CREATED: () => bool(false),
      IS_BEING_MOVED: () => bool(moving !== null),
      HAS_ONLINE_INSTANCE: () => bool(current),
      DATA_ORIGIN_LOCAL: () => bool(own.origin === site),
      DATA_ORIGIN_REMOTE: () => bool(own.origin !== site),
      DATA_ORIGIN_SITE: () => siteValue(own.origin),
      ORIGIN_SITE: () => siteValue(node.creator),
      ERRORS: () => EMPTY,
      HAS_KEEP_ON_THIS_SITE: () =>
        bool(world.gathered(site, node, (snapshot) => snapshot.keepOnSites).includes(site)),
      OVERALL_ALIGNMENT: () => ({
        kind: 'enum',
        type: 'ALIGNMENT',
        name:
          options.alignment?.(site, node) ??
          (options.isWanted(site, node) && !current ? 'MISALIGNED' : 'ALIGNED'),
      }),
      OVERALL_ALIGNMENT_STATE: () => ({
        kind: 'enum',
        type: 'ALIGNMENT_STATE',
        name: moving === null ? 'ALIGNED' : 'MOVING',
      }),
      INSTANCES: () => ({ kind: 'table', name: 'INSTANCES_TABLE', rows: instanceRows(site, node) }),
      THIS: () => ({
        kind: 'tuple',
        items: ['NAME', 'INODE', 'SIZE', 'OWNER', 'MODIFY_TIME', 'HAS_ONLINE_INSTANCE'].map(
          (name) => properties[name]?.() ?? EMPTY,
        ),
      }),
      'THIS.PARTICIPANTS': () => participants(site),
      PARTICIPANTS: () => participants(site),
      REPLICATION_DETAILS: () => replication(site),
      STORAGE_VOLUMES: () => ({
        kind: 'table',
        name: 'STORAGE_VOLUMES_TABLE',
        rows: [
          {
            NAME: text(volumeOf(site)),
            VOLUME_STATUS: { kind: 'enum', type: 'STORAGE_VOLUME_STATUS', name: 'OK' },
          },
        ],
      }),
      LIST_KEEP_ON_SITES: () => ({
        kind: 'table',
        name: 'KEEP_ON_SITES_TABLE',
        rows: world
          .gathered(site, node, (snapshot) => snapshot.keepOnSites)
          .map((name) => ({ SITE: siteValue(name) })),
      }),
    };
    for (const [name, read] of Object.entries(metadataLists(site, node))) properties[name] = read;
    return {
      property: (name) => properties[name]?.(),
      call: (name, args) => call(site, node, name, args),
    };
  }

  function metadataLists(site: SiteName, node: Node): Record<string, () => Value> {
    const lists: Record<string, () => Value> = {};
    const own = node.seen.get(site) ?? node.head;
    const above = (read: (snapshot: Snapshot) => readonly string[]): string[] =>
      node.parent ? world.gathered(site, node.parent, read) : [];
    const keywords = (names: readonly string[]): Value => ({
      kind: 'table',
      name: 'KEYWORDS_TABLE',
      rows: names.map((name) => ({ KEYWORD: text(name) })),
    });
    const tags = (names: readonly string[]): Value => ({
      kind: 'table',
      name: 'TAGS_TABLE',
      rows: names.map((name) => ({ NAME: text(name), VALUE: text(tagOf(site, node, name) ?? '') })),
    });
    lists['LIST_KEYWORDS'] = () =>
      keywords(world.gathered(site, node, (snapshot) => snapshot.keywords));
    lists['LIST_KEYWORDS_LOCAL'] = () => keywords(own.keywords);
    lists['LIST_KEYWORDS_INHERITED'] = () => keywords(above((snapshot) => snapshot.keywords));
    lists['LIST_TAGS'] = () =>
      tags(world.gathered(site, node, (snapshot) => Object.keys(snapshot.tags)));
    lists['LIST_TAGS_LOCAL'] = () => tags(Object.keys(own.tags));
    lists['LIST_TAGS_INHERITED'] = () => tags(above((snapshot) => Object.keys(snapshot.tags)));
    lists['LIST_KEEP_ON_SITES_LOCAL'] = () => ({
      kind: 'table',
      name: 'KEEP_ON_SITES_TABLE',
      rows: own.keepOnSites.map((name) => ({ SITE: siteValue(name) })),
    });
    lists['LIST_LABELS'] = () => ({
      kind: 'table',
      name: 'LABELS_TABLE',
      rows: world
        .gathered(site, node, (snapshot) => snapshot.labels)
        .map((name) => ({ LABEL_: { kind: 'enum', type: 'LABEL', name }, COUNT: number(1) })),
    });
    return lists;
  }

  function tagOf(site: SiteName, node: Node, name: string): string | undefined {
    return world.inherited(site, node, (snapshot) =>
      Object.hasOwn(snapshot.tags, name) ? snapshot.tags[name] : undefined,
    );
  }

  function call(
    site: SiteName,
    node: Node,
    name: string,
    args: readonly Value[],
  ): Value | undefined {
    const own = node.seen.get(site) ?? node.head;
    const first =
      args[0]?.kind === 'text' ? args[0].value : args[0]?.kind === 'enum' ? args[0].name : '';
    switch (name) {
      case 'GET_TAG': {
        const value = tagOf(site, node, first);
        return value === undefined ? EMPTY : text(value);
      }
      case 'GET_TAG_LOCAL':
        return own.tags[first] === undefined ? EMPTY : text(own.tags[first]);
      case 'HAS_TAG':
        return bool(tagOf(site, node, first) !== undefined);
      case 'HAS_TAG_LOCAL':
        return bool(Object.hasOwn(own.tags, first));
      case 'HAS_KEYWORD':
        return bool(world.gathered(site, node, (snapshot) => snapshot.keywords).includes(first));
      case 'HAS_KEYWORD_LOCAL':
        return bool(own.keywords.includes(first));
      case 'HAS_KEYWORD_INHERITED':
        return bool(
          node.parent !== null &&
            world.gathered(site, node.parent, (snapshot) => snapshot.keywords).includes(first),
        );
      case 'HAS_LABEL':
        return bool(world.gathered(site, node, (snapshot) => snapshot.labels).includes(first));
      case 'LABEL':
        return { kind: 'enum', type: 'LABEL', name: first };
      case 'ALIGNMENT':
        return { kind: 'enum', type: 'ALIGNMENT', name: first.toUpperCase() };
      case 'SITE':
        return siteValue(first);
      case 'SLO':
        return { kind: 'enum', type: 'SLO', name: first };
      case 'HAS_KEEP_ON_SITE':
        return bool(world.gathered(site, node, (snapshot) => snapshot.keepOnSites).includes(first));
      case 'HAS_KEEP_ON_SITE_LOCAL':
        return bool(own.keepOnSites.includes(first));
      case 'GET_ATTRIBUTE':
        return own.attributes[first] === undefined ? EMPTY : text(own.attributes[first]);
      case 'HAS_ATTRIBUTE':
        return bool(Object.hasOwn(own.attributes, first));
      case 'FNMATCH':
        return bool(args[1]?.kind === 'text' && fnmatch(first, args[1].value));
      case 'ISNA':
        return bool(!args[0] || !truthOf(args[0]));
      default:
        return undefined;
    }
  }

  function instanceRows(site: SiteName, node: Node): Record<string, Value>[] {
    const own = node.seen.get(site) ?? node.head;
    const held = node.instances.get(site);
    const moving = options.isMoving(site, node);
    if (held === undefined && moving === null) return [];
    return [
      {
        VOLUME: { kind: 'enum', type: 'STORAGE_VOLUME', name: volumeOf(site) },
        SPACE_USED: bytes(own.size),
        IS_ONLINE: bool(held !== undefined),
        IS_CURRENT: bool(held === own.version),
        IS_BEING_MOVED: bool(moving !== null),
        PERCENTAGE_COMPLETE: number(Math.floor((moving ?? 1) * 100)),
      },
    ];
  }

  /** A site lists itself with ID 0 (reference §3.5); peers carry their share-wide participant id. */
  function participants(site: SiteName): Value {
    return {
      kind: 'table',
      name: 'PARTICIPANTS_TABLE',
      rows: world.options.sites.map((other) => ({
        ID: number(other.name === site ? 0 : other.participantId),
        SITE_PARTICIPANT_ID: number(other.participantId),
        SITE_NAME: text(other.name),
        ADDRESS: text('127.0.0.1'),
        PORT: number(9097),
      })),
    };
  }

  function replication(site: SiteName): Value {
    const peers = world.options.sites.filter((other) => other.name !== site);
    return {
      kind: 'table',
      name: 'REPLICATION_DETAILS_TABLE',
      rows: peers.map((peer) => ({
        SITE: siteValue(peer.name),
        INTERVAL: text(`${world.options.intervalMs / 1000} SECONDS`),
        SEND_TIME: dateOrEmpty(world.sendTimes.get(`${site}>${peer.name}`)),
        RECV_TIME: dateOrEmpty(world.receiveTimes.get(`${site}>${peer.name}`)),
      })),
    };
  }

  return { answer };
}

function dateOrEmpty(ms: number | undefined): Value {
  return ms === undefined ? EMPTY : { kind: 'date', ms };
}

function relativeTo(base: string, path: string): string {
  if (path === base) return './';
  return `./${base === '' ? path : path.slice(base.length + 1)}`;
}

export function volumeOf(site: SiteName): string {
  return `dsx-${site}-1::/hsvol0`;
}
