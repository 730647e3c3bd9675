// The Deadline Web Service: parse order is transport, status, JSON, shape; a POST is never repeated here.

import type { z } from 'zod';
import { AgentError } from '../../engine/base/errors.ts';
import type { FarmJobId } from '../../engine/core/names.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { CallOptions, Farm, FarmSubmission } from '../../engine/ports/farm.ts';
import { systemClock } from '../clock/system.ts';
import { createHttpClient, type HttpAnswer } from '../http/exchange.ts';
import { createBreaker } from './breaker.ts';
import { farmJob, farmTask, farmWorker, SUBMIT_ID_KEY } from './convert.ts';
import {
  JobDocuments,
  Names,
  Reports,
  ReportText,
  SubmitAnswer,
  TaskList,
  Workers,
} from './wire.ts';

export interface FarmOptions {
  readonly url: string;
  readonly username?: string;
  password?(): Promise<string | undefined>;
  /** PEM of the studio's own CA. */
  readonly ca?: string;
  readonly clock?: Clock;
}

const READ_MS = 30_000;
/** Event plug-ins run inside a submission, so its answer may take long. */
const POST_MS = 90_000;
const IDS_PER_CALL = 50;
const RAW_TEXT_CHARS = 2_048;
const REPORT_CHARS = 64_000;
/** Listing all jobs of a busy farm is large: there is no paging and no filter. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;
const ALL_STATES = 'Active,Suspended,Pending,Completed,Failed';

interface FarmCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export function createFarm(options: FarmOptions): Farm {
  const service = 'The Deadline Web Service';
  const base = options.url.replace(/\/+$/, '');
  const http = createHttpClient({ service, ca: options.ca });
  const breaker = createBreaker({ service, clock: options.clock ?? systemClock() });

  async function authorization(): Promise<Record<string, string>> {
    if (options.username === undefined) return {};
    // An admin may allow empty passwords, so none stored is sent as empty.
    const password = (await options.password?.()) ?? '';
    return {
      authorization: `Basic ${Buffer.from(`${options.username}:${password}`, 'utf8').toString('base64')}`,
    };
  }

  async function send(call: FarmCall, how: CallOptions): Promise<string> {
    const query = new URLSearchParams(call.query).toString();
    const headers = {
      accept: 'application/json, text/plain',
      ...(await authorization()),
      ...(call.body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    };
    const answer = await breaker.run(() =>
      http.exchange({
        method: call.method,
        url: `${base}${call.path}${query === '' ? '' : `?${query}`}`,
        headers,
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        readMs: call.method === 'POST' ? POST_MS : READ_MS,
        maxBytes: MAX_LIST_BYTES,
        signal: how.signal,
      }),
    );
    const text = answer.body.toString('utf8').replace(/^\uFEFF/, '');
    if (answer.status >= 200 && answer.status <= 299) return text;
    throw statusFailure(call, answer, text);
  }

  function statusFailure(call: FarmCall, answer: HttpAnswer, text: string): AgentError {
    const facts = { path: call.path, status: answer.status, answer: text.slice(0, RAW_TEXT_CHARS) };
    if (answer.status === 401 || answer.status === 403) {
      return new AgentError('sign-in-failed', {
        message: `${service} does not accept ${options.username ?? 'calls without a user'} (status ${answer.status}). Enter the Deadline user and its web service password.`,
        retry: 'sign-in',
        facts,
      });
    }
    const said = text.trim().slice(0, 300) || 'no reason given';
    // 502-504 come from what stands before the farm; the rest is the farm's own refusal.
    const passing = [408, 429, 502, 503, 504].includes(answer.status);
    if (call.method !== 'GET' && !passing && answer.status >= 400) {
      return new AgentError('farm-rejected', {
        message: `The farm refused ${call.path} (status ${answer.status}): ${said}. Correct that and retry.`,
        retry: 'never',
        facts,
      });
    }
    return new AgentError('unexpected-answer', {
      message: `${service} answered ${call.path} with status ${answer.status}: ${said}. Check the address; it is tried again.`,
      retry: 'later',
      facts,
    });
  }

  async function read<Schema extends z.ZodType>(
    call: FarmCall,
    schema: Schema,
    how: CallOptions,
  ): Promise<z.infer<Schema>> {
    return shaped(call, await send(call, how), schema);
  }

  function shaped<Schema extends z.ZodType>(
    call: FarmCall,
    text: string,
    schema: Schema,
  ): z.infer<Schema> {
    const parsed = schema.safeParse(jsonOf(text));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new AgentError('unexpected-answer', {
      message: `${service} answered ${call.path} with something that is no such list (${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'unknown'}). Check the address, or restart the Web Service.`,
      retry: 'later',
      cause: parsed.error,
      facts: { path: call.path, answer: text.slice(0, RAW_TEXT_CHARS) },
    });
  }

  /** Commands answer with the word Success; any other text is the farm's complaint. */
  async function command(call: FarmCall, how: CallOptions): Promise<void> {
    const text = await send(call, how);
    const word = jsonOf(text) ?? text;
    if (typeof word === 'string' && word.trim().toLowerCase() === 'success') return;
    throw new AgentError('farm-rejected', {
      message: `The farm did not confirm ${call.path}: ${text.trim().slice(0, 300) || 'an empty answer'}. Look at the job in Deadline.`,
      retry: 'later',
      facts: { path: call.path, answer: text.slice(0, RAW_TEXT_CHARS) },
    });
  }

  async function jobsOf(query: Readonly<Record<string, string>>, how: CallOptions) {
    const documents = await read({ method: 'GET', path: '/api/jobs', query }, JobDocuments, how);
    return documents.map(farmJob);
  }

  async function reportText(
    id: FarmJobId,
    kind: 'error' | 'log',
    how: CallOptions,
  ): Promise<string | null> {
    const path = '/api/jobreports';
    const call: FarmCall = { method: 'GET', path, query: { JobID: id, Data: kind } };
    const list = await send(call, how);
    // The manual: an array, "or a message stating that there are no reports for the Job".
    if (!Array.isArray(jsonOf(list))) return null;
    const reports = shaped(call, list, Reports);
    const newest = reports.toSorted((a, b) => dateOf(b.Date) - dateOf(a.Date))[0];
    if (!newest) return null;
    const query = { JobID: id, ReportID: newest._id, Data: `${kind}contents` };
    const text = await send({ method: 'GET', path, query }, how);
    const contents = ReportText.safeParse(jsonOf(text));
    const whole = contents.success ? contents.data : text;
    return (whole.trim() === '' ? (newest.Title ?? '') : whole).slice(-REPORT_CHARS);
  }

  return {
    async probe(how = {}) {
      const text = await send({ method: 'GET', path: '/' }, how);
      const version = /^\s*Deadline Web Service\s+(\S.*)/.exec(text)?.[1]?.trim();
      if (version !== undefined) return version.slice(0, 100);
      throw new AgentError('unexpected-answer', {
        message: `What answers at ${base} is no Deadline Web Service. Check the address and port (8081 and 8082 are common).`,
        retry: 'never',
        facts: { answer: text.slice(0, RAW_TEXT_CHARS) },
      });
    },
    groups: (how = {}) => read({ method: 'GET', path: '/api/groups' }, Names, how),
    plugins: (how = {}) => read({ method: 'GET', path: '/api/plugins' }, Names, how),
    async workers(how = {}) {
      const workers = await read(
        { method: 'GET', path: '/api/slaves', query: { Data: 'info' } },
        Workers,
        how,
      );
      return workers.map(farmWorker);
    },
    async submit(submission, how = {}) {
      checkSubmission(submission);
      const body = {
        JobInfo: submission.jobInfo,
        PluginInfo: submission.pluginInfo,
        AuxFiles: [],
        IdOnly: true,
      };
      const text = await send({ method: 'POST', path: '/api/jobs', body }, how);
      const id = SubmitAnswer.safeParse(jsonOf(text) ?? text.trim());
      if (id.success) return id.data as FarmJobId;
      // The job may exist all the same: the caller looks its id up before anything else.
      throw new AgentError('unexpected-answer', {
        message: `The farm took the job but named no id for it (${text.trim().slice(0, 200) || 'empty answer'}). It is looked up by our id.`,
        retry: 'later',
        facts: { answer: text.slice(0, RAW_TEXT_CHARS) },
      });
    },
    async findBySubmitId(submitId, how = {}) {
      const jobs = await jobsOf({ States: ALL_STATES }, how);
      return jobs.find((job) => job.submitId === submitId) ?? null;
    },
    async jobs(ids, how = {}) {
      const found = [];
      for (let at = 0; at < ids.length; at += IDS_PER_CALL) {
        found.push(...(await jobsOf({ JobID: ids.slice(at, at + IDS_PER_CALL).join(',') }, how)));
      }
      return found;
    },
    async tasks(id, how = {}) {
      const list = await read(
        { method: 'GET', path: '/api/tasks', query: { JobID: id } },
        TaskList,
        how,
      );
      return list.Tasks.map(farmTask);
    },
    resume: (id, how = {}) =>
      command({ method: 'PUT', path: '/api/jobs', body: { Command: 'resume', JobID: id } }, how),
    suspend: (id, how = {}) =>
      command({ method: 'PUT', path: '/api/jobs', body: { Command: 'suspend', JobID: id } }, how),
    lastReport: async (id, how = {}) =>
      (await reportText(id, 'error', how)) ?? (await reportText(id, 'log', how)),
    addHistory: (id, entry, how = {}) =>
      command(
        {
          method: 'POST',
          path: '/api/repository',
          body: { Command: 'jobhistoryentry', JobID: id, Entry: oneLine(entry) },
        },
        how,
      ),
    async mappedPaths(query, how = {}) {
      const body = { OS: query.os, Region: query.region, Paths: query.paths };
      const mapped = await read({ method: 'POST', path: '/api/mappedpaths', body }, Names, how);
      if (mapped.length === query.paths.length) return mapped;
      throw new AgentError('unexpected-answer', {
        message: `${service} mapped ${mapped.length} of ${query.paths.length} paths. Check the path mapping rules.`,
        retry: 'later',
      });
    },
  };
}

