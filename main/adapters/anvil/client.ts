// The Anvil REST service of one site: form login, every cookie kept, one new login when a session ends.

import type { z } from 'zod';
import { AgentError } from '../../engine/base/errors.ts';
import type { Anvil, CallOptions } from '../../engine/ports/namespace.ts';
import { createHttpClient, type HttpAnswer, type HttpRequest } from '../http/exchange.ts';
import { objectiveFacts, shareFacts, siteFacts } from './convert.ts';
import { ErrorBody, ObjectiveList, ShareView, SiteView, SiteViews } from './wire.ts';

export interface AnvilOptions {
  readonly siteName: string;
  /** Base of the service, e.g. https://anvil:8443/mgmt/v1.2/rest. */
  readonly url: string;
  /** PEM of the studio's own CA, in addition to the public ones. */
  readonly ca?: string;
  readonly username: string;
  password(): Promise<string | undefined>;
  readonly productVersion: string;
}

const RAW_TEXT_CHARS = 2_000;

export function createAnvil(options: AnvilOptions): Anvil & AsyncDisposable {
  const { siteName } = options;
  const service = `The Anvil of ${siteName}`;
  const base = options.url.replace(/\/+$/, '');
  const http = createHttpClient({ service, ca: options.ca });
  const cookies = new Map<string, string>();
  let signedIn = false;
  let signingIn: Promise<void> | null = null;

  async function signIn(): Promise<void> {
    const password = await options.password();
    if (password === undefined) {
      throw signInFailed(
        `No password is stored for ${options.username} at ${siteName}. Sign in once.`,
      );
    }
    cookies.clear();
    const answer = await http.exchange({
      method: 'POST',
      url: `${base}/login`,
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        'x-user-agent': `waybill/${options.productVersion}`,
      },
      body: new URLSearchParams({ username: options.username, password }).toString(),
    });
    if (answer.status === 401 || answer.status === 403) {
      throw signInFailed(
        `${service} does not accept the name ${options.username} with its password. Sign in again.`,
      );
    }
    if (answer.status < 200 || answer.status > 299) throw refused('/login', answer);
    keepCookies(answer);
    signedIn = true;
  }

  /** Calls that meet an ended session at the same time share one login; it outlives a caller that gives up. */
  async function signInOnce(): Promise<void> {
    signingIn ??= signIn().finally(() => {
      signingIn = null;
    });
    await signingIn;
  }

  function signInFailed(message: string): AgentError {
    return new AgentError('sign-in-failed', {
      message,
      retry: 'sign-in',
      facts: { site: siteName },
    });
  }

  function keepCookies(answer: HttpAnswer): void {
    // Name and lifetime of the session cookie are documented nowhere, so every one is kept.
    for (const line of answer.cookies) {
      const pair = line.split(';', 1)[0] ?? '';
      const at = pair.indexOf('=');
      if (at > 0) cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
    }
  }

  async function ask(path: string, call: CallOptions): Promise<HttpAnswer> {
    const request: HttpRequest = {
      method: 'GET',
      url: `${base}${path}`,
      headers: {
        accept: 'application/json',
        'x-user-agent': `waybill/${options.productVersion}`,
        ...(cookies.size === 0
          ? {}
          : { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
      },
      signal: call.signal,
    };
    const answer = await http.exchange(request);
    keepCookies(answer);
    return answer;
  }

  /** Null when the Anvil knows no such entity. */
  async function get<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    call: CallOptions & { anonymous?: boolean },
  ): Promise<z.infer<Schema> | null> {
    if (!signedIn && call.anonymous !== true) await signInOnce();
    let answer = await ask(path, call);
    if (answer.status === 401) {
      await signInOnce();
      answer = await ask(path, call);
    }
    if (answer.status === 401 || answer.status === 403) {
      throw signInFailed(
        `${service} does not let ${options.username} read ${path}. Ask an admin for the right, or sign in again.`,
      );
    }
    if (isNotFound(answer)) return null;
    if (answer.status !== 200) throw refused(path, answer);
    return parse(path, schema, answer);
  }

  function parse<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    answer: HttpAnswer,
  ): z.infer<Schema> {
    const text = answer.body.toString('utf8');
    const result = schema.safeParse(jsonOf(text));
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw new AgentError('unexpected-answer', {
      message: `${service} answered ${path} with something else than expected (${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'unknown'}). Check the address and the release.`,
      retry: 'later',
      cause: result.error,
      facts: { site: siteName, path, answer: text.slice(0, RAW_TEXT_CHARS) },
    });
  }

  function refused(path: string, answer: HttpAnswer): AgentError {
    const text = answer.body.toString('utf8');
    const [first] = errorViews(text);
    const why = first?.message ?? first?.errorCode ?? (text.slice(0, 200) || 'no reason given');
    const redirect =
      answer.location === null
        ? ''
        : ` It points to ${answer.location}; redirects are not followed.`;
    return new AgentError('unexpected-answer', {
      message: `${service} refused ${path} with status ${answer.status}: ${why}.${redirect}`,
      retry: answer.status >= 500 || answer.status === 429 ? 'later' : 'never',
      facts: {
        site: siteName,
        status: answer.status,
        errorCode: first?.errorCode ?? '',
        answer: text.slice(0, RAW_TEXT_CHARS),
      },
    });
  }

  function absent(what: string): AgentError {
    return new AgentError('unexpected-answer', {
      message: `${service} knows no ${what}. Check the studio file.`,
      retry: 'never',
      facts: { site: siteName },
    });
  }

  return {
    siteName,
    async localSite(call = {}) {
      const view = await get('/sites/local', SiteView, { ...call, anonymous: true });
      if (!view) throw absent('local site');
      return { ...siteFacts(view), kind: 'local' };
    },
    async sites(call = {}) {
      const views = await get('/sites', SiteViews, call);
      if (!views) throw absent('sites');
      return views.map(siteFacts);
    },
    async share(name, call = {}) {
      const view = await get(`/shares/${encodeURIComponent(name)}`, ShareView, call);
      return view && shareFacts(view);
    },
    async objectives(where, call = {}) {
      const query = new URLSearchParams({ path: where.path });
      const list = await get(
        `/shares/${encodeURIComponent(where.share)}/objective-list?${query.toString()}`,
        ObjectiveList,
        call,
      );
      if (!list) throw absent(`share ${where.share} with a path ${where.path}`);
      return objectiveFacts(list);
    },
    [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
  };
}

function isNotFound(answer: HttpAnswer): boolean {
  if (answer.status === 404) return true;
  if (answer.status < 400) return false;
  return errorViews(answer.body.toString('utf8')).some(
    (view) => view.errorCode === 'ENTITY_NOT_FOUND',
  );
}

function errorViews(text: string): z.infer<typeof ErrorBody> {
  const result = ErrorBody.safeParse(jsonOf(text));
  return result.success ? result.data : [];
}

/** Undefined for text that is no JSON: the schema then says what was expected. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
