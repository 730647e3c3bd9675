// An Anvil over TLS for a test, asked with plain https requests in the shapes that public clients send.

import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { generate } from 'selfsigned';
import { ANVIL_PATH, startAnvil, type Anvil, type AnvilOptions } from '../../main/sandbox/anvil.ts';
import { createObjectives, type Objectives } from '../../main/sandbox/objectives.ts';
import { World } from '../../main/sandbox/world.ts';

export const CREDENTIALS = { username: 'admin', password: 'pass:word' };
const BASIC = `Basic ${Buffer.from(`${CREDENTIALS.username}:${CREDENTIALS.password}`).toString('base64')}`;

export interface AnvilAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Asked {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpsClient {
  /** `path` is below the base path unless it is a whole URL. */
  send(path: string, asked?: Asked): Promise<AnvilAnswer>;
  /** With HTTP Basic, and JSON both ways, as ansible sends; fails on an error. */
  json<T>(path: string, asked?: { method?: string; body?: unknown }): Promise<T>;
  /** Follows a 202 to the end of its task and gives the task. */
  finish(answer: AnvilAnswer): Promise<TaskAnswer>;
  close(): void;
}

export interface TaskAnswer {
  readonly uuid: string;
  readonly status: string;
  readonly progress: number;
  readonly statusMessage: string;
  readonly paramsMap: Readonly<Record<string, string>>;
  readonly ctxMap: Readonly<Record<string, string>>;
}

export function httpsClient(base: string, ca: string, basic = BASIC): HttpsClient {
  const agent = new Agent({ ca, keepAlive: true });

  function send(path: string, asked: Asked = {}): Promise<AnvilAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        path.startsWith('https:') ? path : `${base}${path}`,
        { agent, method: asked.method ?? 'GET', headers: { ...asked.headers } },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (part: string) => (text += part));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
          );
        },
      );
      outgoing.on('error', reject);
      outgoing.end(asked.body);
    });
  }

  async function json<T>(
    path: string,
    asked: { method?: string; body?: unknown } = {},
  ): Promise<T> {
    const answer = await send(path, {
      ...(asked.method === undefined ? {} : { method: asked.method }),
      ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
      headers: {
        authorization: basic,
        accept: 'application/json',
        'content-type': 'application/json',
      },
    });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return (answer.text === '' ? null : JSON.parse(answer.text)) as T;
  }

  return {
    send,
    json,
    async finish(answer) {
      const location = String(answer.headers['location']);
      for (let round = 0; round < 200; round += 1) {
        const polled = await send(location, { headers: { authorization: basic } });
        const task = JSON.parse(polled.text) as TaskAnswer;
        if (['COMPLETED', 'FAILED', 'CANCELLED'].includes(task.status)) return task;
        await sleep(20);
      }
      throw new Error('the task does not end');
    },
    close: () => agent.destroy(),
  };
}

export interface AnvilSubject extends AsyncDisposable {
  readonly world: World;
  readonly objectives: Objectives;
  readonly anvil: Anvil;
  readonly client: HttpsClient;
}

export async function openAnvil(options: Partial<AnvilOptions> = {}): Promise<AnvilSubject> {
  const world = new World({
    sites: [
      { name: 'london', place: 'London', participantId: 0 },
      { name: 'oregon', place: 'Boardman, US', participantId: 2 },
    ],
    share: { name: 'shots', path: '/shots' },
    intervalMs: 5_000,
    now: () => Date.now(),
    newUuid: () => randomUUID(),
  });
  const objectives = createObjectives(world);
  const [site] = world.options.sites;
  if (!site) throw new Error('no site');
  const tls = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  const anvil = await startAnvil({
    world,
    site,
    objectives,
    credentials: CREDENTIALS,
    tls: { key: tls.private, cert: tls.cert },
    port: 0,
    taskMs: 150,
    s3: () => ({ port: 9_000, accessKeyId: 'KEY' }),
    progress: () => null,
    ...options,
  });
  const client = httpsClient(`https://127.0.0.1:${anvil.port}${ANVIL_PATH}`, tls.cert);
  return {
    world,
    objectives,
    anvil,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await anvil.stop();
    },
  };
}

export const withBasic = (body?: unknown): Asked => ({
  headers: { authorization: BASIC, 'content-type': 'application/json' },
  ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
});
