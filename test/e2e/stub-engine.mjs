// An engine that only speaks the contract: for Electron 33, whose Node 20 has no SQLite. Plain JavaScript for the same reason.

const state = {
  agent: {
    version: '0',
    pid: process.pid,
    startedAt: 0,
    user: 'artist',
    workstation: 'ws-1',
    studio: { kind: 'sandbox', name: 'Stub studio', homeSite: 'london' },
    paused: null,
  },
  health: {},
  projects: {},
  scenes: {},
  regions: {},
  waybills: {},
  transfers: {},
  jobs: {},
  collisions: {},
  notices: [],
  activity: [],
};

process.parentPort.on('message', ({ ports }) => {
  for (const port of ports) {
    port.on('message', ({ data }) => answer(port, data));
    port.start();
  }
});

function answer(port, message) {
  if (message.kind === 'watch') port.postMessage({ kind: 'snapshot', revision: 1, state });
  if (message.kind !== 'call') return;
  port.postMessage({ kind: 'result', id: message.id, ok: true, value: null });
  if (message.command === 'shutdown') setTimeout(() => process.exit(0), 50);
}
