// Sites and their part in the share, with the latency of what they last heard of each other.

import { uuidOf } from '../stable-uuid.ts';
import type { SiteName, SiteSpec } from '../world.ts';
import { ENTITY_FIELDS, entityView, nextModified, type Desk } from './desk.ts';
import { AnvilError, notFound } from './errors.ts';
import { collectionRoutes, findEntity } from './lists.ts';
import {
  assertUnmodified,
  bodyOf,
  mapOf,
  required,
  textOf,
  type Call,
  type Route,
  type View,
} from './routes.ts';

const SW_VERSION = '5.3.0';
/** What may be changed of the local site; its name is the studio's. */
const SETTABLE = ['siteMgmtAddress', 'siteDataAddress', 'physicalLocation'] as const;
const SITE_FIELDS = [
  ...ENTITY_FIELDS,
  ...SETTABLE,
  'type',
  'mgmtAddress',
  'dataAddress',
  'swVersion',
  'objectStorageVolumes',
  'shareParticipants',
];

export function siteRoutes(desk: Desk): Route[] {
  const { world, local } = desk;
  const { setup } = desk.objectives;
  const sites = (): View[] => world.options.sites.map((site) => siteView(desk, site));

  function update(view: View, call: Call): unknown {
    const before = setup.of(local).site;
    const body = bodyOf(call, SITE_FIELDS);
    if (view['type'] !== 'LOCAL')
      throw new AnvilError('FORBIDDEN', 'A remote site is changed at its own Anvil', ['SITE']);
    assertUnmodified(body, { name: String(view['name']), modified: before.modified });
    if ((body['name'] ?? view['name']) !== view['name'])
      throw new AnvilError('FORBIDDEN', 'The sites of this studio keep their names', ['SITE']);
    const settings = Object.fromEntries(
      SETTABLE.filter((name) => body[name] !== undefined).map((name) => [name, textOf(body, name)]),
    );
    const extras = {
      ...(body['comment'] === undefined ? {} : { comment: textOf(body, 'comment') }),
      ...(body['extendedInfo'] === undefined ? {} : { extendedInfo: mapOf(body, 'extendedInfo') }),
    };
    setup.change(local, {
      site: {
        modified: nextModified(desk, before.modified),
        settings: { ...before.settings, ...settings, ...extras },
      },
    });
    // Site PUT answers 200 with the entity, share PUT 202 with a task [C csi, ans].
    return siteView(desk, desk.site);
  }

  function changeAdminState(call: Call): View {
    const state = required(call.query, 'state').toUpperCase();
    if (state !== 'UP' && state !== 'DOWN')
      throw new AnvilError('BAD_REQUEST', 'state must be UP or DOWN', ['state']);
    const named = required(call.query, 'site');
    const view = findEntity(sites(), named);
    const share = required(call.query, 'share');
    if (share !== world.options.share.name && share !== studioShareUuid(desk))
      throw notFound('SHARE', share);
    const other = world.options.sites.find((site) => site.name === view?.['name'])?.name;
    if (other === undefined || other === local) throw notFound('SHARE_PARTICIPANT', named);
    if (state === 'DOWN') world.cutLinks.add(`${local}>${other}`);
    else {
      world.cutLinks.delete(`${local}>${other}`);
      world.cutLinks.delete(`${other}>${local}`);
    }
    return findEntity(participantViews(desk), other) ?? {};
  }

  return [
    {
      method: 'GET',
      path: '/sites/discover/:address',
      answer: ({ params }) => {
        const address = params['address'] ?? '';
        const found = sites().find((view) => view['mgmtAddress'] === address);
        if (!found) throw new AnvilError('BAD_REQUEST', `No site answers at ${address}`, [address]);
        return found;
      },
    },
    { method: 'GET', path: '/sites/local', answer: () => siteView(desk, desk.site) },
    {
      method: 'PUT',
      path: '/sites/local',
      answer: (call) => update(siteView(desk, desk.site), call),
    },
    ...collectionRoutes({ path: '/sites', objectType: 'SITE', list: sites, update }),
    { method: 'PUT', path: '/share-participants/change-admin-state', answer: changeAdminState },
    ...collectionRoutes({
      path: '/share-participants',
      objectType: 'SHARE_PARTICIPANT',
      list: () => participantViews(desk),
      create: () => {
        throw new AnvilError('ENTITY_ALREADY_EXISTS', 'Every site takes part in the share already');
      },
      remove: () => {
        throw new AnvilError('FORBIDDEN', 'The sites of this studio stay in its share');
      },
    }),
  ];
}

function siteView(desk: Desk, site: SiteSpec): View {
  const isLocal = site.name === desk.local;
  const { modified, settings } = desk.objectives.setup.of(desk.local).site;
  return {
    ...entityView(
      {
        uuid: uuidOf(`site:${site.name}`),
        internalId: site.participantId,
        name: site.name,
        comment: '',
        extendedInfo: {},
        created: desk.startedAt,
        modified: isLocal ? modified : desk.startedAt,
      },
      'SITE',
    ),
    type: isLocal ? 'LOCAL' : 'REMOTE',
    siteMgmtAddress: '127.0.0.1',
    siteDataAddress: '127.0.0.1',
    mgmtAddress: '127.0.0.1',
    dataAddress: '127.0.0.1',
    physicalLocation: site.place,
    swVersion: SW_VERSION,
    ...(isLocal ? settings : {}),
  };
}

export function participantViews(desk: Desk): View[] {
  const { world, local } = desk;
  return world.options.sites.map((other) => {
    const isCut = other.name !== local && world.isCut(local, other.name);
    return {
      ...entityView(
        {
          uuid: uuidOf(`participant:${other.name}`),
          internalId: other.participantId,
          name: other.name,
          comment: '',
          extendedInfo: {},
          created: desk.startedAt,
          modified: desk.startedAt,
        },
        'SHARE_PARTICIPANT',
      ),
      shareName: world.options.share.name,
      participantId: other.participantId,
      updateInterval: world.options.intervalMs / 1000,
      operState: isCut ? 'DOWN' : 'UP',
      operStateReason: isCut ? 'The site cannot be reached' : '',
      adminState: world.cutLinks.has(`${local}>${other.name}`) ? 'DOWN' : 'UP',
      latency: { ...latencyTo(desk, other.name), participantId: other.participantId },
    };
  });
}

/** Seconds since metadata last went and came; grows while two sites are cut apart. */
export function latencyTo(
  desk: Desk,
  other: SiteName,
): { timestamp: number | null; sendLatencySecs: number; receiveLatencySecs: number } {
  const { world, local } = desk;
  const now = desk.now();
  const secondsSince = (at: number | undefined): number =>
    other === local ? 0 : Math.max(0, Math.floor((now - (at ?? desk.startedAt)) / 1000));
  const sent = world.sendTimes.get(`${local}>${other}`);
  return {
    timestamp: other === local ? now : (sent ?? null),
    sendLatencySecs: secondsSince(sent),
    receiveLatencySecs: secondsSince(world.receiveTimes.get(`${local}>${other}`)),
  };
}

export function studioShareUuid(desk: Desk): string {
  const { path } = desk.world.options.share;
  return (
    desk.objectives.setup.of(desk.local).shares.find((share) => share.path === path)?.uuid ?? ''
  );
}
