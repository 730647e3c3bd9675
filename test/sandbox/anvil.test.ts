// The Anvil in conversation: what public clients send, and what they are documented to get, errors included.

import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ANVIL_PATH } from '../../main/sandbox/anvil.ts';
import {
  CREDENTIALS,
  openAnvil,
  withBasic,
  type AnvilAnswer,
  type AnvilSubject,
  type HttpsClient,
  type TaskAnswer,
} from './anvil-subject.ts';

type Json = Readonly<Record<string, unknown>>;

let subject: AnvilSubject;
let client: HttpsClient;
beforeAll(async () => {
  subject = await openAnvil();
  ({ client } = subject);
  for (const [path, size] of [
    ['s010/scene.ma', 3_000_000],
    ['s010/tex/wood.tx', 500],
    ['s020/scene.ma', 40],
  ] as const)
    subject.world.writeFile('london', path, { size, modified: Date.now(), owner: 'kim' });
  subject.world.writeFile('oregon', 'out/f.0001.exr', { size: 9, modified: 1, owner: 'worker' });
  subject.world.replicate();
});
afterAll(() => subject[Symbol.asyncDispose]());

const codeOf = ({ text }: AnvilAnswer): unknown => {
  const body = JSON.parse(text) as Json[] | Json;
  return (Array.isArray(body) ? body[0] : body)?.['errorCode'];
};

async function send(method: string, path: string, body?: unknown): Promise<AnvilAnswer> {
  return client.send(path, { method, ...withBasic(body) });
}

async function login(): Promise<string> {
  const answer = await client.send('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(CREDENTIALS).toString(),
  });
  expect(answer.status).toBe(200);
  return String(answer.headers['set-cookie']).split(';')[0] ?? '';
}

describe('a session', () => {
  test('starts with a form login and a cookie, and ends in 401', async () => {
    const cookie = await login();
    expect((await client.send('/shares', { headers: { cookie } })).status).toBe(200);
    subject.anvil.expireSessions();
    const ended = await client.send('/shares', { headers: { cookie } });
    expect([ended.status, codeOf(ended)]).toEqual([401, 'INSUFFICIENT_AUTHORIZATION']);
    const again = await login();
    expect((await client.send('/shares', { headers: { cookie: again } })).status).toBe(200);
    await client.send('/logout', { method: 'POST', headers: { cookie: again } });
    expect((await client.send('/shares', { headers: { cookie: again } })).status).toBe(401);
  });

  test.each([
    ['wrong', 'application/x-www-form-urlencoded', 'username=admin&password=wrong'],
    ['nothing', 'application/x-www-form-urlencoded', ''],
    ['JSON', 'application/json', JSON.stringify(CREDENTIALS)],
  ])('does not start with %s', async (_what, type, body) => {
    const answer = await client.send('/login', {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    expect([answer.status, codeOf(answer)]).toEqual([401, 'INSUFFICIENT_AUTHORIZATION']);
  });

  test('is not needed for the local site alone, which tells the release', async () => {
    const answer = await client.send('/sites/local');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({
      name: 'london',
      type: 'LOCAL',
      swVersion: '5.3.0',
    });
    expect((await client.send('/sites')).status).toBe(401);
    expect((await client.send('/sites/local', { method: 'PUT', body: '{}' })).status).toBe(401);
  });

  test('says who it is and what it may call', async () => {
    expect(await client.json<Json>('/users/_current')).toMatchObject({ name: 'admin' });
    const operations = await client.json<string[]>('/users/_current/permitted-operations');
    expect(operations).toContain('POST /shares/:id/objective-set');
  });
});

describe('a list', () => {
  test.each([
    'sites',
    'shares',
    'share-participants',
    'objectives',
    'base-storage-volumes',
    'storage-volumes',
    'object-storage-volumes',
    'volume-groups',
    'labels',
    'events',
    'data-portals',
    's3server',
    'tasks',
    'users',
    'nodes',
  ])('%s is a bare array, with or without a slash at its end', async (name) => {
    for (const path of [`/${name}`, `/${name}/`]) {
      const list = await client.json<unknown>(path);
      expect(Array.isArray(list)).toBe(true);
    }
  });

  test('carries entities that are found by name and by uuid', async () => {
    const [share] = await client.json<Json[]>('/shares');
    expect(share).toMatchObject({
      name: 'shots',
      path: '/shots',
      shareState: 'PUBLISHED',
      uoid: { objectType: 'SHARE' },
      isOrWasReplicated: true,
      totalNumberOfFiles: 4,
      space: { used: 3_000_540 },
      extendedInfo: {},
    });
    expect(share?.['created']).toBeGreaterThan(1_700_000_000_000);
    const uuid = (share as { uoid: { uuid: string } } | undefined)?.uoid.uuid;
    expect(await client.json<Json>(`/shares/${uuid}`)).toMatchObject({ name: 'shots' });
    expect(await client.json<string[]>('/shares/uuid-list')).toEqual([uuid]);
    const missing = await send('GET', '/shares/no%2Fsuch');
    expect([missing.status, codeOf(missing)]).toEqual([404, 'ENTITY_NOT_FOUND']);
    expect(JSON.parse(missing.text)).toMatchObject([{ args: ['SHARE', 'no/such'] }]);
  });

  test.each([
    ['spec=type%3Deq%3DREMOTE', ['oregon']],
    ['spec=type=neq=REMOTE', ['london']],
    ['spec=internalId=gt=0', ['oregon']],
    ['spec=internalId=lt=2', ['london']],
    ['spec=internalId=ge=2', ['oregon']],
    ['spec=internalId=le=2', ['london', 'oregon']],
    ['spec=name=like=%25ond%25', ['london']],
    ['spec=name=nlike=OND', ['oregon']],
    ['spec=name=sw=ore', ['oregon']],
    ['spec=name=nsw=ore', ['london']],
    ['spec=name=in=oregon,mumbai', ['oregon']],
    ['spec=name=nin=oregon,mumbai', ['london']],
    ['spec=uoid.objectType=eq=SITE&spec=type=eq=LOCAL', ['london']],
    ['page=0&page.size=1', ['london']],
    ['page=1&page.size=1', ['oregon']],
    ['page=2&page.size=1', []],
    ['page.sort=name&page.sort.dir=desc', ['oregon', 'london']],
    ['page.sort=internalId', ['london', 'oregon']],
  ])('is filtered, sorted and paged by %s', async (query, names) => {
    const found = await client.json<{ name: string }[]>(`/sites?${query}`);
    expect(found.map(({ name }) => name)).toEqual(names);
  });

  test.each([
    'spec=name',
    'spec=name=is=x',
    'page=-1',
    'page.size=all',
    'page.sort=name&page.sort.dir=up',
  ])('refuses %s', async (query) => {
    const answer = await send('GET', `/sites?${query}`);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'BAD_REQUEST']);
  });
});

