// Reads one .blend forward: finds its struct table, then hands each block to the gatherer.

import { damaged } from '../damage.ts';
import { parseDna } from './dna.ts';
import type { ForwardReader } from './forward.ts';
import { createGatherer, type BlendSummary, type Purpose } from './gather.ts';
import { parseHead, readLayout, type BlockHead, type Layout } from './layout.ts';
import type { BlendSource } from './source.ts';

const TAIL_BYTES = 1024 * 1024;
const MAX_DNA_BYTES = 32 * 1024 * 1024;
const MAX_BLOCKS = 20_000_000;

export async function summarizeBlend(source: BlendSource, purpose: Purpose): Promise<BlendSummary> {
  const dnaBytes = await findDna(source);
  using reader = source.forward();
  const layout = await readLayout(reader);
  const gatherer = createGatherer({ layout, dna: parseDna(layout, dnaBytes) }, purpose);
  let sawDna = false;
  for await (const head of blockHeads(source, reader, layout)) {
    sawDna ||= head.code === 'DNA1';
    await gatherer.take(head, reader);
  }
  if (!sawDna) damaged('it lacks its struct table');
  return gatherer.finish();
}

/** Yields each head with the reader at its data; what is not read of the data is skipped. */
async function* blockHeads(
  source: BlendSource,
  reader: ForwardReader,
  layout: Layout,
): AsyncGenerator<BlockHead> {
  for (let blocks = 0; blocks < MAX_BLOCKS; blocks += 1) {
    const head = parseHead(layout, await reader.read(layout.headBytes));
    if (head.code === 'ENDB') return;
    const end = reader.position() + head.length;
    if (source.plainBytes !== null && end > source.plainBytes) {
      damaged('it ends in the middle of a block');
    }
    yield head;
    await reader.skip(end - reader.position());
  }
  damaged(`it has more than ${MAX_BLOCKS} blocks`);
}

/** The struct table is the last block; where the end can be read first, the file is passed over once. */
async function findDna(source: BlendSource): Promise<Buffer> {
  const start = source.forward();
  const layout = await readLayout(start).finally(() => start[Symbol.dispose]());
  const tail = source.tail(TAIL_BYTES);
  const inTail = tail && dnaInTail(layout, tail);
  if (inTail) return inTail;
  using reader = source.forward();
  await readLayout(reader);
  for await (const head of blockHeads(source, reader, layout)) {
    if (head.code === 'DNA1') return await readDna(head, reader);
  }
  damaged('it lacks its struct table');
}

function dnaInTail(layout: Layout, tail: Buffer): Buffer | null {
  const at = tail.lastIndexOf('SDNANAME');
  const headAt = at - layout.headBytes;
  if (headAt < 0 || tail.toString('latin1', headAt, headAt + 4) !== 'DNA1') return null;
  const head = parseHead(layout, tail.subarray(headAt, at));
  return at + head.length <= tail.length ? tail.subarray(at, at + head.length) : null;
}

async function readDna(head: BlockHead, reader: ForwardReader): Promise<Buffer> {
  if (head.length > MAX_DNA_BYTES) damaged('its struct table has an impossible length');
  return Buffer.from(await reader.read(head.length));
}
