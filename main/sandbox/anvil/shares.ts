// Shares: read, made, changed, removed and brought back; their objectives, attributes, mounts and snapshots.

import { randomUUID } from 'node:crypto';
import type { ShareRecord } from '../setup.ts';
import {
  appliedView,
  conditionOf,
  objectiveLists,
  objectiveNamed,
  resetObjectives,
  setObjective,
  unsetObjective,
  updateObjective,
} from './applied.ts';
import { DEFAULT_APPLIED } from '../objective-catalogue.ts';
import { ENTITY_FIELDS, capacityOf, entityView, nextModified, type Desk } from './desk.ts';
import { AnvilError, notFound } from './errors.ts';
import { collectionRoutes } from './lists.ts';
import { placeIn, type Place } from './places.ts';
import {
  Reply,
  assertUnmodified,
  bodyOf,
  listOf,
  mapOf,
  nameOf,
  one,
  required,
  textOf,
  type Call,
  type Query,
  type Route,
  type View,
} from './routes.ts';
import { participantViews } from './sites.ts';

const HOUR_MS = 3_600_000;
/** Default purge delay [C CLI]; that `delete-delay` counts hours is assumed. */
const PURGE_HOURS = 24;
const MAX_NAME = 80;
const MAX_COMMENT = 255;
const DEFAULT_EXPORT = {
  subnet: '*',
  accessPermissions: 'RW',
  rootSquash: false,
  insecure: false,
};
/** What a client may set of a share beside its name, path and comment. */
const SETTABLE = [
  'exportOptions',
  'shareSizeLimit',
  'smbAliases',
  'warnUtilizationPercentThreshold',
  'replicationLatencyAlertThreshold',
] as const;
const FIELDS = [
  ...ENTITY_FIELDS,
  ...SETTABLE,
  'path',
  'shareState',
  'shareLifecycle',
  'shareObjectives',
  'objectives',
  'shareParticipants',
  'isOrWasReplicated',
  'participantId',
  'totalNumberOfFiles',
  'numberOfOpenFiles',
  'space',
  'inodes',
  'shareSnapshots',
  'preferredDomain',
];