/** A line break in a value would become a key of its own where Deadline writes Key=Value lines. */
function checkSubmission(submission: FarmSubmission): void {
  for (const [key, value] of [
    ...Object.entries(submission.jobInfo),
    ...Object.entries(submission.pluginInfo),
  ]) {
    if (/^[A-Za-z][A-Za-z0-9_]*$/.test(key) && !/\p{Cc}/u.test(value)) continue;
    throw new AgentError('bad-argument', {
      message: `The job value ${JSON.stringify(key).slice(0, 80)} holds a line break or another control character. Rename what it comes from.`,
      retry: 'never',
    });
  }
  const carried = Object.entries(submission.jobInfo).some(
    ([key, value]) =>
      /^ExtraInfoKeyValue\d+$/.test(key) && value === `${SUBMIT_ID_KEY}=${submission.submitId}`,
  );
  if (carried) return;
  throw new Error(`invariant: the job does not carry ${SUBMIT_ID_KEY}`);
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, 1_000);
}

/** Dates are ISO with up to seven fraction digits; unset is year 1. */
function dateOf(text: string | null | undefined): number {
  const epochMs = Date.parse((text ?? '').replace(/(\.\d{3})\d+/, '$1'));
  return Number.isNaN(epochMs) ? 0 : epochMs;
}

/** Undefined for text that is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
