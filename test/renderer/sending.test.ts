// A drop and what becomes of it: accepted with an undo, already under way, refused, failed, cancelled.

import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startAgent, type Agent } from '../../renderer/agent.ts';
import { createSelection } from '../../renderer/selection.ts';
import { createSendings, type Drop, type Sending, type Sendings } from '../../renderer/sending.ts';
import { portTransport } from '../../renderer/transports/port.ts';
import { SHELL_CHANNELS } from '../../preload/shell.ts';
import { createFakeAgent, type FakeAgent } from './fake-agent.ts';
import { quietState } from './fixtures.ts';

let fake: FakeAgent;
let agent: Agent;
let sendings: Sendings;

beforeEach(async () => {
  fake = createFakeAgent(quietState());
  agent = startAgent(overPort(fake));
  sendings = createSendings(agent);
  await vi.waitFor(() => expect(agent.cell.get().connection.kind).toBe('connected'));
});

afterEach(() => {
  agent.stop();
  fake[Symbol.dispose]();
});

test('a drop is told as sent, and its undo cancels the waybill it wrote', async () => {
  await sendings.send(dropOf('lobby_sh010.blend'));
  const sent = only('sent');
  expect(sent.waybillIds).toHaveLength(1);
  expect(fake.calls[0]).toEqual({
    command: 'sendScene',
    argument: {
      scene: '/projects/lobby/shots/sh010/lobby_sh010.blend',
      region: 'us-west-2',
      submit: true,
      allowMissing: false,
    },
  });
  await sendings.undo(sent);
  expect(fake.calls.at(-1)).toEqual({
    command: 'cancelWaybill',
    argument: { waybillId: sent.waybillIds[0] },
  });
  expect(kinds()).toEqual(['undone']);
});

test('a scene that is on its way already gets no undo: it is not this drop that sent it', async () => {
  await sendings.send(dropOf('lobby_sh010.blend'));
  await vi.waitFor(() =>
    expect(Object.keys(agent.cell.get().state?.waybills ?? {})).toHaveLength(1),
  );
  await sendings.send(dropOf('lobby_sh010.blend'));
  expect(kinds()).toEqual(['sent', 'already']);
});

test('a missing file refuses by name, and sending anyway says so to the agent', async () => {
  await sendings.send(dropOf('wood_table.blend'));
  const refused = only('incomplete');
  expect(refused.missing).toEqual(['/projects/lobby/assets/wood/tex/wood.png']);
  await sendings.sendAnyway(refused);
  expect(fake.calls.at(-1)?.argument).toMatchObject({ allowMissing: true });
  expect(kinds()).toEqual(['sent']);
});

test('one drop of several scenes ends in as many ways as its scenes do', async () => {
  await sendings.send({
    ...dropOf('lobby_sh010.blend', 'lobby_sh020.blend', 'wood_table.blend'),
  });
  expect(kinds()).toEqual(['sent', 'incomplete']);
  expect(only('sent').waybillIds).toHaveLength(2);
});

test('a scene outside every project fails with the reason and can be tried again', async () => {
  const drop = { ...dropOf(), scenes: [{ name: 'x.blend', path: '/elsewhere/x.blend' }] };
  await sendings.send(drop);
  const failed = only('failed');
  expect(failed.sentence).toContain('/elsewhere/x.blend lies in no project of yours');
  await sendings.retry(failed);
  expect(fake.calls).toHaveLength(2);
  expect(kinds()).toEqual(['failed']);
});

test('a drop that is still being asked for can be cancelled', async () => {
  const goOn = fake.holdSends();
  const sending = sendings.send(dropOf('lobby_sh010.blend'));
  only('asking').cancel();
  await sending;
  expect(kinds()).toEqual([]);
  goOn();
});

test('selection follows the rules of a file manager', () => {
  const selection = createSelection();
  const ids = (): string[] => [...selection.cell.get().ids];
  selection.show(['a', 'b', 'c', 'd']);
  expect(selection.neighbour(1)).toBe('a');
  selection.select('b', 'only');
  selection.select('d', 'range');
  expect(ids()).toEqual(['b', 'c', 'd']);
  selection.select('c', 'toggle');
  expect(ids()).toEqual(['b', 'd']);
  expect(selection.neighbour(-1)).toBe('b');
  expect(selection.neighbour(99)).toBe('d');
  selection.show(['d', 'a']);
  expect(ids()).toEqual(['d']);
  expect(selection.cell.get().active).toBeNull();
  selection.selectAll();
  expect(ids()).toEqual(['d', 'a']);
  selection.clear();
  expect(ids()).toEqual([]);
});

function dropOf(...names: string[]): Drop {
  const scenes = Object.values(quietState().scenes).filter(({ name }) => names.includes(name));
  return {
    scenes: scenes.map(({ name, path }) => ({ name, path })),
    region: { id: 'us-west-2', name: 'Oregon' },
    submit: true,
    allowMissing: false,
  };
}

function kinds(): string[] {
  return sendings.cell.get().map(({ kind }) => kind);
}

function only<Kind extends Sending['kind']>(kind: Kind): Extract<Sending, { kind: Kind }> {
  const found = sendings.cell.get().filter((sending) => sending.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as Extract<Sending, { kind: Kind }>;
}

function overPort(served: FakeAgent): ReturnType<typeof portTransport> {
  const page = new EventTarget() as unknown as Window;
  const connect = (): void => {
    const { port1, port2 } = new MessageChannel();
    served.servePort(port2);
    page.dispatchEvent(
      Object.assign(new Event('message'), {
        data: { channel: SHELL_CHANNELS.port },
        source: page,
        ports: [port1],
      }),
    );
  };
  return portTransport({ connect }, page);
}
