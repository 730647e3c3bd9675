// Files and folders of the namespace as this site knows them: FsNodeView [C spec].

import { fnmatch } from '../hammerscript.ts';
import { uuidOf } from '../stable-uuid.ts';
import type { Node } from '../world.ts';
import { objectiveLists } from './applied.ts';
import type { Desk } from './desk.ts';
import { AnvilError, notFound } from './errors.ts';
import { placeAt, publishedShares, type Place } from './places.ts';
import { one, required, type Call, type Query, type Route, type View } from './routes.ts';

export function fileRoutes(desk: Desk): Route[] {
  /** A missing path is answered with 500, or with 404 where the switch says so. */
  function missing(path: string): AnvilError {
    return desk.quirks.missingFile === 404
      ? notFound('PATH', path)
      : new AnvilError('INTERNAL_SERVER_ERROR', `Failed to get file information for ${path}`, [
          path,
        ]);
  }

  function view(path: string, query: Query): View {
    if (/^\/*$/.test(path) && path !== '') return rootView(desk);
    const snapshots = snapshotsAt(desk, path);
    if (snapshots) return snapshots;
    const place = placeAt(desk, path);
    if (!place) throw missing(path);
    const withReplication = one(query, 'includeReplicationDetails') === 'true';
    const own = fileView(desk, place, { withReplication });
    if (own['type'] !== 'DIRECTORY' || one(query, 'itself') === 'true') return own;
    const pattern = one(query, 'pattern');
    const children = childrenOf(desk, place).filter(
      (child) => pattern === undefined || fnmatch(pattern, child.path.split('/').at(-1) ?? ''),
    );
    return {
      ...own,
      ...(one(query, 'getParentDirSize') === 'true'
        ? { parentDirSize: sizeBelow(desk, place.node) }
        : {}),
      children: children.map((child) => fileView(desk, child, { withReplication })),
    };
  }

  return [
    {
      method: 'GET',
      path: '/files',
      answer: ({ query }) => view(required(query, 'path'), query),
    },
    {
      method: 'GET',
      path: '/files/used_capacity',
      answer: ({ query }) => {
        const path = required(query, 'path');
        const place = placeAt(desk, path);
        if (!place) throw missing(path);
        return { path: place.path, usedCapacity: sizeBelow(desk, place.node) };
      },
    },
    {
      method: 'GET',
      path: '/files/file_exists_dp',
      answer: ({ query }) => placeAt(desk, required(query, 'path')) !== null,
    },
    {
      method: 'GET',
      path: '/files/*',
      answer: (call: Call) => view(`/${(call.params['*'] ?? '').replace(/^\/+/, '')}`, call.query),
    },
    {
      method: 'GET',
      path: '/file-snapshots/list',
      answer: ({ query }) => {
        required(query, 'filename-expression');
        return [];
      },
    },
    {
      method: 'POST',
      path: '/file-snapshots/delete',
      answer: ({ query }) => {
        const path = required(query, 'filename-expression');
        // The vendor's client looks for these words [C csi].
        throw new AnvilError('BAD_REQUEST', `No snapshots found for path ${path}`, [path]);
      },
    },
  ];
}

function rootView(desk: Desk): View {
  return {
    ...folderView('/', ''),
    children: publishedShares(desk).map((share) => ({
      ...folderView(share.path, share.path.split('/').at(-1) ?? ''),
      shareName: share.name,
      sharePath: share.path,
    })),
  };
}

function folderView(path: string, name: string): View {
  return { path, name, type: 'DIRECTORY', size: 0, readable: true, children: [] };
}

/** The virtual folder of a share's snapshots [C csi]. */
function snapshotsAt(desk: Desk, path: string): View | null {
  const match = /^(.*)\/\.snapshot\/*$/.exec(path);
  const share = match && publishedShares(desk).find((each) => each.path === match[1]);
  if (!share) return null;
  const root = `${share.path}/.snapshot`;
  return {
    ...folderView(root, '.snapshot'),
    children: share.snapshots.map(({ name, created }) => ({
      ...folderView(`${root}/${name}`, name),
      createTime: created,
    })),
  };
}

function childrenOf(desk: Desk, place: Place): Place[] {
  if (!place.node) return [];
  return desk.world.list(desk.local, place.node).map(({ name, node }) => ({
    share: place.share,
    node,
    path: `${place.path}/${name}`,
  }));
}

function sizeBelow(desk: Desk, node: Node | null): number {
  if (!node) return 0;
  const known = node.seen.get(desk.local);
  if (node.kind === 'file') return node.instances.has(desk.local) ? (known?.size ?? 0) : 0;
  return desk.world
    .list(desk.local, node)
    .reduce((sum, child) => sum + sizeBelow(desk, child.node), 0);
}

function fileView(desk: Desk, place: Place, options: { withReplication: boolean }): View {
  const { world, local, objectives } = desk;
  const { node, share } = place;
  const objectiveView = objectiveLists(desk, place);
  const named = {
    path: place.path,
    name: place.path.split('/').at(-1) ?? '',
    parent: place.path.slice(0, place.path.lastIndexOf('/')) || '/',
    sharePath: share.path,
    shareName: share.name,
  };
  if (!node)
    return {
      ...folderView(place.path, named.name),
      ...named,
      createTime: share.created,
      objectives: objectiveView,
    };
  const known = node.seen.get(local) ?? node.head;
  const held = node.instances.get(local);
  const isFile = node.kind === 'file';
  const isCurrent = isFile && held === known.version && known.version > 0;
  const progress = desk.progress(local, node);
  const volume = {
    uoid: { uuid: uuidOf(`volume:${local}`), objectType: 'STORAGE_VOLUME' },
    internalId: 4,
    name: objectives.volumeOf(local),
  };
  const demand = objectives.demand(local, node);
  return {
    ...named,
    type: isFile ? 'FILE' : 'DIRECTORY',
    lastModified: known.modified,
    lastChanged: known.modified,
    lastAccessed: known.modified,
    createTime: known.created,
    closeTime: known.modified,
    size: known.size,
    logicalSize: known.size,
    physicalSize: isCurrent ? known.size : 0,
    readable: true,
    writable: true,
    executable: !isFile,
    permanentDataLoss: false,
    explicit: objectives.local(local, node).length > 0,
    remote: known.origin !== local,
    objectives: objectiveView,
    volumes: isCurrent ? [volume] : [],
    movers: progress === null ? [] : [{ volume, percentComplete: Math.floor(progress * 100) }],
    children: [],
    ...(options.withReplication
      ? {
          replicationDetails: {
            siteName: known.origin,
            participantId: world.site(known.origin)?.participantId,
            cachedCopy: isCurrent && known.origin !== local,
            versioningEnabled: false,
            accessDependency: isCurrent || !isFile ? 'LOCAL' : 'REMOTE',
          },
        }
      : {}),
    // The scale of compliance is not documented; 100 for met is assumed.
    compliance: demand.requirements.map((requirement) => ({
      dimension: requirement.dimension,
      compliance: objectives.isMet(local, node, requirement) ? 100 : 0,
    })),
    sloTargets: demand.requirements.map((requirement) => ({
      dimension: requirement.dimension,
      value: requirement.asks,
      sloName: requirement.objective,
    })),
    // assumed: the view names no such field; it says in a word what `compliance` says in parts
    alignment: objectives.alignment(local, node),
  };
}