export function shareRoutes(desk: Desk): Route[] {
  const { setup } = desk.objectives;

  function shares(): readonly ShareRecord[] {
    const all = setup.of(desk.local).shares;
    const now = desk.now();
    if (all.every(({ purgeAt }) => purgeAt === null || purgeAt > now)) return all;
    setup.change(desk.local, {
      shares: all.filter(({ purgeAt }) => purgeAt === null || purgeAt > now),
    });
    return setup.of(desk.local).shares;
  }

  function shareNamed(id: string): ShareRecord {
    const found = shares().find(({ name, uuid }) => name === id || uuid === id.toLowerCase());
    if (!found) throw notFound('SHARE', id);
    return found;
  }

  function replace(uuid: string, change: (share: ShareRecord) => ShareRecord): void {
    setup.change(desk.local, {
      shares: shares().map((share) =>
        share.uuid === uuid
          ? { ...change(share), modified: nextModified(desk, share.modified) }
          : share,
      ),
    });
  }

  function create(call: Call): unknown {
    const body = bodyOf(call, FIELDS);
    const name = nameOf(body, MAX_NAME);
    const path = textOf(body, 'path').replace(/\/+$/, '') || `/${name}`;
    if (
      !/^(?:\/[^/\0]{1,255})+$/.test(path) ||
      path.split('/').some((part) => /^\.\.?$/.test(part))
    )
      throw new AnvilError('VALIDATION_VIOLATION', `${path.slice(0, 300)} is no path`, ['path']);
    assertShareBody(body);
    // A share that exists and one whose creation still runs are told alike [C csi].
    if (
      shares().some((share) => share.name === name || share.path === path) ||
      desk.tasks.isRunning('share-create', { name })
    )
      throw new AnvilError('ENTITY_ALREADY_EXISTS', `Share ${name} already exists`, [
        'SHARE',
        name,
      ]);
    const wanted = listOf(body, 'shareObjectives').map((applied) => ({
      name: objectiveNamed(desk, nameIn(applied['objective'])).name,
      condition: conditionOf(
        typeof applied['applicability'] === 'string' ? applied['applicability'] : undefined,
      ),
      removable: true,
      negated: false,
    }));
    const now = desk.now();
    const share: ShareRecord = {
      uuid: randomUUID(),
      internalId: setup.newInternalId(desk.local),
      name,
      comment: textOf(body, 'comment'),
      extendedInfo: mapOf(body, 'extendedInfo'),
      created: now,
      modified: now,
      path,
      state: 'PUBLISHED',
      purgeAt: null,
      settings: settingsIn(body),
      snapshots: [],
    };
    if (one(call.query, 'validate-only') === 'true') return shareView(desk, share);
    return desk.tasks.start({
      name: 'share-create',
      params: { name, path, 'create-path': one(call.query, 'create-path') ?? 'false' },
      entity: { uuid: share.uuid, objectType: 'SHARE' },
      run() {
        setup.change(desk.local, { shares: [...shares(), share] });
        const place = placeIn(desk, share, '/');
        if (place && !place.node)
          setup.setApplied(desk.local, `share:${share.uuid}`, [...DEFAULT_APPLIED, ...wanted]);
        else if (place)
          for (const each of wanted)
            setObjective(desk, place, {
              objective: each.name,
              condition: each.condition,
              clearExisting: false,
            });
      },
    });
  }

  function update(view: View, call: Call): unknown {
    const share = shareNamed(String(view['name']));
    const body = bodyOf(call, FIELDS);
    assertUnmodified(body, share);
    assertShareBody(body);
    const name = body['name'] === undefined ? share.name : nameOf(body, MAX_NAME);
    if (name !== share.name || (body['path'] ?? share.path) !== share.path)
      throw new AnvilError('VALIDATION_VIOLATION', 'Name and path of a share stay as they are', [
        'SHARE',
        share.name,
      ]);
    return desk.tasks.start({
      name: 'share-update',
      params: { name: share.name },
      entity: { uuid: share.uuid, objectType: 'SHARE' },
      run: () =>
        replace(share.uuid, (now) => ({
          ...now,
          comment: body['comment'] === undefined ? now.comment : textOf(body, 'comment'),
          extendedInfo:
            body['extendedInfo'] === undefined ? now.extendedInfo : mapOf(body, 'extendedInfo'),
          settings: { ...now.settings, ...settingsIn(body) },
        })),
    });
  }

  function remove(view: View, call: Call): unknown {
    const share = shareNamed(String(view['name']));
    if (share.state === 'REMOVED')
      throw new AnvilError('BAD_REQUEST', 'Cannot remove a share with state REMOVED.', [
        'SHARE',
        share.name,
      ]);
    // assumed: the studio's own share takes part at several sites, and a share in use is not removed
    if (share.path === desk.world.options.share.path)
      throw new AnvilError(
        'DELETE_FORBIDDEN_ENTITY_USED_BY',
        `Share ${share.name} has participants at other sites`,
        ['SHARE', share.name],
      );
    const delay = Number(one(call.query, 'delete-delay') ?? PURGE_HOURS);
    if (!Number.isFinite(delay) || delay < 0)
      throw new AnvilError('BAD_REQUEST', 'delete-delay must be a number, 0 or more', [
        'delete-delay',
      ]);
    return desk.tasks.start({
      name: 'share-delete',
      params: { name: share.name, 'delete-delay': String(delay) },
      entity: { uuid: share.uuid, objectType: 'SHARE' },
      run: () =>
        replace(share.uuid, (now) => ({
          ...now,
          state: 'REMOVED',
          purgeAt: desk.now() + delay * HOUR_MS,
        })),
    });
  }

  function undelete(call: Call): unknown {
    const share = shareNamed(call.params['id'] ?? '');
    if (share.state !== 'REMOVED')
      throw new AnvilError('INVALID_STATE_ERROR', `Share ${share.name} is not removed`, [
        'SHARE',
        share.name,
      ]);
    return desk.tasks.start({
      name: 'share-undelete',
      params: { name: share.name },
      entity: { uuid: share.uuid, objectType: 'SHARE' },
      run: () => replace(share.uuid, (now) => ({ ...now, state: 'PUBLISHED', purgeAt: null })),
    });
  }

  /** The place a call names: a share of the path, and `path` inside it. */
  function placeOf(call: Call): Place {
    const share = shareNamed(call.params['id'] ?? '');
    const inner = one(call.query, 'path') ?? '/';
    const place = share.state === 'PUBLISHED' ? placeIn(desk, share, inner) : null;
    if (!place) throw notFound('PATH', inner);
    return place;
  }

  function listAt(call: Call): View {
    const place = placeOf(call);
    return {
      shareName: place.share.name,
      shareInternalId: place.share.internalId,
      path: one(call.query, 'path') ?? '/',
      ...objectiveLists(desk, place),
    };
  }

  const change =
    (
      apply: (place: Place, order: { objective: string; condition: string }, query: Query) => void,
    ) =>
    (call: Call): View => {
      const place = placeOf(call);
      const objective = objectiveNamed(desk, required(call.query, 'objective-identifier')).name;
      const condition = conditionOf(one(call.query, 'applicability'));
      apply(place, { objective, condition }, call.query);
      return listAt(call);
    };

  function attribute(call: Call, act: (place: Place, name: string) => unknown): unknown {
    const place = placeOf(call);
    const name = one(call.query, 'name') ?? '';
    if (!place.node) throw notFound('ATTRIBUTE', name);
    return act(place, name);
  }

  return [
    ...collectionRoutes({
      path: '/shares',
      objectType: 'SHARE',
      list: () => shares().map((share) => shareView(desk, share)),
      create,
      update,
      remove,
    }),
    { method: 'POST', path: '/shares/:id/undelete', answer: undelete },
    {
      method: 'GET',
      path: '/shares/:id/mount-details',
      answer: ({ params }) => {
        const share = shareNamed(params['id'] ?? '');
        return {
          published: share.state === 'PUBLISHED',
          mountOptions: [
            {
              enabled: true,
              exportHost: '127.0.0.1',
              type: 'FLOATING',
              protocol: 'NFS',
              mountPath: share.path,
            },
          ],
          exportOptions: share.settings['exportOptions'] ?? [DEFAULT_EXPORT],
        };
      },
    },
    { method: 'GET', path: '/shares/:id/objective-list', answer: listAt },
    {
      method: 'POST',
      path: '/shares/:id/objective-set',
      answer: change((place, order, query) =>
        setObjective(desk, place, {
          ...order,
          clearExisting: one(query, 'clear-existing') === 'true',
        }),
      ),
    },
    {
      method: 'POST',
      path: '/shares/:id/objective-unset',
      answer: change((place, order) => unsetObjective(desk, place, order)),
    },
    {
      method: 'POST',
      path: '/shares/:id/objective-update',
      answer: change((place, order, query) =>
        updateObjective(desk, place, {
          ...order,
          newCondition: conditionOf(required(query, 'new-applicability')),
        }),
      ),
    },
    {
      method: 'POST',
      path: '/shares/:id/objective-reset',
      answer: (call) => {
        resetObjectives(desk, placeOf(call));
        return listAt(call);
      },
    },
    {
      method: 'GET',
      path: '/shares/:id/attribute',
      answer: (call) =>
        attribute(call, ({ node }, name) => {
          const value = node?.seen.get(desk.local)?.attributes[name];
          if (value === undefined) throw notFound('ATTRIBUTE', name);
          return { name, type: 'STRING', value };
        }),
    },
    {
      method: 'POST',
      path: '/shares/:id/attribute',
      answer: (call) =>
        attribute(call, ({ node }) => {
          const body = bodyOf(call, ['name', 'type', 'value']);
          const name = nameOf(body, MAX_COMMENT);
          const known = node?.seen.get(desk.local);
          const { value = '' } = body;
          if (node && known)
            desk.world.update(desk.local, node, {
              attributes: {
                ...known.attributes,
                [name]: typeof value === 'string' ? value : JSON.stringify(value),
              },
            });
          return { name, type: body['type'] ?? 'STRING', value };
        }),
    },
    {
      method: 'DELETE',
      path: '/shares/:id/attribute',
      answer: (call) =>
        attribute(call, ({ node }, name) => {
          const known = node?.seen.get(desk.local);
          if (!node || !known || !Object.hasOwn(known.attributes, name))
            throw notFound('ATTRIBUTE', name);
          const { [name]: _gone, ...attributes } = known.attributes;
          desk.world.update(desk.local, node, { attributes });
          return undefined;
        }),
    },
    {
      method: 'POST',
      path: '/share-snapshots/snapshot-create/:id',
      answer: ({ params }) => {
        const share = shareNamed(params['id'] ?? '');
        const created = desk.now();
        const name = new Date(created).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
        const isTaken = share.snapshots.some((snapshot) => snapshot.name === name);
        const unique = isTaken ? `${name}.${share.snapshots.length}` : name;
        replace(share.uuid, (now) => ({
          ...now,
          snapshots: [...now.snapshots, { name: unique, created }],
        }));
        // The answer is the raw name, no JSON [C csi].
        return new Reply({ status: 200, body: unique, isText: true });
      },
    },
    {
      method: 'GET',
      path: '/share-snapshots/snapshot-list/:id',
      answer: ({ params }) => [
        'current',
        ...shareNamed(params['id'] ?? '').snapshots.map(({ name }) => name),
      ],
    },
    {
      method: 'POST',
      path: '/share-snapshots/snapshot-delete/:id/:snapshot',
      answer: ({ params }) => {
        const share = shareNamed(params['id'] ?? '');
        const name = params['snapshot'] ?? '';
        if (!share.snapshots.some((snapshot) => snapshot.name === name))
          throw notFound('SHARE_SNAPSHOT', name);
        replace(share.uuid, (now) => ({
          ...now,
          snapshots: now.snapshots.filter((snapshot) => snapshot.name !== name),
        }));
        return undefined;
      },
    },
  ];
}

