// One bounded HTTP exchange: separate connect and answer limits, a body cap, TLS always verified, no redirects.

import { Agent as HttpAgent, request as httpRequest, type ClientRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';
import { AgentError } from '../../engine/base/errors.ts';
import { networkFailure } from './failure.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Time for the whole answer once connected; a body that drips does not stretch it. */
  readonly readMs?: number;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly cookies: readonly string[];
  readonly location: string | null;
  readonly body: Buffer;
}

export interface HttpClient extends Disposable {
  exchange(request: HttpRequest): Promise<HttpAnswer>;
}

const CONNECT_MS = 5_000;
const READ_MS = 30_000;
const MAX_BYTES = 16 * 1024 * 1024;

/** `service` names the other side in every sentence, e.g. "the Anvil of london". */
export function createHttpClient(options: {
  service: string;
  ca?: string | undefined;
  connectMs?: number;
}): HttpClient {
  const agentOptions = { keepAlive: true, maxSockets: 8, keepAliveMsecs: 15_000 };
  const http = new HttpAgent(agentOptions);
  // A studio's own CA is added to the public ones, it does not replace them.
  const https = new HttpsAgent({
    ...agentOptions,
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  });
  const connectMs = options.connectMs ?? CONNECT_MS;

  function once(request: HttpRequest): Promise<HttpAnswer> {
    const target = checkedUrl(request.url, options.service);
    request.signal?.throwIfAborted();
    return new Promise<HttpAnswer>((resolve, reject) => {
      const secure = target.protocol === 'https:';
      const sent: ClientRequest = (secure ? httpsRequest : httpRequest)(target, {
        method: request.method,
        agent: secure ? https : http,
        headers: {
          ...request.headers,
          ...(request.body === undefined
            ? {}
            : { 'content-length': Buffer.byteLength(request.body) }),
        },
      });
      let timer = setTimeout(() => sent.destroy(timeUp('connect', connectMs)), connectMs);
      const onAbort = (): void => void sent.destroy(abortReason(request.signal));
      request.signal?.addEventListener('abort', onAbort, { once: true });

      function end(): void {
        clearTimeout(timer);
        request.signal?.removeEventListener('abort', onAbort);
      }
      function fail(error: unknown): void {
        end();
        reject(error as Error);
      }
      function connected(): void {
        clearTimeout(timer);
        const readMs = request.readMs ?? READ_MS;
        timer = setTimeout(() => sent.destroy(timeUp('answer', readMs)), readMs);
      }
      function timeUp(phase: 'connect' | 'answer', limitMs: number): AgentError {
        const what = phase === 'connect' ? 'accept a connection' : 'finish its answer';
        return new AgentError('connection-timeout', {
          message: `${options.service} at ${target.host} did not ${what} within ${limitMs / 1000} s. Check the network; it is tried again.`,
          retry: 'later',
          facts: { host: target.host, phase },
        });
      }

      sent.on('error', (error: Error) => fail(sent.reusedSocket ? markReused(error) : error));
      sent.on('socket', (socket) => {
        if (!socket.connecting) return connected();
        socket.once(secure ? 'secureConnect' : 'connect', connected);
      });
      sent.on('response', (answer) => {
        const maxBytes = request.maxBytes ?? MAX_BYTES;
        const parts: Buffer[] = [];
        let size = 0;
        answer.on('error', fail);
        answer.on('data', (part: Buffer) => {
          size += part.length;
          if (size > maxBytes) sent.destroy(tooLarge(options.service, target, maxBytes));
          else parts.push(part);
        });
        answer.on('end', () => {
          end();
          resolve({
            status: answer.statusCode ?? 0,
            contentType: answer.headers['content-type'] ?? '',
            cookies: answer.headers['set-cookie'] ?? [],
            location: answer.headers.location ?? null,
            body: Buffer.concat(parts),
          });
        });
      });
      sent.end(request.body);
    });
  }

  return {
    async exchange(request) {
      try {
        try {
          return await once(request);
        } catch (error) {
          // A kept-alive socket that the server closed meanwhile says nothing about the server; reads may go again.
          if (request.method === 'GET' && isStaleSocket(error)) return await once(request);
          throw error;
        }
      } catch (error) {
        throw networkFailure(error, {
          service: options.service,
          url: request.url,
          signal: request.signal,
        });
      }
    },
    [Symbol.dispose]() {
      http.destroy();
      https.destroy();
    },
  };
}

const reused = new WeakSet<Error>();

function markReused(error: Error): Error {
  reused.add(error);
  return error;
}

function isStaleSocket(error: unknown): boolean {
  return (
    error instanceof Error &&
    reused.has(error) &&
    (error as NodeJS.ErrnoException).code === 'ECONNRESET'
  );
}

function abortReason(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error
    ? signal.reason
    : new DOMException('Aborted', 'AbortError');
}

function checkedUrl(url: string, service: string): URL {
  const target = URL.canParse(url) ? new URL(url) : null;
  if (
    target &&
    (target.protocol === 'https:' || target.protocol === 'http:') &&
    target.username === ''
  )
    return target;
  throw new AgentError('bad-argument', {
    message: `The address of ${service} must be an http or https URL without a password in it. Correct the studio file.`,
    retry: 'never',
  });
}

function tooLarge(service: string, target: URL, maxBytes: number): AgentError {
  return new AgentError('unexpected-answer', {
    message: `${service} at ${target.host} sent more than ${Math.round(maxBytes / 1_048_576)} MB where less was due. The answer was dropped.`,
    retry: 'later',
    facts: { host: target.host, path: target.pathname },
  });
}
