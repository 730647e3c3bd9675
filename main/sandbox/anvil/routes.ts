// Routes as data: what a part of the Anvil answers, apart from the server that carries it.

import { AnvilError } from './errors.ts';

export type Query = Readonly<Record<string, string | string[] | undefined>>;
export type View = Readonly<Record<string, unknown>>;

export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the base path, with `:name` parts. */
  readonly path: string;
  answer(call: Call): unknown;
}

/** An answer that is not a plain 200 with JSON. */
export class Reply {
  readonly status: number;
  readonly body: unknown;
  /** Uuid of the task that a 202 points to. */
  readonly task: string | null;
  readonly isText: boolean;
  constructor(from: { status: number; body?: unknown; task?: string; isText?: boolean }) {
    this.status = from.status;
    this.body = from.body;
    this.task = from.task ?? null;
    this.isText = from.isText ?? false;
  }
}

/** The only, or the first, value of a query parameter. */
export function one(query: Query, name: string): string | undefined {
  const value = query[name];
  return Array.isArray(value) ? value[0] : value;
}

export function required(query: Query, name: string): string {
  const value = one(query, name);
  if (value === undefined || value === '')
    throw new AnvilError('BAD_REQUEST', `The parameter ${name} is missing`, [name]);
  return value;
}

export function wholeNumber(query: Query, name: string, otherwise: number): number {
  const value = one(query, name);
  if (value === undefined || value === '') return otherwise;
  const parsed = Number(value);
  if (!Number.isSafeInteger(parsed) || parsed < 0)
    throw new AnvilError('BAD_REQUEST', `${name} must be a whole number, 0 or more`, [name]);
  return parsed;
}

/** A request body that must be an object; fields no view has are refused, as some endpoints do [C csi]. */
export function bodyOf(call: Call, fields: readonly string[]): Readonly<Record<string, unknown>> {
  const { body } = call;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new AnvilError('BAD_REQUEST', 'The body must be a JSON object');
  const unknown = Object.keys(body).find((name) => !fields.includes(name));
  if (unknown !== undefined)
    throw new AnvilError('BAD_REQUEST', `Unrecognized field "${unknown}"`, [unknown]);
  return body as Readonly<Record<string, unknown>>;
}

export function textOf(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name] ?? '';
  if (typeof value !== 'string')
    throw new AnvilError('VALIDATION_VIOLATION', `${name} must be text`, [name]);
  return value;
}

export function nameOf(body: Readonly<Record<string, unknown>>, maxLength: number): string {
  const name = textOf(body, 'name');
  if (name === '' || name.length > maxLength)
    throw new AnvilError('VALIDATION_VIOLATION', `name must have 1 to ${maxLength} characters`, [
      'name',
    ]);
  return name;
}

/** A string map such as extendedInfo. */
export function mapOf(
  body: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, string>> {
  const value = body[name] ?? {};
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    !Object.values(value).every((each) => typeof each === 'string')
  )
    throw new AnvilError('VALIDATION_VIOLATION', `${name} must map text to text`, [name]);
  return value as Readonly<Record<string, string>>;
}

export function listOf(
  body: Readonly<Record<string, unknown>>,
  name: string,
): readonly Readonly<Record<string, unknown>>[] {
  const value = body[name] ?? [];
  if (
    !Array.isArray(value) ||
    !value.every((each) => typeof each === 'object' && each !== null && !Array.isArray(each))
  )
    throw new AnvilError('VALIDATION_VIOLATION', `${name} must be a list of objects`, [name]);
  return value as readonly Readonly<Record<string, unknown>>[];
}

/** `modified` is an optimistic lock: whoever sends one must have read the newest [I, from the error code]. */
export function assertUnmodified(
  body: Readonly<Record<string, unknown>>,
  entity: { readonly name: string; readonly modified: number },
): void {
  const sent = body['modified'];
  if (sent !== undefined && sent !== null && Number(sent) !== entity.modified)
    throw new AnvilError('BAD_MODIFICATION_TIME', `${entity.name} was changed meanwhile`, [
      entity.name,
    ]);
}
