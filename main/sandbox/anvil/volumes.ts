// Volumes: the site's own one, and the object volumes that sites stage payload through.

import { randomUUID } from 'node:crypto';
import type { VolumeRecord } from '../setup.ts';
import { uuidOf } from '../stable-uuid.ts';
import { ENTITY_FIELDS, capacityOf, entityView, type Desk } from './desk.ts';
import { AnvilError } from './errors.ts';
import { collectionRoutes } from './lists.ts';
import { bodyOf, mapOf, nameOf, textOf, type Route, type View } from './routes.ts';

const STAGING = 'staging';
const SETTABLE = [
  'shared',
  'node',
  'objectStoreLogicalVolume',
  'compressionType',
  'chunkingType',
  'osvNamingType',
  'storageClass',
  'region',
  'noUpload',
  'storageCapabilities',
] as const;

export function volumeRoutes(desk: Desk): Route[] {
  const { setup } = desk.objectives;
  const { local } = desk;
  const objectVolumes = (): readonly VolumeRecord[] => setup.of(local).objectVolumes;
  const objectViews = (): View[] => objectVolumes().map((each) => objectVolumeView(desk, each));

  return [
    ...collectionRoutes({
      path: '/storage-volumes',
      objectType: 'STORAGE_VOLUME',
      list: () => [volumeView(desk)],
    }),
    ...collectionRoutes({
      path: '/base-storage-volumes',
      objectType: 'BASE_STORAGE_VOLUME',
      list: () => [volumeView(desk), ...objectViews()],
    }),
    ...collectionRoutes({
      path: '/object-storage-volumes',
      objectType: 'OBJECT_STORAGE_VOLUME',
      list: objectViews,
      create(call) {
        const body = bodyOf(call, [...ENTITY_FIELDS, ...SETTABLE]);
        const name = nameOf(body, 255);
        if (objectVolumes().some((each) => each.name === name))
          throw new AnvilError('ENTITY_ALREADY_EXISTS', `${name} already exists`, [
            'OBJECT_STORAGE_VOLUME',
            name,
          ]);
        const now = desk.now();
        const made: VolumeRecord = {
          uuid: randomUUID(),
          internalId: setup.newInternalId(local),
          name,
          comment: textOf(body, 'comment'),
          extendedInfo: mapOf(body, 'extendedInfo'),
          created: now,
          modified: now,
          settings: Object.fromEntries(
            SETTABLE.filter((key) => body[key] !== undefined).map((key) => [key, body[key]]),
          ),
        };
        return desk.tasks.start({
          name: 'object-volume-add',
          params: { name },
          entity: { uuid: made.uuid, objectType: 'OBJECT_STORAGE_VOLUME' },
          run: () => setup.change(local, { objectVolumes: [...objectVolumes(), made] }),
        });
      },
      remove(view) {
        const name = String(view['name']);
        if (name === STAGING)
          throw new AnvilError(
            'DELETE_FORBIDDEN_ENTITY_USED_BY',
            `${name} is shared by the sites of ${desk.world.options.share.name}`,
            ['OBJECT_STORAGE_VOLUME', name],
          );
        return desk.tasks.start({
          name: 'object-volume-remove',
          params: { name },
          run: () =>
            setup.change(local, {
              objectVolumes: objectVolumes().filter((each) => each.name !== name),
            }),
        });
      },
    }),
  ];
}

function volumeView(desk: Desk): View {
  const { nodeOf, volumeOf } = desk.objectives;
  const { local } = desk;
  const name = volumeOf(local);
  const node = nodeOf(local);
  const capacity = capacityOf(desk);
  return {
    ...entityView(
      {
        uuid: uuidOf(`volume:${local}`),
        internalId: 4,
        name,
        comment: '',
        extendedInfo: {},
        created: desk.startedAt,
        modified: desk.startedAt,
      },
      'STORAGE_VOLUME',
    ),
    _type: 'STORAGE_VOLUME',
    operState: 'UP',
    adminState: 'UP',
    storageVolumeState: 'OK',
    accessType: 'READ_WRITE',
    spaceUsed: capacity.used,
    logicalVolume: {
      exportPath: '/hsvol0',
      capacity,
      node: { _type: 'NODE', name: node },
    },
    associatedLocations: [
      { _type: 'NODE_LOCATION', node: { _type: 'NODE', name: node } },
      { _type: 'VOLUME_LOCATION', storageVolume: { _type: 'STORAGE_VOLUME', name } },
    ],
    storageCapabilities: {
      protection: { availability: 1, durability: 1, onlineDelay: 0 },
      performance: {
        utilizationThreshold: desk.world.options.volume?.(local)?.highPercent ?? 75,
      },
    },
  };
}

function objectVolumeView(desk: Desk, volume: VolumeRecord): View {
  return {
    ...entityView(volume, 'OBJECT_STORAGE_VOLUME'),
    _type: 'OBJECT_STORAGE_VOLUME',
    operState: 'UP',
    adminState: 'UP',
    storageVolumeState: 'OK',
    accessType: 'READ_WRITE',
    shared: volume.name === STAGING,
    noUpload: false,
    osvNamingType: 'HASH_NAMED',
    compressionType: 'NO_COMPRESSION',
    chunkingType: 'NO_CHUNKING',
    ...volume.settings,
    totalCapacity: 0,
    logicalUsed: 0,
    sites:
      volume.name === STAGING
        ? desk.world.options.sites.map(({ name }) => ({ name }))
        : [{ name: desk.local }],
    associatedLocations: [],
    storageCapabilities: { protection: { availability: 3, durability: 10, onlineDelay: 60 } },
  };
}
