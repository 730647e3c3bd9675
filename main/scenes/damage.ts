// What is wrong with a file that claims to be a scene; the reader turns it into a sentence with the path.

/** The bytes are not a whole scene. `message` completes "<path> is no scene Waybill can read: …". */
export class DamagedScene extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'DamagedScene';
  }
}

/** Well-formed bytes that go beyond what Waybill accepts from a file it does not trust. */
export function damaged(reason: string, cause?: unknown): never {
  throw new DamagedScene(reason, cause === undefined ? undefined : { cause });
}
