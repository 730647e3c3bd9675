// Structured log as JSON lines; everything passes one redaction before it is written.

import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import type { Log } from '../../engine/ports/log.ts';

export interface LogOptions {
  write(line: string): void;
  now?(): number;
}

export function createLog(options: LogOptions, service?: string): Log {
  const now = (): number => options.now?.() ?? Date.now();
  function writer(level: 'info' | 'warn' | 'error'): Log['info'] {
    return (message, fields) => {
      const head = {
        time: new Date(now()).toISOString(),
        level,
        ...(service === undefined ? {} : { service }),
        message: redact(message),
      };
      const body = fields === undefined ? {} : { fields: redact(fields) };
      options.write(`${JSON.stringify({ ...head, ...body })}\n`);
    };
  }
  return {
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    child: (name) => createLog(options, service === undefined ? name : `${service}.${name}`),
  };
}

/** A value that never reaches a log, whatever key it stands under. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toJSON(): string {
    return HIDDEN;
  }
  toString(): string {
    return HIDDEN;
  }
}

const HIDDEN = '[hidden]';
const SECRET_KEY = /password|passwd|secret|token|authorization|cookie|credential/i;
const URL_USER = /(\/\/)[^/\s:@]*:[^/\s@]*@/g;
const TEXT_SECRET =
  /\b(password|secret|token|authorization|signature)(["']?\s*[=:]\s*["']?)(?:(?:bearer|basic)\s+)?[^\s"'&,;}]+/gi;
const BEARER = /\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}/gi;
const MAX_DEPTH = 6;
const MAX_TEXT = 4_000;
const MAX_ITEMS = 100;

/** The one redaction: by key, by marked value, and by shape inside texts. Bounded in depth and length. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Secret) return HIDDEN;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1));
  const entries = value instanceof Map ? [...value.entries()] : Object.entries(value);
  return Object.fromEntries(
    entries
      .slice(0, MAX_ITEMS)
      .map(([key, item]) => [
        redactText(String(key)),
        SECRET_KEY.test(String(key)) ? HIDDEN : redact(item, depth + 1),
      ]),
  );
}

function redactError(error: Error, depth: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return {
    name: error.name,
    message: redactText(error.message),
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}

function redactText(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replace(URL_USER, `$1${HIDDEN}@`)
    .replace(TEXT_SECRET, `$1$2${HIDDEN}`)
    .replace(BEARER, `$1 ${HIDDEN}`);
}

export interface RotatingFile extends Disposable {
  write(line: string): void;
}

/** Appends to `path`; at `maxBytes` it becomes `path.1` and so on, the oldest is dropped. Readable by its owner only. */
export function rotatingFile(
  path: string,
  limits: { maxBytes?: number; keep?: number } = {},
): RotatingFile {
  const maxBytes = limits.maxBytes ?? 5_000_000;
  const keep = limits.keep ?? 3;
  let fd = openSync(path, 'a', 0o600);
  let size = fstatSync(fd).size;

  function rotate(): void {
    closeSync(fd);
    for (let index = keep - 1; index >= 1; index -= 1) {
      if (existsSync(`${path}.${index}`)) renameSync(`${path}.${index}`, `${path}.${index + 1}`);
    }
    renameSync(path, `${path}.1`);
    fd = openSync(path, 'a', 0o600);
    size = 0;
  }

  return {
    write(line) {
      const bytes = Buffer.byteLength(line);
      if (size > 0 && size + bytes > maxBytes) rotate();
      writeSync(fd, line);
      size += bytes;
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}
