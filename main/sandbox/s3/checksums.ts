// The checksums S3 knows: CRC-32, CRC-32C, CRC-64/NVME, SHA-1 and SHA-256, of whole objects and of lists of parts.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { S3Error } from './errors.ts';

export const ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

export interface Checksum {
  readonly algorithm: Algorithm;
  /** Base64; a composite one ends with the number of its parts. */
  readonly value: string;
  readonly type: ChecksumType;
}

export interface Sum {
  update(chunk: Buffer): void;
  digest(): Buffer;
}

const LENGTHS: Readonly<Record<Algorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

export function createSum(algorithm: Algorithm): Sum {
  switch (algorithm) {
    case 'CRC32': {
      let crc = 0;
      return {
        update(chunk) {
          crc = crc32(chunk, crc);
        },
        digest: () => wordsOf(crc),
      };
    }
    case 'CRC32C':
      return crc32c();
    case 'CRC64NVME':
      return crc64();
    case 'SHA1':
    case 'SHA256': {
      const hash = createHash(algorithm.toLowerCase());
      return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
    }
  }
}

export function algorithmOf(name: string | undefined): Algorithm | null {
  if (name === undefined) return null;
  const found = ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
  if (found) return found;
  throw new S3Error(
    'InvalidRequest',
    'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
  );
}

export function headerOf(algorithm: Algorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** `<ChecksumCRC32>` and its sisters. */
export function elementOf(algorithm: Algorithm): string {
  return `Checksum${algorithm}`;
}

/** The one checksum among headers or trailers; two are refused. */
export function checksumIn(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): { readonly algorithm: Algorithm; readonly value: string } | null {
  const given = ALGORITHMS.flatMap((algorithm) => {
    const value = headers[headerOf(algorithm)];
    return typeof value === 'string' ? [{ algorithm, value }] : [];
  });
  if (given.length > 1)
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  return given[0] ?? null;
}

export function assertWellFormed(given: { algorithm: Algorithm; value: string }): void {
  const bytes = Buffer.from(given.value, 'base64');
  if (bytes.length !== LENGTHS[given.algorithm] || bytes.toString('base64') !== given.value)
    throw new S3Error(
      'InvalidRequest',
      `Value for ${headerOf(given.algorithm)} header is invalid.`,
    );
}

export function badDigest(algorithm: Algorithm): S3Error {
  return new S3Error(
    'BadDigest',
    `The ${algorithm} you specified did not match the calculated checksum.`,
  );
}

/** The checksum of a list of parts is that of their checksums. */
export function compositeOf(algorithm: Algorithm, parts: readonly string[]): string {
  const sum = createSum(algorithm);
  for (const part of parts) sum.update(Buffer.from(part, 'base64'));
  return `${sum.digest().toString('base64')}-${parts.length}`;
}

function wordsOf(...words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [at, word] of words.entries()) bytes.writeUInt32BE(word >>> 0, at * 4);
  return bytes;
}

function crc32c(): Sum {
  let crc = 0xffffffff;
  return {
    update(chunk) {
      for (const byte of chunk) crc = (crc >>> 8) ^ (CRC32C_TABLE[(crc ^ byte) & 0xff] ?? 0);
    },
    digest: () => wordsOf(crc ^ 0xffffffff),
  };
}

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1)
    value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** Held as two 32-bit halves: big integers are a hundred times slower. */
function crc64(): Sum {
  let high = 0xffffffff;
  let low = 0xffffffff;
  return {
    update(chunk) {
      for (const byte of chunk) {
        const at = (low ^ byte) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ (CRC64_LOW[at] ?? 0);
        high = (high >>> 8) ^ (CRC64_HIGH[at] ?? 0);
      }
    },
    digest: () => wordsOf(high ^ 0xffffffff, low ^ 0xffffffff),
  };
}

const CRC64_LOW = new Uint32Array(256);
const CRC64_HIGH = new Uint32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let value = BigInt(byte);
  for (let bit = 0; bit < 8; bit += 1)
    value = (value & 1n) === 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n;
  CRC64_LOW[byte] = Number(value & 0xffffffffn);
  CRC64_HIGH[byte] = Number(value >> 32n);
}
