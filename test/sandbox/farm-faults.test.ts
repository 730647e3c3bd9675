// Faults of the farm's Web Service on demand, its doors (TLS, password), and what a client finds afterwards.

import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { generate } from 'selfsigned';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { FarmChange } from '../../main/sandbox/farm/faults.ts';
import { GROUP, jobOf, openFarm, until, type FarmSubject } from './farm-subject.ts';

const POST = { method: 'POST', path: '/api/jobs' } as const;
const body = JSON.stringify({
  JobInfo: { Plugin: 'CommandLine', Group: 'nobody', ExtraInfoKeyValue0: 'SUBMIT_ID=7' },
  PluginInfo: {},
  AuxFiles: [],
});
const ids = (farm: FarmSubject): Promise<string[]> => farm.json('/api/jobs?IdOnly=true');

describe('faults', () => {
  test('a call that hangs is never answered, does nothing, and other calls go on', async () => {
    await using farm = await openFarm();
    farm.control({ faults: [{ kind: 'hang', ...POST }] });
    const signal = AbortSignal.timeout(400);
    await expect(farm.ask('/api/jobs', { method: 'POST', body, signal })).rejects.toThrow(
      /timeout/,
    );
    expect(await ids(farm)).toEqual([]);
    farm.control({ faults: [] });
    expect((await farm.ask('/api/jobs', { method: 'POST', body })).status).toBe(200);
  });

  test('a farm that is stopped lets go of a call that hangs', async () => {
    const farm = await openFarm();
    farm.control({ faults: [{ kind: 'hang' }] });
    const hanging = farm.ask('/').then(
      () => 'answered',
      () => 'cut',
    );
    await sleep(100);
    await farm.stop();
    expect(await hanging).toBe('cut');
  });

  test('an error is 500 with its text, as often as is said', async () => {
    await using farm = await openFarm();
    farm.control({ faults: [{ kind: 'error', text: 'Database gone.', times: 2 }] });
    const texts = [];
    for (let at = 0; at < 3; at += 1) texts.push((await farm.ask('/api/pools')).text);
    expect(texts).toEqual(['Database gone.', 'Database gone.', '["none","show"]']);
  });

  test('success that is no JSON', async () => {
    await using farm = await openFarm();
    farm.control({
      faults: [{ kind: 'garbage', text: '<html>', path: '/api/jobs', method: 'GET' }],
    });
    expect(await farm.ask('/api/jobs?IdOnly=true')).toMatchObject({ status: 200, text: '<html>' });
    expect((await farm.ask('/api/groups')).type).toBe('application/json');
  });

  test('a slow POST makes the job at once, also for a client that gives up', async () => {
    await using farm = await openFarm();
    farm.control({ faults: [{ kind: 'slow', delayMs: 5_000, ...POST }] });
    const signal = AbortSignal.timeout(300);
    await expect(farm.ask('/api/jobs', { method: 'POST', body, signal })).rejects.toThrow(
      /timeout/,
    );
    const [id = ''] = await ids(farm);
    expect((await jobOf(farm, id)).Props['ExDic']).toEqual({ SUBMIT_ID: '7' });
  });

  test('a reply that is dropped leaves the job behind, once', async () => {
    await using farm = await openFarm();
    farm.control({ faults: [{ kind: 'drop', ...POST, times: 1 }] });
    await expect(farm.ask('/api/jobs', { method: 'POST', body })).rejects.toThrow(/fetch failed/);
    expect(await ids(farm)).toHaveLength(1);
    expect((await farm.ask('/api/jobs', { method: 'POST', body })).status).toBe(200);
    expect(await ids(farm)).toHaveLength(2);
  });

  test.each([
    ['an unknown kind', { faults: [{ kind: 'explode' }] }],
    ['an unknown switch', { gravity: false }],
    ['a delay of years', { submitDelayMs: 1e12 }],
    ['a setting out of its range', { hammerspace: { iterationCount: 501 } }],
  ])('%s is refused before anything changes', (_what, change) => {
    expect(() => FarmChange.parse(change)).toThrow(z.ZodError);
  });
});

describe('doors', () => {
  test('the password is asked for while it is switched on', async () => {
    await using farm = await openFarm();
    farm.control({ credentials: { user: 'mika', password: '' } });
    expect((await farm.ask('/')).status).toBe(401);
    const authorization = `Basic ${Buffer.from('mika:').toString('base64')}`;
    expect((await farm.ask('/', { headers: { authorization } })).status).toBe(200);
    farm.control({ credentials: null });
    expect((await farm.ask('/')).status).toBe(200);
  });

  test('over TLS the same service answers, to those who know its authority', async () => {
    const tls = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
      keySize: 2048,
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
      ],
    });
    await using farm = await openFarm({ tls: { key: tls.private, cert: tls.cert, port: 0 } });
    const url = `${farm.tlsUrl}/api/pools`;
    expect(await getOver(url, tls.cert)).toBe('["none","show"]');
    await expect(getOver(url)).rejects.toThrow(/self-signed/);
    expect(await farm.json('/api/pools')).toEqual(['none', 'show']);
  });
});

test('an interrupted machine is gone, its task is queued again with a report, and another one finishes it', async () => {
  await using farm = await openFarm();
  const script = 'echo $$ >> ran; test $(wc -l < ran) -gt 1 || sleep 61';
  const id = await farm.submit(
    { Frames: '1', Group: GROUP },
    { Executable: '/bin/sh', Arguments: `-c <QUOTE>${script}<QUOTE>` },
  );
  const pid = await until(() => readFile(`${farm.root}/ran`, 'utf8').catch(() => ''), Boolean);
  const [name] = await farm.json<string[]>('/api/slaves?NamesOnly=true');
  farm.control({ interrupt: 'us-west-2' });
  expect(await farm.json('/api/slaves?NamesOnly=true')).toEqual([]);
  const [report] = await farm.json<object[]>(`/api/jobreports?JobID=${id}&Data=requeue`);
  expect(report).toMatchObject({
    Type: 2,
    Slave: name,
    Title: expect.stringMatching(/interrupted/) as string,
  });
  const job = await until(
    () => jobOf(farm, id),
    (each) => each.Stat === 3,
  );
  expect(job.Errs).toBe(0);
  expect(() => process.kill(Number(pid), 0)).toThrow(/ESRCH/);
  expect(await farm.json<string[]>('/api/slaves?NamesOnly=true')).not.toContain(name);
});

function getOver(url: string, ca?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { ...(ca === undefined ? {} : { ca }), agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve(text));
    });
    asking.on('error', reject);
    asking.end();
  });
}