describe('the way of the CSI driver', () => {
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    'x-user-agent': 'Hammerspace CSI Plugin/v1.2.9',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
  let cookie: string;
  beforeAll(async () => {
    cookie = await login();
  });
  const call = (method: string, path: string, body = ''): Promise<AnvilAnswer> =>
    client.send(path, {
      method,
      headers: { ...headers, cookie, 'content-length': String(Buffer.byteLength(body)) },
      body,
    });

  test('a share is made by a task, resized by what was read, removed, brought back and purged', async () => {
    const body = JSON.stringify({
      name: 'pvc-1',
      path: '/pvc-1',
      comment: 'from CSI',
      extendedInfo: { csi_created_by_plugin_name: 'csi', csi_delete_delay: '0' },
      shareSizeLimit: 1_073_741_824,
      exportOptions: [{ subnet: '*', accessPermissions: 'RW', rootSquash: false }],
      shareObjectives: [{ objective: { name: 'keep-online' } }],
    });
    expect((await call('GET', '/shares/pvc-1')).status).toBe(404);
    const made = await call('POST', '/shares', body);
    expect(made.status).toBe(202);
    expect(made.headers['location']).toMatch(
      /^https:\/\/127\.0\.0\.1:\d+\/mgmt\/v1\.2\/rest\/tasks\/[0-9a-f-]{36}$/,
    );
    const twice = await call('POST', '/shares', body);
    expect([twice.status, codeOf(twice)]).toEqual([400, 'ENTITY_ALREADY_EXISTS']);
    const running = JSON.parse((await call('GET', '/tasks')).text) as TaskAnswer[];
    expect(running.some((task) => task.paramsMap['name'] === 'pvc-1')).toBe(true);
    const task = await client.finish(made);
    expect(task).toMatchObject({ status: 'COMPLETED', progress: 1, statusMessage: '' });
    expect(task.ctxMap['entity-uoid']).toMatch(/^Uoid \[uuid=.*, objectType=SHARE\]$/);
    expect(codeOf(await call('POST', '/shares', body))).toBe('ENTITY_ALREADY_EXISTS');

    const share = JSON.parse((await call('GET', '/shares/pvc-1')).text) as Json;
    expect(share).toMatchObject({
      shareSizeLimit: 1_073_741_824,
      space: { total: 1_073_741_824, used: 0 },
      extendedInfo: { csi_delete_delay: '0' },
    });
    expect((await call('GET', '/files?path=%2Fpvc-1')).status).toBe(200);
    const resized = { ...share, shareSizeLimit: 2_147_483_648 };
    const changed = await call('PUT', '/shares/pvc-1', JSON.stringify(resized));
    expect(changed.status).toBe(202);
    expect((await client.finish(changed)).status).toBe('COMPLETED');
    const stale = await call('PUT', '/shares/pvc-1', JSON.stringify(resized));
    expect([stale.status, codeOf(stale)]).toEqual([400, 'BAD_MODIFICATION_TIME']);

    const removed = await call('DELETE', '/shares/pvc-1?delete-path=true&delete-delay=1');
    expect(removed.status).toBe(202);
    await client.finish(removed);
    const again = await call('DELETE', '/shares/pvc-1?delete-path=true');
    expect(again.status).toBe(400);
    expect(again.text).toContain('Cannot remove a share with state REMOVED.');
    const back = await call('POST', '/shares/pvc-1/undelete');
    expect((await client.finish(back)).status).toBe('COMPLETED');
    expect(codeOf(await call('POST', '/shares/pvc-1/undelete'))).toBe('INVALID_STATE_ERROR');
    await client.finish(await call('DELETE', '/shares/pvc-1?delete-path=true&delete-delay=0'));
    expect((await call('DELETE', '/shares/pvc-1?delete-path=true')).status).toBe(404);
  });

  test('a create that is cancelled makes no share', async () => {
    const made = await call('POST', '/shares', JSON.stringify({ name: 'never', path: '/never' }));
    const id = String(made.headers['location']).split('/').at(-1);
    expect((await call('POST', `/tasks/${id}/cancel`)).status).toBe(200);
    expect((await client.finish(made)).status).toBe('CANCELLED');
    expect((await call('GET', '/shares/never')).status).toBe(404);
    const twice = await call('POST', `/tasks/${id}/cancel`);
    expect([twice.status, codeOf(twice)]).toEqual([400, 'INVALID_STATE_ERROR']);
    expect((await call('GET', '/tasks/no-such-task')).status).toBe(404);
  });

  test('objectives are set on a path without a body, each call with an empty JSON type', async () => {
    const answer = await call(
      'POST',
      '/shares/shots/objective-set?objective-identifier=keep-online&path=%2Fs010',
    );
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({
      shareName: 'shots',
      shareInternalId: 12,
      path: '/s010',
      appliedLocalObjectives: [{ objective: { name: 'keep-online' }, applicability: 'TRUE' }],
    });
    await call('POST', '/shares/shots/objective-reset?path=%2Fs010');
  });

  test('a file is looked for until it is there; a missing one is 500, or 404 by the switch', async () => {
    const path = '/files?path=%2Fshots%2Fs010%2Fscene.ma';
    expect(JSON.parse((await call('GET', path)).text)).toMatchObject({
      name: 'scene.ma',
      path: '/shots/s010/scene.ma',
      size: 3_000_000,
      type: 'FILE',
    });
    const missing = await call('GET', '/files?path=%2Fshots%2Fnothing');
    expect([missing.status, codeOf(missing)]).toEqual([500, 'INTERNAL_SERVER_ERROR']);
    subject.anvil.quirks.missingFile = 404;
    expect((await call('GET', '/files?path=%2Fshots%2Fnothing')).status).toBe(404);
    subject.anvil.quirks.missingFile = 500;
  });

  test('portals, floating addresses and capacity are there', async () => {
    const portals = JSON.parse((await call('GET', '/data-portals/')).text) as Json[];
    expect(portals).toContainEqual(
      expect.objectContaining({
        operState: 'UP',
        adminState: 'UP',
        dataPortalType: 'NFS_V3',
        exported: ['/shots'],
      }),
    );
    expect(JSON.parse((await call('GET', '/cntl/state')).text)).toMatchObject({
      name: 'london',
      portalFloatingIps: [{ address: '127.0.0.1' }],
      capacity: { free: expect.any(Number) as number },
    });
    expect(JSON.parse((await call('GET', '/system/health')).text)).toEqual({ status: 'OK' });
  });

  test('a snapshot has a raw name, is listed beside "current", and is deleted', async () => {
    const made = await call('POST', '/share-snapshots/snapshot-create/shots');
    expect([made.status, made.headers['content-type']]).toEqual([
      200,
      expect.stringContaining('text/plain'),
    ]);
    const list = JSON.parse((await call('GET', '/share-snapshots/snapshot-list/shots')).text);
    expect(list).toEqual(['current', made.text]);
    const listed = await call('GET', '/files?path=%2Fshots%2F.snapshot%2F');
    expect(JSON.parse(listed.text)).toMatchObject({ children: [{ name: made.text }] });
    const path = `/share-snapshots/snapshot-delete/shots/${made.text}`;
    expect((await call('POST', path)).status).toBe(200);
    expect((await call('POST', path)).status).toBe(404);
    const none = await call('POST', '/file-snapshots/delete?filename-expression=%2Fshots%2Fx');
    expect(none.status).toBe(400);
    expect(none.text).toContain('No snapshots found for path');
  });
});

