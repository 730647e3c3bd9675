// How a gateway command reaches its site: a file on a mount, or HTTP where the sandbox stands in for one.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AgentError } from '../../engine/base/errors.ts';
import type { NamespacePath } from '../../engine/core/names.ts';
import { relativeInside } from '../../engine/core/paths.ts';
import { fileFailure } from '../disk/errno.ts';
import { createMountProcess, type MountAnswer } from '../disk/mount.ts';
import { createHttpClient, type HttpAnswer } from '../http/exchange.ts';

export interface GatewayTransport {
  /** Writes one command in a folder and returns the answer's text; 'not-hammerspace' when the command came back. */
  exchange(command: GatewayCommand): Promise<string>;
  /** True when the path is a folder at this site, false when it is a file, null when the transport cannot tell. */
  isFolder(
    path: NamespacePath,
    options: { signal?: AbortSignal | undefined },
  ): Promise<boolean | null>;
}

export interface GatewayCommand {
  readonly dir: NamespacePath;
  readonly text: string;
  /** Recursive commands block the read until they are done. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

const STAT_DEADLINE_MS = 10_000;

/** Any hex id is accepted; 128 random bits never meet, hstk's 26 do (reliability: result 4). */
function gatewayName(): string {
  return `.fs_command_gateway 0x${randomBytes(16).toString('hex')}`;
}

/** The real thing: the gateway file on a mount of the share, by way of a child process. */
export function fileTransport(options: {
  /** Folder where the share's root is mounted. */
  mountDir: string;
  sharePath: string;
  childUrl?: URL;
  platform?: NodeJS.Platform;
}): GatewayTransport & AsyncDisposable {
  const { mountDir } = options;
  const mount = createMountProcess({
    mountDir,
    ...(options.childUrl === undefined ? {} : { childUrl: options.childUrl }),
  });
  const padded = (options.platform ?? process.platform) === 'win32';

  function localPath(path: NamespacePath): string {
    const relative = relativeInside(options.sharePath, path);
    if (relative !== null) return join(mountDir, relative);
    throw new AgentError('outside-project', {
      message: `${path} lies outside the share ${options.sharePath}, so the mount ${mountDir} cannot reach it.`,
      retry: 'never',
      facts: { path },
    });
  }

  async function exchangeOnce(dir: string, command: GatewayCommand): Promise<MountAnswer> {
    return mount.call(
      { kind: 'exchange', path: join(dir, gatewayName()), body: command.text, padded },
      command,
    );
  }

  return {
    async exchange(command) {
      const dir = localPath(command.dir);
      let answer = await exchangeOnce(dir, command);
      // A dropped or badly mounted file handle: one fresh try, as the troubleshooting notes advise.
      if (answer.kind === 'failed' && answer.errno === 'ESTALE')
        answer = await exchangeOnce(dir, command);
      if (answer.kind === 'failed') throw mountFailure(answer, dir);
      if (answer.kind !== 'exchanged')
        throw new Error(`invariant: a ${answer.kind} answer to an exchange`);
      if (answer.echoed) throw notHammerspace(dir);
      return answer.text;
    },
    async isFolder(path, { signal }) {
      const local = localPath(path);
      const answer = await mount.call(
        { kind: 'stat', path: local },
        { deadlineMs: STAT_DEADLINE_MS, signal },
      );
      if (answer.kind === 'failed') throw mountFailure(answer, local);
      return answer.kind === 'stat' && answer.folder;
    },
    [Symbol.asyncDispose]: () => mount[Symbol.asyncDispose](),
  };
}

/** The sandbox's stand-in for open-write-close and open-read-close, one HTTP resource per gateway file. */
export function directTransport(options: { url: string }): GatewayTransport {
  const service = 'The gateway';
  const base = options.url.replace(/\/+$/, '');
  const http = createHttpClient({ service });

  return {
    async exchange(command) {
      const path = command.dir.split('/').filter(Boolean).map(encodeURIComponent).join('/');
      const url = `${base}/${path}/${encodeURIComponent(gatewayName())}`;
      const limits = {
        readMs: command.deadlineMs,
        maxBytes: 64 * 1024 * 1024,
        signal: command.signal,
      };
      const body = Buffer.from(command.text, 'utf8');
      const written = await http.exchange({
        method: 'PUT',
        url,
        headers: { 'content-type': 'application/octet-stream' },
        body,
        ...limits,
      });
      if (written.status === 404) throw folderMissing(command.dir);
      if (written.status < 200 || written.status > 299) throw badStatus(command, written);
      const read = await http.exchange({ method: 'GET', url, ...limits });
      if (read.status === 404) throw folderMissing(command.dir);
      if (read.status !== 200) throw badStatus(command, read);
      if (read.body.equals(body)) throw notHammerspace(`${base}${command.dir}`);
      return read.body.toString('utf8').replaceAll('\0', '');
    },
    isFolder: async () => null,
  };
}

function mountFailure(answer: MountAnswer & { kind: 'failed' }, path: string): unknown {
  const error: NodeJS.ErrnoException = Object.assign(new Error(answer.text), {
    code: answer.errno,
  });
  if (answer.errno !== '') return fileFailure(error, { doing: 'asking the gateway', path });
  return new AgentError('unexpected-answer', {
    message: `The gateway in ${path} could not be read: ${answer.text}.`,
    retry: 'later',
    facts: { path },
  });
}

function notHammerspace(where: string): AgentError {
  return new AgentError('not-hammerspace', {
    message: `${where} is a plain folder, not a Hammerspace mount: it gave our own command back. Mount the share there and retry.`,
    retry: 'later',
    facts: { path: where },
  });
}

function folderMissing(dir: NamespacePath): AgentError {
  return new AgentError('file-missing', {
    message: `The folder ${dir} is not there, so its gateway cannot be asked. Check the path.`,
    retry: 'never',
    facts: { path: dir },
  });
}

function badStatus(command: GatewayCommand, answer: HttpAnswer): AgentError {
  const text = answer.body.toString('utf8').slice(0, 2_000);
  return new AgentError('unexpected-answer', {
    message: `The gateway of ${command.dir} answered with status ${answer.status}. It is tried again.`,
    retry: 'later',
    facts: { path: command.dir, status: answer.status, answer: text },
  });
}
