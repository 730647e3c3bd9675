// The rest of an Anvil that clients ask for: who they are, the cluster's state, its portals and its S3 server.

import { uuidOf } from '../stable-uuid.ts';
import { capacityOf, entityView, type Desk } from './desk.ts';
import { notFound } from './errors.ts';
import { collectionRoutes } from './lists.ts';
import { publishedShares } from './places.ts';
import type { Route, View } from './routes.ts';

export function systemRoutes(desk: Desk, permitted: () => readonly string[]): Route[] {
  const entity = (kind: string, objectType: string, name: string): View =>
    entityView(
      {
        uuid: uuidOf(`${kind}:${name}`),
        internalId: 1,
        name,
        comment: '',
        extendedInfo: {},
        created: desk.startedAt,
        modified: desk.startedAt,
      },
      objectType,
    );
  const user = (): View => ({ ...entity('user', 'USER', desk.username), enabled: true, roles: [] });
  const node = {
    _type: 'NODE',
    name: desk.objectives.nodeOf(desk.local),
    mgmtIpAddress: { address: '127.0.0.1', prefixLength: 8 },
  };
  return [
    { method: 'GET', path: '/users/_current', answer: user },
    // The spec says a list of API methods; that each is a verb with a path is assumed.
    { method: 'GET', path: '/users/_current/permitted-operations', answer: permitted },
    ...collectionRoutes({ path: '/users', objectType: 'USER', list: () => [user()] }),
    {
      method: 'GET',
      path: '/cntl/state',
      answer: () => ({
        ...entity('cluster', 'CLUSTER', desk.local),
        capacity: capacityOf(desk),
        portalFloatingIps: [{ address: '127.0.0.1', prefixLength: 8 }],
      }),
    },
    { method: 'GET', path: '/system/health', answer: () => ({ status: 'OK' }) },
    ...collectionRoutes({
      path: '/nodes',
      objectType: 'NODE',
      list: () => [
        { ...entity('node', 'NODE', node.name), ...node, nodeType: 'PD', nodeState: 'MANAGED' },
      ],
    }),
    ...collectionRoutes({
      path: '/data-portals',
      objectType: 'DATA_PORTAL',
      list: () =>
        // NFS_V3 is what CSI looks for, S3 is the one that is really there.
        ['NFS_V3', 'S3'].map((dataPortalType) => ({
          ...entity('portal', 'DATA_PORTAL', `${desk.local}-${dataPortalType}`),
          operState: 'UP',
          adminState: 'UP',
          dataPortalType,
          exported: publishedShares(desk).map(({ path }) => path),
          node,
        })),
    }),
    ...collectionRoutes({
      path: '/s3server',
      objectType: 'S3_SERVER',
      list: () => [
        {
          ...entity('s3server', 'S3_SERVER', 's3'),
          endpoints: ['127.0.0.1'],
          ports: [desk.s3().port],
          identityProvider: 'LOCAL',
          users: [
            { user: desk.username, accessKey: desk.s3().accessKeyId, secretKey: '', enabled: true },
          ],
          buckets: [
            {
              share: desk.world.options.share.name,
              path: '/',
              alias: desk.world.options.share.name,
              acl: 'GROUP',
              canDelete: true,
            },
          ],
          bucketContainers: [],
          maxKeys: 1000,
          strictBucketNaming: true,
          mpuAbortThresholdDays: 7,
        },
      ],
    }),
    {
      method: 'GET',
      path: '/shares/:id/collection-sum',
      answer: ({ params }) => {
        const id = params['id'] ?? '';
        const share = publishedShares(desk).find(({ name, uuid }) => name === id || uuid === id);
        if (!share) throw notFound('SHARE', id);
        const isStudio = share.path === desk.world.options.share.path;
        return [
          {
            collection: 'all',
            numOfFiles: isStudio ? desk.totals().files : 0,
            size: isStudio ? capacityOf(desk).used : 0,
          },
        ];
      },
    },
  ];
}