describe('the way of hs-reporter', () => {
  test('every list it reads comes in pages of 500, with the fields it maps', async () => {
    const cookie = await login();
    const read = async (path: string): Promise<Json[]> => {
      const answer = await client.send(`${path}?page=0&page.size=500`, {
        headers: { accept: 'application/json', cookie },
      });
      return JSON.parse(answer.text) as Json[];
    };
    expect(await read('/storage-volumes')).toMatchObject([
      {
        name: 'dsx-london-1::/hsvol0',
        operState: 'UP',
        logicalVolume: { exportPath: '/hsvol0', capacity: { used: 3_000_540 } },
        storageCapabilities: { protection: { durability: 1, onlineDelay: 0 } },
      },
    ]);
    expect(await read('/object-storage-volumes')).toMatchObject([
      { name: 'staging', shared: true, sites: [{ name: 'london' }, { name: 'oregon' }] },
    ]);
    const objectives = await read('/objectives');
    expect(objectives).toHaveLength(63);
    expect(objectives.find(({ name }) => name === 'do-not-move')).toMatchObject({
      internalId: 536870913,
      placementObjective: { doNotMove: true },
    });
    expect(objectives.find(({ name }) => name === 'durability-3-nines')).toMatchObject({
      protection: { durability: 3, availability: 0 },
    });
    expect(objectives.find(({ name }) => name === 'place-on-object-volumes')).toMatchObject({
      placementObjective: {
        placeOnLocations: [{ placeOn: [{ _type: 'VOLUME_GROUP', name: 'object-volumes' }] }],
      },
    });
    expect((await read('/volume-groups')).map(({ name }) => name)).toContain('object-volumes');
    expect(await read('/shares')).toMatchObject([
      { name: 'shots', exportOptions: [{ subnet: '*' }] },
    ]);
  });
});

