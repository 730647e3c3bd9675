// Decides where the engine comes from: an agent that runs already, or one of the shell's own on a studio or the sandbox.

import { join } from 'node:path';
import type { Log } from '../engine/ports/log.ts';
import { defaultSocketPath, defaultStateDir } from '../ipc/paths.ts';
import { connectSocket } from '../ipc/socket.ts';
import { attachEngine } from './attached-engine.ts';
import { runEngine } from './engine-process.ts';
import type { EngineHost } from './host.ts';
import type { ShellOptions } from './options.ts';
import { runSandbox } from './sandbox-process.ts';

export async function chooseEngine(
  options: ShellOptions,
  /** Folder of the built entries. */
  entriesDir: string,
  log: Log,
): Promise<EngineHost> {
  if (options.agentSocketPath !== null) return attachEngine(options.agentSocketPath);
  // The same folder as the command line's, so that both speak to one engine.
  const stateDir = options.stateDir ?? defaultStateDir();
  const socketPath = defaultSocketPath(stateDir);
  if (await answers(socketPath)) {
    log.info('An agent runs already', { socket: socketPath });
    return attachEngine(socketPath);
  }
  const modulePath = join(entriesDir, 'agent.js');
  const { studioPath } = options;
  if (studioPath !== null) {
    return runEngine({
      modulePath,
      arguments: async () => ['--studio', studioPath, '--state', stateDir],
      log,
    });
  }
  return sandboxedEngine({ modulePath, stateDir, entriesDir, log });
}

/** The engine on a sandbox of the shell's own; both end together, the engine first. */
function sandboxedEngine(parts: {
  modulePath: string;
  stateDir: string;
  entriesDir: string;
  log: Log;
}): EngineHost {
  const { log, stateDir } = parts;
  const sandbox = runSandbox({
    modulePath: join(parts.entriesDir, 'sandbox.js'),
    dir: join(stateDir, 'sandbox'),
    log,
    // A new sandbox listens on other ports, so the engine starts anew with its new document.
    onLost: () => engine.restart(),
  });
  const engine = runEngine({
    modulePath: parts.modulePath,
    arguments: async () => ['--sandbox', await sandbox.document(), '--state', stateDir],
    log,
  });
  return {
    connect: (port) => engine.connect(port),
    whyDown: () => engine.whyDown(),
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

function answers(socketPath: string): Promise<boolean> {
  return connectSocket(socketPath).then(
    (link) => {
      link.close();
      return true;
    },
    () => false,
  );
}
