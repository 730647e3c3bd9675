// A sandbox that only says it is up, beside stub-engine.mjs.

console.log('{}');
process.once('SIGTERM', () => process.exit(0));
setInterval(() => undefined, 60_000);
