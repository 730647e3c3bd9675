// Reads plain bytes forward in small pieces, whatever they are stored in.

import { damaged } from '../damage.ts';

/** Where the pieces come from: a file, or a decompressor. */
export interface Pieces {
  /** The next piece in order, null at the end. */
  next(): Promise<Buffer | null>;
  /** Passes over up to `count` bytes without producing them, and says how many it passed. */
  pass(count: number): number;
  close(): void;
}

export interface ForwardReader extends Disposable {
  /** Offset of the next byte. */
  position(): number;
  /** Exactly `count` bytes, valid until the next call; a file that ends before is damaged. */
  read(count: number): Promise<Buffer>;
  skip(count: number): Promise<void>;
}

export function createForwardReader(pieces: Pieces): ForwardReader {
  let piece: Buffer = Buffer.alloc(0);
  let used = 0;
  let position = 0;

  async function refill(): Promise<void> {
    const next = await pieces.next();
    if (next === null) damaged('it ends in the middle of a block');
    piece = next;
    used = 0;
  }

  return {
    position: () => position,
    async read(count) {
      if (piece.length - used >= count) {
        used += count;
        position += count;
        return piece.subarray(used - count, used);
      }
      const whole = Buffer.allocUnsafe(count);
      for (let filled = 0; filled < count;) {
        if (used === piece.length) await refill();
        const part = Math.min(count - filled, piece.length - used);
        piece.copy(whole, filled, used, used + part);
        used += part;
        filled += part;
      }
      position += count;
      return whole;
    },
    async skip(count) {
      position += count;
      let left = count;
      for (;;) {
        const part = Math.min(left, piece.length - used);
        used += part;
        left -= part;
        if (left > 0) left -= pieces.pass(left);
        if (left === 0) return;
        await refill();
      }
    },
    [Symbol.dispose]: () => pieces.close(),
  };
}