describe('the way of ansible', () => {
  test('the local site is read, changed and sent back whole', async () => {
    const [site] = await client.json<Json[]>('/sites?spec=type%3Deq%3DLOCAL');
    const sent = { ...site, physicalLocation: 'London, Soho' };
    expect(await client.json<Json>('/sites/london', { method: 'PUT', body: sent })).toMatchObject({
      physicalLocation: 'London, Soho',
    });
    const stale = await send('PUT', '/sites/london', sent);
    expect([stale.status, codeOf(stale)]).toEqual([400, 'BAD_MODIFICATION_TIME']);
    expect((await send('PUT', '/sites/oregon', {})).status).toBe(403);
  });

  test('a volume group brings its three objectives, and cannot go while one is applied', async () => {
    const group = {
      name: 'local-volumes',
      _type: 'VOLUME_GROUP',
      expressions: [
        {
          operator: 'IN',
          locations: [
            { _type: 'NODE_LOCATION', node: { _type: 'NODE', name: 'dsx-london-1' } },
            { _type: 'VOLUME_GROUP', name: 'object-volumes' },
          ],
        },
      ],
    };
    const made = await client.json<Json>('/volume-groups', { method: 'POST', body: group });
    expect(made['volumes']).toMatchObject([{ name: 'dsx-london-1::/hsvol0' }, { name: 'staging' }]);
    for (const prefix of ['place-on', 'confine-to', 'exclude-from'])
      expect(await client.json<Json>(`/objectives/${prefix}-local-volumes`)).toMatchObject({
        basic: true,
      });
    expect(codeOf(await send('POST', '/volume-groups', group))).toBe('ENTITY_ALREADY_EXISTS');
    const set = '/shares/shots/objective-set?path=/&objective-identifier=place-on-local-volumes';
    await client.json(set, { method: 'POST' });
    const used = await send('DELETE', '/volume-groups/local-volumes');
    expect([used.status, codeOf(used)]).toEqual([400, 'DELETE_FORBIDDEN_ENTITY_USED_BY']);
    await client.json(set.replace('-set', '-unset'), { method: 'POST' });
    expect((await send('DELETE', '/volume-groups/local-volumes')).status).toBe(200);
    expect((await send('GET', '/objectives/place-on-local-volumes')).status).toBe(404);
    const unknown = { ...group, expressions: [{ locations: [{ node: { name: 'elsewhere' } }] }] };
    expect((await send('POST', '/volume-groups', unknown)).status).toBe(404);
  });

  test('an advanced objective is made, read, changed and deleted', async () => {
    const body = {
      name: 'region-london',
      comment: 'keep tagged scenes online in London',
      basic: false,
      expression: 'IF IS_LIVE AND GET_TAG("dest_london") THEN {SLO(\'keep-online\')}',
      extendedInfo: { isAdvanced: 'true' },
    };
    const made = await client.json<Json>('/objectives', { method: 'POST', body });
    expect(made).toMatchObject({ name: 'region-london', basic: false });
    expect(codeOf(await send('POST', '/objectives', body))).toBe('ENTITY_ALREADY_EXISTS');
    const changed = { ...made, comment: 'changed' };
    expect(
      await client.json<Json>('/objectives/region-london', { method: 'PUT', body: changed }),
    ).toMatchObject({ comment: 'changed', expression: body.expression });
    expect(codeOf(await send('PUT', '/objectives/region-london', changed))).toBe(
      'BAD_MODIFICATION_TIME',
    );
    expect((await send('DELETE', '/objectives/region-london')).status).toBe(200);
    expect((await send('DELETE', '/objectives/region-london')).status).toBe(404);
    expect((await send('DELETE', '/objectives/keep-online')).status).toBe(403);
    const broken = { name: 'broken', expression: 'IF IS_LIVE' };
    expect(codeOf(await send('POST', '/objectives', broken))).toBe('VALIDATION_VIOLATION');
  });

  test('an object volume is added by a task', async () => {
    const made = await send('POST', '/object-storage-volumes', {
      _type: 'OBJECT_STORAGE_VOLUME',
      name: 'archive',
      shared: true,
      node: { _type: 'NODE', name: 'cloud' },
      objectStoreLogicalVolume: { _type: 'OBJECT_STORE_LOGICAL_VOLUME', name: 'bucket' },
      compressionType: 'NO_COMPRESSION',
    });
    expect((await client.finish(made)).status).toBe('COMPLETED');
    expect(await client.json<Json>('/object-storage-volumes/archive')).toMatchObject({
      shared: true,
      _type: 'OBJECT_STORAGE_VOLUME',
    });
    expect(
      (await client.json<Json[]>('/base-storage-volumes')).map((each) => each['name']),
    ).toEqual(['dsx-london-1::/hsvol0', 'staging', 'archive']);
    await client.finish(await send('DELETE', '/object-storage-volumes/archive'));
    expect((await send('DELETE', '/object-storage-volumes/staging')).status).toBe(400);
  });

  test('labels are a schema that may imply others', async () => {
    await client.json('/labels', { method: 'POST', body: { name: 'asset' } });
    const body = { name: 'hero', impliedLabels: [{ name: 'asset' }] };
    expect(await client.json<Json>('/labels', { method: 'POST', body })).toMatchObject({
      impliedLabels: [{ name: 'asset' }],
    });
    expect((await send('DELETE', '/labels/asset')).status).toBe(400);
    await client.json('/labels/hero', { method: 'DELETE' });
    await client.json('/labels/asset', { method: 'DELETE' });
    expect(await client.json<Json[]>('/labels')).toEqual([]);
  });
});

