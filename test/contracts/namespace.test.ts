// Runs the namespace contract over the sandbox's home site, and over a real site when one is named.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { createAnvil } from '../../main/adapters/anvil/client.ts';
import { createGateway } from '../../main/adapters/gateway/client.ts';
import { directTransport, fileTransport } from '../../main/adapters/gateway/transport.ts';
import type { NamespacePath } from '../../main/engine/core/names.ts';
import { whyNoFuse } from '../harness/fuse.ts';
import { siteFolder, startSandbox } from '../harness/sandbox.ts';
import { realEndpoint } from '../harness/real.ts';
import { namespaceContract, type NamespaceSubject } from './namespace.ts';

/** Runs the contract over the sandbox's home site, reached in one of its ways. */
function sandboxContract(name: string, how: 'none' | 'fuse'): void {
  let subject: NamespaceSubject;
  const stack = new AsyncDisposableStack();

  beforeAll(async () => {
    const { studio } = stack.use(await startSandbox({ intervalMs: 500, mount: how }));
    const home = studio.sites.find((site) => site.home);
    const other = studio.sites.find((site) => !site.home);
    if (!home || !other) throw new Error('the sandbox has no home or no other site');
    const sharePath = studio.share.path as NamespacePath;
    const folder = home.mount ?? siteFolder(studio, home.name);
    await mkdir(join(folder, 'contract'), { recursive: true });
    subject = {
      gateway: createGateway({
        siteName: home.name,
        sharePath,
        transport:
          home.mount === null
            ? directTransport({ url: home.gateway.url })
            : stack.use(fileTransport({ mountDir: home.mount, sharePath })),
      }),
      anvil: stack.use(
        createAnvil({
          siteName: home.name,
          url: home.anvil.url,
          ca: await readFile(studio.ca, 'utf8'),
          username: home.anvil.username,
          password: async () => home.anvil.password,
          productVersion: '0.0.0-test',
        }),
      ),
      share: { name: studio.share.name, path: sharePath },
      dir: `${sharePath}/contract` as NamespacePath,
      otherSite: other.name,
      makeFile: (path, bytes) => makeFile(join(folder, path.slice(sharePath.length)), bytes),
    };
  });
  afterAll(() => stack.disposeAsync());

  namespaceContract(name, () => subject);
}

describe('sandbox', () => sandboxContract('the sandbox', 'none'));

const noFuse = whyNoFuse();
describe.skipIf(noFuse !== null)(`sandbox mounted${noFuse === null ? '' : ` (${noFuse})`}`, () =>
  sandboxContract("the sandbox's FUSE mount", 'fuse'),
);

// Named by WAYBILL_REAL_* in the environment; where it is not, there is nothing to run.
const real = realEndpoint([
  'SITE',
  'MOUNT',
  'SHARE',
  'SHARE_PATH',
  'OTHER_SITE',
  'ANVIL_URL',
  'ANVIL_USER',
  'ANVIL_PASSWORD',
]);
if (real) {
  describe('real site', () => {
    const stack = new AsyncDisposableStack();
    const sharePath = real.SHARE_PATH as NamespacePath;
    const dir = `${sharePath}/waybill-contract-${process.pid}` as NamespacePath;
    const folder = join(real.MOUNT, dir.slice(sharePath.length));
    const subject: NamespaceSubject = {
      gateway: createGateway({
        siteName: real.SITE,
        sharePath,
        transport: stack.use(fileTransport({ mountDir: real.MOUNT, sharePath })),
      }),
      anvil: stack.use(
        createAnvil({
          siteName: real.SITE,
          url: real.ANVIL_URL,
          ...(process.env['WAYBILL_REAL_CA'] === undefined
            ? {}
            : { ca: process.env['WAYBILL_REAL_CA'] }),
          username: real.ANVIL_USER,
          password: async () => real.ANVIL_PASSWORD,
          productVersion: '0.0.0-test',
        }),
      ),
      share: { name: real.SHARE, path: sharePath },
      dir,
      otherSite: real.OTHER_SITE,
      makeFile: (path, bytes) => makeFile(join(real.MOUNT, path.slice(sharePath.length)), bytes),
    };
    beforeAll(async () => {
      await mkdir(folder);
    });
    afterAll(async () => {
      await rm(folder, { recursive: true });
      await stack.disposeAsync();
    });

    namespaceContract('a real site', () => subject);
  });
}

async function makeFile(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}
