// The shell's own decisions: what it was told, whom it answers, where the window comes back.

import { describe, expect, test } from 'vitest';
import { restoredBounds } from '../../main/shell/bounds.ts';
import { shellOptions } from '../../main/shell/options.ts';
import { isOwnFile } from '../../main/shell/own-file.ts';
import { senderCheck } from '../../main/shell/sender.ts';

describe('the command line', () => {
  const nothing = { hidden: false, agentSocketPath: null, studioPath: null, stateDir: null };
  test.each([
    { args: [], environment: {}, told: nothing },
    { args: ['/app', '--hidden'], environment: {}, told: { ...nothing, hidden: true } },
    {
      args: ['--agent-socket=/run/a.sock', '--state', '/s'],
      environment: { WAYBILL_AGENT_SOCKET: '/run/other.sock' },
      told: { ...nothing, agentSocketPath: '/run/a.sock', stateDir: '/s' },
    },
    {
      args: ['--no-sandbox', '--remote-debugging-port=0', '--user-data-dir=/u'],
      environment: { WAYBILL_STUDIO: '/studio.json', WAYBILL_STATE: '' },
      told: { ...nothing, studioPath: '/studio.json' },
    },
  ])('$args is understood, flags of Chromium are left alone', ({ args, environment, told }) => {
    expect(shellOptions(args, environment)).toEqual(told);
  });
});

describe('the sender check', () => {
  const isOurPage = senderCheck('file:///app/out/renderer/index.html');
  const frame = (url: string, parent: unknown = null) =>
    ({ senderFrame: { url, parent } }) as unknown as Parameters<typeof isOurPage>[0];

  test.each([
    ['file:///app/out/renderer/index.html', true],
    ['file:///app/out/renderer/index.html#waybills', true],
    ['file:///app/out/renderer/index.html.evil', false],
    ['file:///app/out/renderer/', false],
    ['about:blank', false],
    ['', false],
    ['https://example.com/file:///app/out/renderer/index.html', false],
  ])('%s is answered: %s', (url, isOurs) => {
    expect(isOurPage(frame(url))).toBe(isOurs);
  });

  test('a frame inside the page, and one that is gone, are not answered', () => {
    expect(isOurPage(frame('file:///app/out/renderer/index.html', {}))).toBe(false);
    expect(isOurPage({ senderFrame: null })).toBe(false);
  });
});

describe('a request of the page', () => {
  test.each([
    ['file:///app/out/renderer/index.html', true],
    ['file:///app/out/renderer/assets/index-1.js?v=2', true],
    ['file:///app/out/renderer/../main/app.js', false],
    ['file:///app/out/renderer/%2e%2e/main/app.js', false],
    ['file:///app/out/renderer/..%2fmain/app.js', false],
    ['file:///app/out/renderer-of-others/x.js', false],
    ['file:///etc/passwd', false],
    ['file://server/share/app/out/renderer/x.js', false],
    ['http://127.0.0.1/app/out/renderer/x.js', false],
    ['ws://127.0.0.1:9/', false],
    ['data:text/html,x', false],
    ['file:///%', false],
    ['', false],
  ])('for %s is let through: %s', (url, isLet) => {
    expect(isOwnFile(url, 'file:///app/out/renderer/')).toBe(isLet);
  });
});

describe('the window comes back', () => {
  const screens = [{ x: 0, y: 0, width: 1920, height: 1040 }];
  test.each([
    ['where it was', { x: 100, y: 100, width: 900, height: 600 }, true],
    ['half outside', { x: 1700, y: 300, width: 900, height: 600 }, true],
  ])('%s', (_title, bounds) => {
    expect(restoredBounds(JSON.stringify(bounds), screens)).toEqual(bounds);
  });

  test.each([
    ['its screen is gone', { x: 3000, y: 100, width: 900, height: 600 }],
    ['only its edge would show', { x: 1900, y: 100, width: 900, height: 600 }],
    ['its title bar would lie above the screen', { x: 100, y: -200, width: 900, height: 600 }],
  ])('in its size only when %s', (_title, bounds) => {
    const { width, height } = bounds;
    expect(restoredBounds(JSON.stringify(bounds), screens)).toEqual({ width, height });
  });

  test.each([null, '', 'no json', '{}', '{"x":1,"y":1,"width":-5,"height":5}'])(
    'as new when %s was kept',
    (text) => expect(restoredBounds(text, screens)).toBeNull(),
  );
});