describe('objectives on a path', () => {
  const at = (verb: string, query: Record<string, string>): string =>
    `/shares/shots/objective-${verb}?${new URLSearchParams({ path: '/s010', ...query }).toString()}`;
  const post = (verb: string, query: Record<string, string>): Promise<Json> =>
    client.json<Json>(at(verb, query), { method: 'POST' });

  test('are set, shown below as inherited, changed, masked there and reset', async () => {
    const order = {
      'objective-identifier': 'keep-online',
      applicability: "HAS_KEYWORD('SGHS_LON')",
    };
    await post('set', order);
    await post('set', order);
    const below = await client.json<Json>(at('list', { path: '/s010/tex' }));
    const pairs = (list: unknown): string[] =>
      (list as { objective: { name: string }; applicability: string }[]).map(
        ({ objective, applicability }) => `${objective.name} ${applicability}`,
      );
    const pair = `keep-online ${order.applicability}`;
    expect(pairs(below['appliedObjectives']).filter((each) => each === pair)).toHaveLength(1);
    expect(below['appliedLocalObjectives']).toEqual([]);
    expect(pairs(below['activeObjectives'])).not.toContain(pair);

    const update = { ...order, 'new-applicability': 'IS_LIVE' };
    const updated = await post('update', update);
    expect(pairs(updated['appliedLocalObjectives'])).toEqual(['keep-online IS_LIVE']);
    expect(pairs(updated['activeObjectives'])).toContain('keep-online IS_LIVE');

    const live = { ...order, applicability: 'IS_LIVE' };
    const masked = await post('unset', { ...live, path: '/s010/tex' });
    expect(pairs(masked['appliedObjectives'])).not.toContain('keep-online IS_LIVE');
    expect(masked['appliedLocalObjectives']).toMatchObject([{ negated: true }]);
    const reset = await post('reset', { path: '/s010/tex' });
    expect(pairs(reset['appliedObjectives'])).toContain('keep-online IS_LIVE');
    const gone = await post('unset', live);
    expect(gone['appliedLocalObjectives']).toEqual([]);
  });

  test.each([
    ['an objective nobody made', 'set', { 'objective-identifier': 'nothing' }, 404],
    ['no objective', 'set', {}, 400],
    ['a path that is not there', 'set', { 'objective-identifier': 'keep-online', path: '/x' }, 404],
    [
      'a way out of the share',
      'set',
      { 'objective-identifier': 'keep-online', path: '/../etc' },
      404,
    ],
    [
      'a broken condition',
      'set',
      { 'objective-identifier': 'keep-online', applicability: '(' },
      400,
    ],
    [
      'what is not applied',
      'unset',
      { 'objective-identifier': 'deny-read', applicability: 'IS_LIVE' },
      404,
    ],
    [
      'what stays always',
      'unset',
      { 'objective-identifier': 'durability-1-nine', applicability: 'DATA_ORIGIN_LOCAL?ALWAYS' },
      403,
    ],
  ])('refuse %s', async (_what, verb, query, status) => {
    expect((await send('POST', at(verb, query))).status).toBe(status);
  });

  test.each([
    ["HAS_KEYWORD('SITE_LON')", true],
    ['GET_TAG("a/b")=="x y"?TRUE', true],
    ['IS_LIVE AND', false],
    ['IS_LIVELY', false],
  ])('validate says of %s: %s', async (condition, ok) => {
    const checked = await client.json<{ ok: boolean; errors: unknown[] }>(
      `/objectives/validate/${encodeURIComponent(condition)}`,
    );
    expect(checked).toMatchObject({ ok, completions: expect.any(Array) as unknown[] });
    expect(checked.errors).toHaveLength(ok ? 0 : 1);
  });

  test('an attribute is set on a path, read, and deleted', async () => {
    const path = '/shares/shots/attribute?path=%2Fs020&name=RECENTLY_USED_DURATION';
    expect((await send('GET', path)).status).toBe(404);
    const body = { name: 'RECENTLY_USED_DURATION', type: 'DURATION', value: '1 day' };
    await client.json('/shares/shots/attribute?path=%2Fs020', { method: 'POST', body });
    expect(await client.json<Json>(path)).toMatchObject({ value: '1 day' });
    await client.json(path, { method: 'DELETE' });
    expect((await send('DELETE', path)).status).toBe(404);
  });
});

