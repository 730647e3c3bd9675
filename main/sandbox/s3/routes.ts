// Which call a request is, by its method and the sub-resource it names.

import type { Bucket } from './buckets.ts';
import { assertKey, type Call } from './call.ts';
import { S3Error } from './errors.ts';
import { OWNER, listObjects } from './listing.ts';
import type { Multipart } from './multipart.ts';
import {
  copyObject,
  deleteObject,
  deleteObjects,
  putObject,
  readObject,
  taggingCall,
} from './objects.ts';
import type { Service } from './service.ts';
import { sendXml } from './xml.ts';

/** What S3 has and a share's bucket has not; naming one must not be taken for the plain call. */
const FOREIGN = [
  'accelerate',
  'analytics',
  'attributes',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'torrent',
  'versions',
  'website',
];

export async function route(service: Service, multipart: Multipart, call: Call): Promise<void> {
  if (call.bucketName === '') return listBuckets(service, call);
  const bucket = service.bucket(call.bucketName);
  if (FOREIGN.some((name) => call.params.has(name))) throw new S3Error('NotImplemented');
  const version = call.params.get('versionId');
  if (version !== null && version !== 'null')
    throw new S3Error('InvalidArgument', 'Invalid version id specified', {
      fields: { ArgumentName: 'versionId', ArgumentValue: version },
    });
  if (call.key === '') return bucketCall(service, multipart, { call, bucket });
  assertKey(call.key);
  return objectCall(service, multipart, { call, bucket });
}

function listBuckets(service: Service, call: Call): void {
  if (call.method !== 'GET') throw new S3Error('MethodNotAllowed');
  sendXml(call.response, 200, {
    root: 'ListAllMyBucketsResult',
    body: {
      Owner: OWNER,
      Buckets: {
        Bucket: service.bucketNames().map((Name) => ({
          Name,
          CreationDate: '2024-01-01T00:00:00.000Z',
          BucketRegion: service.region,
        })),
      },
    },
  });
}

async function bucketCall(
  service: Service,
  multipart: Multipart,
  { call, bucket }: { call: Call; bucket: Bucket },
): Promise<void> {
  const { response, params } = call;
  switch (call.method) {
    case 'HEAD':
      response.writeHead(200, { 'x-amz-bucket-region': service.region }).end();
      return;
    case 'GET':
      return readBucket(service, multipart, { call, bucket });
    case 'POST':
      if (params.has('delete')) return deleteObjects(service, call, bucket);
      throw new S3Error('NotImplemented');
    case 'PUT':
      // assumed: buckets are made by an admin, as shares are; `canCreateBuckets` is off
      throw new S3Error([...params].length === 0 ? 'BucketAlreadyOwnedByYou' : 'NotImplemented');
    case 'DELETE':
      throw new S3Error([...params].length === 0 ? 'AccessDenied' : 'NotImplemented');
    default:
      throw new S3Error('MethodNotAllowed');
  }
}

function readBucket(
  service: Service,
  multipart: Multipart,
  { call, bucket }: { call: Call; bucket: Bucket },
): void {
  const { response, params } = call;
  if (params.has('location')) {
    // The oldest region has no name here.
    const location = service.region === 'us-east-1' ? '' : service.region;
    sendXml(response, 200, { root: 'LocationConstraint', body: location });
  } else if (params.has('uploads')) multipart.listUploads(call, bucket);
  else if (params.has('versioning'))
    sendXml(response, 200, { root: 'VersioningConfiguration', body: '' });
  else if (params.has('acl')) sendAcl(call);
  else if (params.has('policy')) throw new S3Error('NoSuchBucketPolicy');
  else if (params.has('cors')) throw new S3Error('NoSuchCORSConfiguration');
  else if (params.has('lifecycle')) throw new S3Error('NoSuchLifecycleConfiguration');
  else if (params.has('tagging')) throw new S3Error('NoSuchTagSet');
  else listObjects(call, bucket);
}

/** One owner who may do everything: what S3 shows of a bucket that has no rules. */
function sendAcl(call: Call): void {
  sendXml(call.response, 200, {
    root: 'AccessControlPolicy',
    body: {
      Owner: OWNER,
      AccessControlList: {
        Grant: {
          Grantee: {
            '@_xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
            '@_xsi:type': 'CanonicalUser',
            ...OWNER,
          },
          Permission: 'FULL_CONTROL',
        },
      },
    },
  });
}

async function objectCall(
  service: Service,
  multipart: Multipart,
  { call, bucket }: { call: Call; bucket: Bucket },
): Promise<void> {
  const { params } = call;
  if (params.has('tagging')) return taggingCall(service, call, bucket);
  const hasUpload = params.has('uploadId');
  switch (call.method) {
    case 'HEAD':
      return readObject(call, bucket);
    case 'GET':
      if (hasUpload) return multipart.listParts(call, bucket);
      if (!params.has('acl')) return readObject(call, bucket);
      return sendAcl(call);
    case 'PUT':
      if (params.has('acl')) throw new S3Error('NotImplemented');
      if (hasUpload) return multipart.part(call, bucket);
      if (call.header('x-amz-copy-source') !== undefined) return copyObject(service, call, bucket);
      return putObject(service, call, bucket);
    case 'POST':
      if (params.has('uploads')) return multipart.start(call, bucket);
      if (hasUpload) return multipart.complete(call, bucket);
      throw new S3Error('MethodNotAllowed');
    case 'DELETE':
      if (hasUpload) return multipart.abort(call, bucket);
      return deleteObject(service, call, bucket);
    default:
      throw new S3Error('MethodNotAllowed');
  }
}
