// Child process that makes the file calls on a mount: a dead mount hangs this process, and only this one.

import { open, stat, unlink } from 'node:fs/promises';
import { errnoName } from './errno.ts';
import type { MountAnswer, MountRequest } from './mount.ts';

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

process.on('message', (request: MountRequest) => {
  answer(request)
    .catch((error: unknown): MountAnswer => ({
      id: request.id,
      kind: 'failed',
      errno: errnoName(error),
      text: error instanceof Error ? error.message : String(error),
    }))
    .then((reply) => process.send?.(reply))
    .catch((error: unknown) => {
      process.stderr.write(`mount child cannot answer: ${String(error)}\n`);
      process.exitCode = 1;
      process.disconnect();
    });
});
// The parent is gone: nobody waits for an answer any more.
process.on('disconnect', () => process.exit(0));

async function answer(request: MountRequest): Promise<MountAnswer> {
  switch (request.kind) {
    case 'exchange':
      return exchange(request);
    case 'stat': {
      const stats = await stat(request.path);
      return { id: request.id, kind: 'stat', folder: stats.isDirectory() };
    }
  }
}

/**
 * Open, one write, close; then a NEW open, read, close: close-to-open consistency makes the second open
 * see the server's answer, the first handle would return the local page cache (hstk run_cmd).
 */
async function exchange(request: MountRequest & { kind: 'exchange' }): Promise<MountAnswer> {
  const command = Buffer.from(request.body, 'utf8');
  // Small writes are not pushed through the SMB client of Windows without padding (hstk WIN_PADDING).
  const bytes = request.padded ? Buffer.concat([command, Buffer.alloc(50)]) : command;
  await writeOnce(request.path, bytes);
  const read = await readAll(request.path);
  const text = read.toString('utf8').replaceAll('\0', '');
  const echoed = text === request.body;
  await removeQuietly(request.path, echoed);
  return { id: request.id, kind: 'exchanged', text: echoed ? '' : text, echoed };
}

async function writeOnce(path: string, bytes: Buffer): Promise<void> {
  await using handle = await open(path, 'w', 0o600);
  await handle.write(bytes);
}

async function readAll(path: string): Promise<Buffer> {
  await using handle = await open(path, 'r');
  const parts: Buffer[] = [];
  let size = 0;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(1 << 16), 0, 1 << 16);
    if (bytesRead === 0) return Buffer.concat(parts);
    size += bytesRead;
    if (size > MAX_ANSWER_BYTES) throw new Error(`answer larger than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(buffer.subarray(0, bytesRead));
  }
}

/** A stray file on a plain folder must go; on Hammerspace the name is virtual and may be gone already. */
async function removeQuietly(path: string, mustGo: boolean): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (mustGo && errnoName(error) !== 'ENOENT') throw error;
  }
}
