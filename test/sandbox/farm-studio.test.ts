// The farm inside the whole studio: switched over the control door, with real replication behind its event plug-in.

import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { control, startSandbox, type RunningSandbox } from '../harness/sandbox.ts';
import { until } from './farm-subject.ts';

const INTERVAL_MS = 400;
const OUT = '/mnt/hs/shots/sh010/out';

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ intervalMs: INTERVAL_MS });
});
afterAll(() => sandbox.stop());

async function json<T>(path: string, body?: unknown): Promise<T> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  return (await (await fetch(`${sandbox.studio.farm.url}${path}`, init)).json()) as T;
}

interface Job {
  readonly _id: string;
  readonly Stat: number;
  readonly Props: { readonly Dep: readonly { readonly JobID: string }[] };
}

test('the event plug-in makes folders in the region, waits for their metadata, and undoes a hold', async () => {
  await control(sandbox.studio, '/fault', { farm: { hammerspace: { iterationDelay: 1 } } });
  const [region] = sandbox.studio.regions;
  const site = sandbox.studio.sites.find((each) => each.name === region?.site);
  const job = await json<Job>('/api/jobs', {
    JobInfo: {
      Plugin: 'CommandLine',
      Name: 'render',
      UserName: 'mika',
      Group: region?.groups[0],
      InitialStatus: 'Suspended',
      OutputDirectory0: OUT,
    },
    PluginInfo: { Executable: '/usr/bin/touch', Arguments: `${OUT}/frame` },
    AuxFiles: [],
  });
  expect(job.Stat).toBe(6);
  const folders = job.Props.Dep[0]?.JobID ?? '';
  await until(
    () => json<Job[]>(`/api/jobs?JobID=${job._id}`),
    ([each]) => each?.Stat === 3,
  );
  const [log] = await json<string[]>(`/api/jobreports?JobID=${folders}&Data=allcontents`);
  expect(log).toMatch(/STDOUT: Sync Complete: \/mnt\/hs\/shots\/sh010\/out$/m);
  expect(existsSync(join(site?.root ?? '', 'shots/sh010/out/frame'))).toBe(true);
  await control(sandbox.studio, '/fault', { farm: { hammerspace: null } });
});

test('faults are set and ended over the door, and a wrong one is refused', async () => {
  const drop = { kind: 'error', text: 'Database gone.', path: '/api/pools' };
  await control(sandbox.studio, '/fault', { farm: { faults: [drop] } });
  const broken = await fetch(`${sandbox.studio.farm.url}/api/pools`);
  expect([broken.status, await broken.text()]).toEqual([500, 'Database gone.']);
  await control(sandbox.studio, '/fault', { farm: { faults: [] } });
  expect(await json('/api/pools')).toEqual(['none', 'show']);
  const { url, token } = sandbox.studio.control;
  const refused = await fetch(`${url}/fault`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: '{"farm":{"faults":[{"kind":"explode"}]}}',
  });
  expect(refused.status).toBe(400);
});

test('the service answers over TLS to those who trust the authority of the studio', async () => {
  const ca = await readFile(sandbox.studio.ca, 'utf8');
  const banner = await new Promise<string>((resolve, reject) => {
    const asking = request(sandbox.studio.farm.tlsUrl, { ca, agent: false }, (answer) => {
      answer.setEncoding('utf8');
      answer.once('data', resolve);
    });
    asking.once('error', reject);
    asking.end();
  });
  expect(banner).toMatch(/^Deadline Web Service /);
});
