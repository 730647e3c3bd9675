// A call to the Web Service and its answer, and how its query and body are read (reference §2.1, §2.2).

import { isTruth, textOf } from './document-text.ts';
import { FarmError } from './repository.ts';

export interface Call {
  readonly query: URLSearchParams;
  /** The JSON object of a PUT or POST. */
  readonly body: Readonly<Record<string, unknown>>;
}

export type Answer =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly status: number; readonly text: string };

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
export type Routes = Readonly<
  Record<string, Partial<Record<Method, (call: Call) => Answer | Promise<Answer>>> | undefined>
>;

export type Body = Readonly<Record<string, unknown>>;

export const SUCCESS: Answer = { kind: 'text', status: 200, text: 'Success' };

/** A call that cannot be understood: status 400 (or what is given) and this text. */
export class CallError extends Error {
  readonly status: number;
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

export function json(value: unknown): Answer {
  return { kind: 'json', value };
}

export function text(words: string): Answer {
  return { kind: 'text', status: 200, text: words };
}

export function isTrue(query: URLSearchParams, key: string): boolean {
  return isTruth(query.get(key));
}

export function listOf(value: string | null): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function arrayOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}

export function found<T>(ids: readonly string[], find: (id: string) => T | undefined): T[] {
  return ids.flatMap((id) => find(id) ?? []);
}

export function objectOf(value: unknown, name: string): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  throw new FarmError(`The body holds no object "${name}".`);
}

export function needed(query: URLSearchParams, key: string): string {
  const value = query.get(key)?.trim() ?? '';
  if (value === '') throw new CallError(`Must provide a ${key}.`);
  return value;
}

export function neededField(body: Body, key: string): unknown {
  if (body[key] === undefined) throw new CallError(`Must provide a ${key}.`);
  return body[key];
}

export function neededValue(body: Body, key: string): string {
  const value = textOf(body[key]);
  if (value === '') throw new CallError(`Must provide a ${key}.`);
  return value;
}

export function commandOf(body: Body): string {
  const command = textOf(body['Command']);
  if (command === '') throw new CallError('Must provide a Command.');
  return command;
}

export function unknownCommand(body: Body): FarmError {
  return new FarmError(`Invalid command "${textOf(body['Command']).slice(0, 100)}".`);
}