describe('files', () => {
  interface FileView {
    readonly name: string;
    readonly children: readonly FileView[];
    readonly [field: string]: unknown;
  }
  const file = (path: string, more = ''): Promise<FileView> =>
    client.json<FileView>(`/files?path=${encodeURIComponent(path)}${more}`);

  test('a folder shows its children, and where the data of each is', async () => {
    const folder = await file('/shots/s010', '&includeReplicationDetails=true');
    expect(folder).toMatchObject({ type: 'DIRECTORY', shareName: 'shots', sharePath: '/shots' });
    expect(folder.children.map(({ name }) => name)).toEqual(['scene.ma', 'tex']);
    expect(folder.children[0]).toMatchObject({
      remote: false,
      volumes: [{ name: 'dsx-london-1::/hsvol0' }],
      replicationDetails: { siteName: 'london', cachedCopy: false, accessDependency: 'LOCAL' },
    });
    const remote = await file('/shots/out/f.0001.exr', '&includeReplicationDetails=true');
    expect(remote).toMatchObject({
      remote: true,
      volumes: [],
      replicationDetails: {
        siteName: 'oregon',
        participantId: 2,
        cachedCopy: false,
        accessDependency: 'REMOTE',
      },
    });
    expect(await file('/shots/s010')).not.toHaveProperty('replicationDetails');
  });

  test('by path, by pattern, by themselves', async () => {
    const matched = await client.json<FileView>('/files/shots/s010?pattern=*.ma');
    expect(matched.children.map(({ name }) => name)).toEqual(['scene.ma']);
    expect((await client.json<FileView>('/files/shots/s010?itself=true')).children).toEqual([]);
    expect(await client.json<Json>('/files/used_capacity?path=%2Fshots%2Fs010')).toMatchObject({
      usedCapacity: 3_000_500,
    });
    expect(await client.json<boolean>('/files/file_exists_dp?path=%2Fshots%2Fnone')).toBe(false);
    expect((await file('/')).children.map(({ name }) => name)).toContain('shots');
  });

  test.each(['/etc/passwd', '/shots/../etc', '/shotsx', 'shots', '/shots/s010/scene.ma/x'])(
    '%s is missing',
    async (path) => {
      expect((await send('GET', `/files?path=${encodeURIComponent(path)}`)).status).toBe(500);
    },
  );
});

