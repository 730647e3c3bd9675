// One JSON document per line over a stream, in both directions, with bounds on what is kept.

import type { Socket } from 'node:net';

/** A peer that does not read is dropped rather than remembered. */
const MAX_UNSENT_BYTES = 128 * 1024 * 1024;

export interface Lines {
  send(message: unknown): void;
  close(): void;
}

/** Reads whole lines of at most `maxBytes`; a longer line or one that is no JSON ends the connection. */
export function overLines(
  socket: Socket,
  options: { readonly maxBytes: number; onMessage(message: unknown): void },
): Lines {
  const parts: Buffer[] = [];
  let held = 0;

  function take(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...parts.splice(0), rest.subarray(0, end)]);
      held = 0;
      rest = rest.subarray(end + 1);
      if (line.length > options.maxBytes) return void socket.destroy();
      const message = parsed(line);
      if (message === undefined) return void socket.destroy();
      options.onMessage(message);
    }
    parts.push(rest);
    held += rest.length;
    if (held > options.maxBytes) socket.destroy();
  }

  socket.on('data', take);
  return {
    send(message) {
      if (socket.destroyed || socket.writableEnded) return;
      if (socket.writableLength > MAX_UNSENT_BYTES) return void socket.destroy();
      socket.write(`${JSON.stringify(message)}\n`);
    },
    close: () => void socket.end(),
  };
}

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
