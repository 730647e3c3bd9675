// The S3 endpoint: the share's bucket (objects are the files of the home tree) and the staging bucket movers use.
// The parts are in `s3/`: signature, routes, objects, listing, multipart, conditions, checksums and XML.

import { randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { folderBucket, shareBucket } from './s3/buckets.ts';
import { openCall, type Call } from './s3/call.ts';
import { S3Error } from './s3/errors.ts';
import { openFacts } from './s3/facts.ts';
import { createMultipart } from './s3/multipart.ts';
import { route } from './s3/routes.ts';
import { createService, type S3Faults, type Service } from './s3/service.ts';
import type { Credentials } from './s3/signature.ts';
import { sendXml } from './s3/xml.ts';
import type { Tree } from './tree.ts';
import { WorldError, type SiteName, type World } from './world.ts';

export interface S3Options {
  readonly world: World;
  readonly homeSite: SiteName;
  readonly homeTree: Tree;
  readonly stagingDir: string;
  readonly credentials: Credentials;
  readonly region: string;
  readonly port: number;
  /** Puts a door before the server, at which faults can be set. */
  guard?(server: EventEmitter): void;
}

export interface S3Endpoint {
  readonly port: number;
  /** Each fault that is named is set; the others stay as they are. */
  fault(change: S3Faults): void;
  stop(): Promise<void>;
}

export const STAGING_BUCKET = 'staging';
/** After an error the rest of a body is read for this long, so that the client gets to read the answer. */
const DRAIN_MS = 2_000;

export async function startS3(options: S3Options): Promise<S3Endpoint> {
  const dir = options.stagingDir;
  const facts = openFacts(dir);
  const service = createService({
    region: options.region,
    facts,
    dir,
    buckets: [shareBucket({ ...options, facts }), folderBucket(STAGING_BUCKET, dir, facts)],
  });
  const multipart = createMultipart(service, join(dir, '.uploads'));

  async function handle(exchange: Exchange): Promise<void> {
    const { response } = exchange;
    response.setHeader('x-amz-request-id', exchange.id);
    response.setHeader('Date', new Date(service.now()).toUTCString());
    const { session } = service.faults;
    const call = openCall(exchange, {
      credentials: session ? [options.credentials, session] : [options.credentials],
      region: options.region,
      now: service.now(),
    });
    if (call.bucketName !== STAGING_BUCKET) assertNoFault(service, call);
    await route(service, multipart, call);
  }

  /** Clients that wait for a word before they send a body: nobody is made to send what is not wanted. */
  const waiting = new WeakSet<IncomingMessage>();
  const server = createServer({ requestTimeout: 0 });
  server.on('request', (request, response) => {
    const id = randomBytes(8).toString('hex').toUpperCase();
    const exchange = { request, response, expectsContinue: waiting.has(request), id };
    handle(exchange).catch((error: unknown) => fail(exchange, error));
  });
  server.on('checkContinue', (request, response) => {
    waiting.add(request);
    server.emit('request', request, response);
  });
  options.guard?.(server);
  const port = await listen(server, options.port);
  return {
    port,
    fault: (change) => void Object.assign(service.faults, change),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          facts.close();
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly expectsContinue: boolean;
  readonly id: string;
}

function assertNoFault(service: Service, call: Call): void {
  const { faults } = service;
  if (faults.failNext && faults.failNext.count > 0) {
    faults.failNext = { ...faults.failNext, count: faults.failNext.count - 1 };
    throw new S3Error(faults.failNext.code);
  }
  if (faults.credentialsExpired === true) throw new S3Error('ExpiredToken');
  if (faults.redirect && call.bucketName !== '')
    throw new S3Error('PermanentRedirect', undefined, {
      fields: { Endpoint: faults.redirect.endpoint, Bucket: call.bucketName },
      headers: { 'x-amz-bucket-region': faults.redirect.region },
    });
}

function fail(exchange: Exchange, error: unknown): void {
  const { request, response, id } = exchange;
  const known = knownError(error);
  // A client that went away in the middle of its body is no fault of ours.
  if (known.code === 'InternalError' && request.complete)
    process.stderr.write(`sandbox s3: ${request.method} ${request.url}: ${String(error)}\n`);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of the body would be taken for the next request.
  if (!request.complete) {
    response.setHeader('Connection', 'close');
    request.resume();
    response.once('finish', () => void endSoon(request));
  }
  const headers = known.headers;
  if (request.method === 'HEAD') {
    response.writeHead(known.status, headers).end();
    return;
  }
  const [path = ''] = (request.url ?? '').split('?');
  sendXml(response, known.status, {
    root: 'Error',
    body: {
      Code: known.code,
      Message: known.message,
      ...known.fields,
      Resource: path,
      RequestId: id,
      HostId: 'sandbox',
    },
    headers,
  });
}

async function endSoon(request: IncomingMessage): Promise<void> {
  await sleep(DRAIN_MS, undefined, { ref: false });
  request.destroy();
}

function knownError(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  if (error instanceof WorldError)
    return error.code === 'bad-name'
      ? new S3Error('InvalidURI', error.message)
      : // assumed: a key that is a folder, or lies below a file, cannot be an object of a file system
        new S3Error('InvalidObjectName', error.message);
  switch ((error as NodeJS.ErrnoException | null)?.code) {
    case 'ENAMETOOLONG':
      return new S3Error('KeyTooLongError');
    case 'ENOSPC':
    case 'EDQUOT':
      return new S3Error('InsufficientStorage');
    case 'ENOTDIR':
    case 'EISDIR':
      return new S3Error('InvalidObjectName');
    case undefined:
    default:
      return new S3Error('InternalError');
  }
}

/** Node's 5 s would close connections just as clients that poll every few seconds use them again. */
export const KEEP_ALIVE_MS = 75_000;

export function listen(server: Server, port: number): Promise<number> {
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** Whether a file is on disk with the size its version says; used by movers before they send it. */
export async function isWhole(path: string, size: number): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.size === size;
}
