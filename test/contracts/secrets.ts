// The contract of the Secrets port.

import { describe, expect, test } from 'vitest';
import type { Secrets } from '../../main/engine/ports/secrets.ts';

export function secretsContract(name: string, secrets: () => Secrets): void {
  describe(`secrets contract over ${name}`, () => {
    test('a secret is kept, replaced and removed; an unknown one is undefined', async () => {
      const store = secrets();
      expect(await store.get('contract:x')).toBeUndefined();
      await store.set('contract:x', 'first');
      await store.set('contract:x', 'ü \n second');
      expect(await store.get('contract:x')).toBe('ü \n second');
      await store.remove('contract:x');
      await store.remove('contract:x');
      expect(await store.get('contract:x')).toBeUndefined();
    });

    test('a name that objects carry by nature is unknown too', async () => {
      expect(await secrets().get('constructor')).toBeUndefined();
      expect(await secrets().get('__proto__')).toBeUndefined();
    });
  });
}