export function shareView(desk: Desk, share: ShareRecord): View {
  const isStudio = share.path === desk.world.options.share.path;
  const files = isStudio ? desk.totals().files : 0;
  const capacity = capacityOf(desk);
  const limit = Number(share.settings['shareSizeLimit'] ?? 0);
  const total = limit > 0 ? limit : capacity.total;
  const used = isStudio ? Math.min(capacity.used, total) : 0;
  const key = isStudio ? null : `share:${share.uuid}`;
  const { setup, local } = { setup: desk.objectives.setup, local: desk.local };
  const applied =
    key === null ? desk.objectives.local(local, desk.world.root) : setup.applied(local, key);
  return {
    ...entityView(share, 'SHARE'),
    exportOptions: [DEFAULT_EXPORT],
    shareSizeLimit: 0,
    smbAliases: [],
    warnUtilizationPercentThreshold: 90,
    replicationLatencyAlertThreshold: 60,
    ...share.settings,
    path: share.path,
    shareState: share.state,
    shareLifecycle: share.state === 'PUBLISHED' ? 'ACTIVE' : 'REMOVED',
    shareObjectives: applied.map((each) => appliedView(desk, each)),
    shareParticipants: isStudio ? participantViews(desk) : [],
    isOrWasReplicated: isStudio,
    participantId: isStudio ? desk.site.participantId : 0,
    totalNumberOfFiles: files,
    numberOfOpenFiles: 0,
    space: {
      total,
      used,
      available: total - used,
      percent: Math.floor((used / total) * 100),
    },
    inodes: { total: 1_000_000_000, used: files, available: 1_000_000_000 - files, percent: 0 },
  };
}

