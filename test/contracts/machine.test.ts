// Runs the contracts of the ports that need no service: files, watcher, clock, secrets, log.

import { createFiles } from '../../main/adapters/disk/files.ts';
import { createWatcher } from '../../main/adapters/disk/watcher.ts';
import { systemClock } from '../../main/adapters/clock/system.ts';
import { memorySecrets } from '../../main/adapters/keychain/memory.ts';
import { createLog } from '../../main/adapters/log/log.ts';
import { clockContract } from './clock.ts';
import { filesContract } from './files.ts';
import { logContract } from './log.ts';
import { secretsContract } from './secrets.ts';
import { watcherContract } from './watcher.ts';

filesContract('the local disk', createFiles);
watcherContract('chokidar', () => createWatcher({ log: createLog({ write: () => undefined }) }));
clockContract('the system clock', systemClock);
secretsContract('memory', () => memorySecrets());
logContract('JSON lines', () => {
  const written: string[] = [];
  return { log: createLog({ write: (line) => void written.push(line) }), lines: () => written };
});