describe('sites and reports', () => {
  test('participants tell their latency, and an admin can take one down and up', async () => {
    expect(await client.json<Json>('/share-participants/oregon')).toMatchObject({
      shareName: 'shots',
      participantId: 2,
      updateInterval: 5,
      operState: 'UP',
      latency: { participantId: 2, sendLatencySecs: expect.any(Number) as number },
    });
    const change = (state: string): Promise<Json> =>
      client.json<Json>(
        `/share-participants/change-admin-state?state=${state}&site=oregon&share=shots`,
        { method: 'PUT' },
      );
    expect(await change('DOWN')).toMatchObject({ operState: 'DOWN', adminState: 'DOWN' });
    const events = await client.json<Json[]>(
      '/events?spec=severity=ge=WARNING&page.sort=created&page.sort.dir=desc&page.size=50',
    );
    expect(events[0]).toMatchObject({
      type: 'GFS_PARTICIPANT_OPER_STATE_CHANGED',
      severity: 'ERROR',
      cleared: false,
    });
    expect(await client.json<Json[]>('/events/summary')).toEqual([{ severity: 'ERROR', count: 1 }]);
    expect(await change('UP')).toMatchObject({ operState: 'UP', adminState: 'UP' });
    expect(await client.json<Json[]>('/events?spec=cleared=eq=false')).toMatchObject([
      { severity: 'NOTICE' },
    ]);
    expect((await send('PUT', '/share-participants/change-admin-state?state=UP')).status).toBe(400);
  });

  test('reports count what really crossed a link', async () => {
    subject.world.count('oregon', 'london', 1_000);
    subject.world.count('oregon', 'london', 500);
    const query = 'share=shots&precedingDurationMillis=600000';
    const serie = await client.json<{ columns: string[]; points: unknown[][]; rows: number }>(
      `/reports/mobility?${query}&page=0&page.size=1`,
    );
    expect([serie.points.length, serie.rows]).toEqual([1, 2]);
    const size = serie.points[0]?.[serie.columns.indexOf('size')];
    expect(size).toBe(1_000);
    expect(await client.json<Json>(`/reports/mobility/summary?${query}`)).toEqual({
      numOfFiles: 2,
      size: 1_500,
    });
    const buckets = await client.json<{ size: number }[]>(`/reports/mobility/share?${query}`);
    expect(buckets.reduce((sum, bucket) => sum + bucket.size, 0)).toBe(1_500);
    expect(await client.json<Json[]>('/reports/moe/mobility-bandwidth')).toContainEqual(
      expect.objectContaining({ fromStorageContainer: 'oregon', toStorageContainer: 'london' }),
    );
    expect(await client.json<Json>(`/reports/mobility/summary?${query}&to=oregon`)).toMatchObject({
      numOfFiles: 0,
    });
  });

  test('the alignment report counts the files as the site sees them', async () => {
    const [share] = await client.json<{ uoid: { uuid: string } }[]>('/shares');
    const serie = await client.json<{ columns: string[]; points: number[][] }>(
      `/reports/stats/alignment/SHARE/${share?.uoid.uuid}?precedingDuration=60000`,
    );
    expect(serie.points[0]?.slice(1).reduce((sum, count) => sum + count, 0)).toBe(4);
    const latencies = await client.json<{ points: number[][] }>(
      `/reports/replication/share-latencies/${share?.uoid.uuid}?participantId=2`,
    );
    expect(latencies.points).toHaveLength(1);
  });

  test('mount details say where to mount', async () => {
    expect(await client.json<Json>('/shares/shots/mount-details')).toMatchObject({
      published: true,
      mountOptions: [{ enabled: true, exportHost: '127.0.0.1', mountPath: '/shots' }],
    });
  });
});