function assertShareBody(body: Readonly<Record<string, unknown>>): void {
  if (textOf(body, 'comment').length > MAX_COMMENT)
    throw new AnvilError('VALIDATION_VIOLATION', `comment is longer than ${MAX_COMMENT}`, [
      'comment',
    ]);
  mapOf(body, 'extendedInfo');
  for (const { subnet, accessPermissions } of listOf(body, 'exportOptions'))
    if (typeof subnet !== 'string' || !['RW', 'RO'].includes(String(accessPermissions)))
      throw new AnvilError('VALIDATION_VIOLATION', 'exportOptions need a subnet and RW or RO', [
        'exportOptions',
      ]);
  const limit = body['shareSizeLimit'] ?? 0;
  if (!Number.isSafeInteger(Number(limit)) || Number(limit) < 0)
    throw new AnvilError('VALIDATION_VIOLATION', 'shareSizeLimit must be bytes', [
      'shareSizeLimit',
    ]);
}

function settingsIn(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    SETTABLE.filter((name) => body[name] !== undefined && body[name] !== null).map((name) => [
      name,
      body[name],
    ]),
  );
}

function nameIn(value: unknown): string {
  const name =
    typeof value === 'object' && value !== null ? (value as { name?: unknown }).name : undefined;
  return typeof name === 'string' ? name : '';
}
