// Secrets held in memory only: the sandbox's, and those given at start. An OS keychain for headless use is later work.

import type { Secrets } from '../../engine/ports/secrets.ts';

export function memorySecrets(initial: Readonly<Record<string, string>> = {}): Secrets {
  const secrets = new Map(Object.entries(initial));
  return {
    get: async (name) => secrets.get(name),
    async set(name, value) {
      secrets.set(name, value);
    },
    async remove(name) {
      secrets.delete(name);
    },
  };
}
