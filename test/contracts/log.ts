// The contract of the Log port: one JSON line a call, searchable, and without any secret.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Log } from '../../main/engine/ports/log.ts';

export function logContract(name: string, open: () => { log: Log; lines(): string[] }): void {
  describe(`log contract over ${name}`, () => {
    test('each call is one JSON line with time, level, service and fields', () => {
      const { log, lines } = open();
      log.info('Started', { count: 1, path: '/a\nb' });
      log.child('scan').child('disk').warn('Slow');
      log.error('Failed', { error: new Error('why', { cause: new Error('because') }) });
      const [first, second, third] = lines().map(
        (line) => JSON.parse(line) as Record<string, unknown>,
      );
      expect(first).toMatchObject({
        level: 'info',
        message: 'Started',
        fields: { count: 1, path: '/a\nb' },
      });
      expect(second).toMatchObject({ level: 'warn', service: 'scan.disk', message: 'Slow' });
      expect(third).toMatchObject({
        level: 'error',
        fields: { error: { message: 'why', cause: { message: 'because' } } },
      });
      expect(Number.isNaN(Date.parse(String(first?.['time'])))).toBe(false);
    });

    test('whatever shape it comes in, a secret is not written', () => {
      const secret = fc.stringMatching(/^[A-Za-z0-9]{16,24}$/).map((text) => `S3CR3T${text}`);
      const place = fc.constantFrom<(value: string) => Record<string, unknown>>(
        (value) => ({ password: value }),
        (value) => ({ deep: [{ Authorization: value }] }),
        (value) => ({ secretAccessKey: value }),
        (value) => ({ headers: new Map([['set-cookie', value]]) }),
        (value) => ({ url: `https://user:${value}@host/x` }),
        (value) => ({ url: `https://host/x?token=${value}&a=1` }),
        (value) => ({ text: `Authorization: Bearer ${value}` }),
        (value) => ({ error: new Error(`login failed: password=${value}`) }),
        (value) => ({ error: new Error('x', { cause: { token: value } }) }),
        (value) => ({ body: JSON.stringify({ password: value }) }),
      );
      fc.assert(
        fc.property(secret, place, (value, put) => {
          const { log, lines } = open();
          log.info('Fields', put(value));
          expect(lines().join('')).not.toContain(value);
        }),
        { numRuns: 200 },
      );
    });

    test('odd values neither throw nor grow without bound', () => {
      const { log, lines } = open();
      const loop: Record<string, unknown> = {
        big: 10n,
        when: new Date(NaN),
        run: () => 1,
        text: 'x'.repeat(100_000),
      };
      loop['self'] = loop;
      log.info('Odd', loop);
      expect(lines()).toHaveLength(1);
      expect(lines()[0]?.length).toBeLessThan(60_000);
    });
  });
}