describe('what is wrong', () => {
  test.each([
    ['a broken body', 'POST', '/shares', '{"name":', 400],
    ['a body that is a list', 'POST', '/shares', '[]', 400],
    ['no body', 'POST', '/shares', undefined, 400],
    ['an unknown field', 'POST', '/shares', '{"name":"a","path":"/a","colour":1}', 400],
    ['a name too long', 'POST', '/shares', JSON.stringify({ name: 'x'.repeat(81) }), 400],
    [
      'a comment too long',
      'POST',
      '/shares',
      JSON.stringify({ name: 'a', comment: 'x'.repeat(256) }),
      400,
    ],
    ['a name that is no text', 'POST', '/shares', '{"name":{"a":1}}', 400],
    ['a path that leaves', 'POST', '/shares', '{"name":"a","path":"/a/../../etc"}', 400],
    [
      'an objective nobody made',
      'POST',
      '/shares',
      '{"name":"a","shareObjectives":[{"objective":{"name":"x"}}]}',
      404,
    ],
    ['proto as a field', 'POST', '/labels', '{"name":"a","__proto__":{"x":1}}', 400],
    ['a wrong verb', 'PATCH', '/shares/shots', undefined, 405],
    ['another wrong verb', 'DELETE', '/shares', undefined, 405],
    ['an unknown resource', 'GET', '/nonsense', undefined, 404],
    ['the studio share, removed', 'DELETE', '/shares/shots', undefined, 400],
    ['too large a body', 'POST', '/shares', `"${'x'.repeat(1_100_000)}"`, 413],
    ['a malformed escape', 'GET', '/shares/%zz', undefined, 400],
    ['a missing parameter', 'GET', '/files', undefined, 400],
  ])('%s is answered with an error', async (...[, method, path, body, status]) => {
    const answer = await send(method, path, body);
    expect([answer.status, codeOf(answer)]).toEqual([status, expect.any(String)]);
  });

  test('comes in the other body by the switch', async () => {
    subject.anvil.quirks.errorBody = 'object';
    const answer = await send('GET', '/shares/none');
    subject.anvil.quirks.errorBody = 'array';
    expect(JSON.parse(answer.text)).toMatchObject({
      message: 'No share named none',
      errors: [{ errorCode: 'ENTITY_NOT_FOUND' }],
    });
  });

  test('progress is whole percents by the switch', async () => {
    subject.anvil.quirks.taskProgress = 'percent';
    const made = await send('POST', '/shares', { name: 'percent', path: '/percent' });
    expect(await client.finish(made)).toMatchObject({ progress: 100 });
    subject.anvil.quirks.taskProgress = 'fraction';
  });

  test('bytes that are no HTTP, and a hang-up, harm nobody', async () => {
    for (const bytes of [
      '\0\0\0',
      `GET ${ANVIL_PATH}/shares HTTP/1.1\r\nHost`,
      'A'.repeat(90_000),
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect({
          port: subject.anvil.port,
          host: '127.0.0.1',
          // Not what is tested here: the client's own check of the certificate.
          checkServerIdentity: () => undefined,
          rejectUnauthorized: false,
        });
        socket.on('error', () => undefined);
        socket.once('close', () => resolve());
        socket.write(bytes, () => setTimeout(() => socket.destroy(), 50));
      });
    }
    expect((await client.send('/sites/local')).status).toBe(200);
  });

  test('a client that does not know the CA gets no session', async () => {
    const { request } = await import('node:https');
    const failure = await new Promise<string>((resolve) => {
      request(`https://127.0.0.1:${subject.anvil.port}${ANVIL_PATH}/sites/local`, () =>
        resolve('answered'),
      )
        .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
        .end();
    });
    expect(failure).toMatch(/SELF_SIGNED/);
  });
});
