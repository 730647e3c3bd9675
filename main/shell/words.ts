// Every word the shell itself says to a person: tray, menus, dialogs, reasons.

export const words = {
  productName: 'Waybill',
  open: 'Open Waybill',
  pause: 'Pause',
  pauseForHour: 'For 1 hour',
  pauseUntilResumed: 'Until resumed',
  resume: 'Resume',
  projects: 'Projects',
  addFolder: 'Add folder…',
  noProjects: 'No folder yet',
  waybills: 'Waybills',
  noWaybills: 'Nothing sent yet',
  quit: 'Quit Waybill',
  chooseFolder: 'Choose the folder you work in',
  cannotStart: (why: string): string => `Waybill cannot start: ${why}`,
  cannotStartTitle: 'Waybill cannot start',
  notThere: (path: string): string => `${path} is not there yet.`,
  outside: (path: string): string => `${path} lies in no project, so it is not shown.`,
  strangeSender: 'Waybill answers only its own page.',

  engineStarting: 'Waybill is starting.',
  engineEnded: (code: number): string =>
    `Waybill's engine ended (code ${code}). It starts again by itself.`,
  agentGone: 'The Waybill agent went away. Waybill looks for it again.',
  sandboxEnded: (code: number): string =>
    `The sandbox studio ended (code ${code}). It starts again by itself.`,

  idle: (scenes: number): string =>
    scenes === 1 ? 'All quiet. Watching 1 scene.' : `All quiet. Watching ${scenes} scenes.`,
  noFolder: 'No folder yet. Open Waybill and add one.',
  paused: 'Paused until you resume.',
  pausedUntil: (time: string): string => `Paused until ${time}.`,
  checking: (project: string): string => `Checking ${project}.`,
  reading: (scene: string): string => `Reading what ${scene} needs.`,
  recordsPending: (project: string, count: number): string =>
    `${project}: ${count} records on their way.`,
  collisions: (count: number): string =>
    count === 1 ? '1 name collision waits for you.' : `${count} name collisions wait for you.`,
  andMore: (sentence: string, more: number): string =>
    more === 0 ? sentence : `${sentence} And ${more} more.`,

  waiting: (scene: string, region: string): string => `${scene} waits to go to ${region}.`,
  sending: (scene: string, region: string, done: string): string =>
    `${scene} is being sent to ${region}: ${done}.`,
  accepted: (scene: string, region: string): string => `${scene} is marked for ${region}.`,
  metadata: (scene: string, region: string): string =>
    `${region} knows ${scene}; its data comes next.`,
  arriving: (scene: string, region: string, done: string): string =>
    `${scene} is arriving in ${region}: ${done}.`,
  ready: (scene: string, region: string): string => `${scene} is ready in ${region}.`,
  released: (scene: string, region: string): string => `${scene} waits for a worker in ${region}.`,
  rendering: (scene: string, region: string, frames: string): string =>
    `${scene} renders in ${region}: ${frames}.`,
  done: (scene: string, region: string, frames: string): string =>
    `${scene} is done in ${region}: ${frames}.`,
  stuck: (scene: string, region: string, why: string): string => `${scene} for ${region}: ${why}`,
  framesHome: (home: number, total: number): string => `${home} of ${total} frames home`,
  bytesOf: (part: number, whole: number): string => `${megabytes(part)} of ${megabytes(whole)} MB`,
} as const;

function megabytes(bytes: number): string {
  const value = bytes / 1_000_000;
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
