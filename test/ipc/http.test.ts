// The window in a browser: what may ask, what may not, and what a lost or repeated request does.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLog } from '../../main/adapters/log/log.ts';
import type { Engine } from '../../main/engine/engine.ts';
import { serveBrowser, type BrowserServer } from '../../main/ipc/http.ts';
import { startFakeEngine } from '../harness/fake-engine.ts';
import { createFakeWorld } from '../harness/fake-studio.ts';

const log = createLog({ write: () => undefined });

let root: string;
let engine: Engine;
let server: BrowserServer;
let stack: AsyncDisposableStack;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'waybill-http-'));
  mkdirSync(join(root, 'page/assets'), { recursive: true });
  writeFileSync(join(root, 'page/index.html'), '<!doctype html><title>Waybill</title>');
  writeFileSync(join(root, 'page/assets/app.js'), 'export {};');
  writeFileSync(join(root, 'secret.txt'), 'secret');
  stack = new AsyncDisposableStack();
  engine = stack.use(
    await startFakeEngine({ stateDir: join(root, 'state'), world: createFakeWorld() }),
  );
  server = stack.use(await serveBrowser({ engine, rendererDir: join(root, 'page'), log }));
});
afterEach(async () => {
  await stack.disposeAsync();
  rmSync(root, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Bare HTTP, because fetch would set Host and refuse the headers that an attack needs. */
function ask(
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answer> {
  const host = `127.0.0.1:${server.port}`;
  const body =
    options.body === undefined
      ? undefined
      : typeof options.body === 'string'
        ? options.body
        : JSON.stringify(options.body);
  const headers = {
    host,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: server.port, method, path, headers },
      (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

function tokenOf(link: string): string {
  return new URL(link).hash.replace('#token=', '');
}

async function signIn(): Promise<Record<string, string>> {
  const answer = await ask('POST', '/session', { body: { token: tokenOf(server.newLink()) } });
  return { authorization: `Bearer ${(JSON.parse(answer.text) as { session: string }).session}` };
}

describe('who may ask', () => {
  test('the page is served with a policy that lets it load only itself', async () => {
    const page = await ask('GET', '/');
    expect([page.status, page.text]).toEqual([200, '<!doctype html><title>Waybill</title>']);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.headers['cache-control']).toBe('no-store');
    expect((await ask('GET', '/assets/app.js')).headers['content-type']).toContain(
      'text/javascript',
    );
  });

  test('nothing outside the page folder is served, whatever the path says', async () => {
    for (const path of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/assets/../../secret.txt',
      '/..%2fsecret.txt',
      '//etc/passwd',
      '/state/ledger.sqlite',
    ]) {
      expect((await ask('GET', path)).status, path).toBe(404);
    }
  });

  test('another Host, as DNS rebinding brings it, is refused', async () => {
    for (const host of [
      'evil.example',
      `localhost:${server.port}`,
      `127.0.0.1.:${server.port}`,
      '127.0.0.1',
    ]) {
      expect((await ask('GET', '/', { headers: { host } })).status, host).toBe(421);
    }
  });

  test('another page may not ask, neither by Origin nor without one', async () => {
    const headers = await signIn();
    const call = { kind: 'call', id: 1, command: 'resume', argument: {} };
    for (const foreign of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      expect(
        (await ask('POST', '/call', { headers: { ...headers, ...foreign }, body: call })).status,
      ).toBe(403);
    }
    const simple = { ...headers, 'content-type': 'text/plain' };
    expect(
      (await ask('POST', '/call', { headers: simple, body: JSON.stringify(call) })).status,
    ).toBe(415);
    expect((await ask('OPTIONS', '/call', { headers })).status).toBe(405);
  });

  test('a link works once', async () => {
    const token = tokenOf(server.newLink());
    expect((await ask('POST', '/session', { body: { token } })).status).toBe(200);
    const again = await ask('POST', '/session', { body: { token } });
    expect([again.status, again.text]).toEqual([403, expect.stringContaining('waybill open')]);
  });

  test('without a session nothing is answered, and guessing gets slow', async () => {
    const headers = { authorization: `Bearer ${'x'.repeat(43)}` };
    const body = { kind: 'call', id: 1, command: 'ledger', argument: { limit: 1 } };
    for (let tries = 0; tries < 5; tries += 1) {
      expect((await ask('POST', '/call', { headers, body })).status).toBe(401);
    }
    const since = performance.now();
    await ask('POST', '/watch', { headers, body: { revision: null } });
    expect(performance.now() - since).toBeGreaterThan(900);
  });

  test('a body larger than any call is refused', async () => {
    const headers = await signIn();
    const body = { kind: 'call', id: 1, command: 'x', argument: 'y'.repeat(1_100_000) };
    expect((await ask('POST', '/call', { headers, body })).status).toBe(413);
  });
});

describe('the contract over HTTP', () => {
  test('a call is answered, and a failure keeps its code and sentence', async () => {
    const headers = await signIn();
    const good = await ask('POST', '/call', {
      headers,
      body: { kind: 'call', id: 3, command: 'ledger', argument: { limit: 5 } },
    });
    expect(JSON.parse(good.text)).toEqual({ kind: 'result', id: 3, ok: true, value: [] });
    const bad = await ask('POST', '/call', {
      headers,
      body: { kind: 'call', id: 4, command: 'cancelWaybill', argument: { waybillId: 'w' } },
    });
    expect(JSON.parse(bad.text)).toMatchObject({
      id: 4,
      ok: false,
      error: { code: 'unknown-waybill' },
    });
  });

  test('a watch gives the whole state, then what changed, and the whole again after a lost answer', async () => {
    const headers = await signIn();
    const watch = async (
      revision: number | null,
    ): Promise<{ kind: string; revision: number; slices?: object }> =>
      JSON.parse((await ask('POST', '/watch', { headers, body: { revision } })).text) as never;
    const first = await watch(null);
    expect(first.kind).toBe('snapshot');
    let revision = first.revision;
    const waiting = watch(revision);
    await engine.pause({ forMinutes: 1 }, { signal: new AbortController().signal });
    const seen: string[] = [];
    // The engine may have other news first, such as a region that answers.
    for (let change = await waiting; ; change = await watch(revision)) {
      expect(change).toMatchObject({ kind: 'changes', base: revision });
      seen.push(...Object.keys(change.slices ?? {}));
      revision = change.revision;
      if (seen.includes('agent')) break;
    }
    expect((await watch(first.revision)).kind).toBe('snapshot');
  });

  test('a browser without the built page says how to build it', async () => {
    await expect(serveBrowser({ engine, rendererDir: join(root, 'nowhere'), log })).rejects.toThrow(
      /npm run build/,
    );
  });
});
