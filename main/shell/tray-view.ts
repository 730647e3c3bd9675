// What the tray shows for a state: one shape and one sentence. Pure, and never better than what is proven.

import type { AgentState, HealthItem, WaybillView } from '../../preload/contract.ts';
import { assertNever } from '../engine/base/errors.ts';
import type { AgentPresence } from './agent-client.ts';
import { words } from './words.ts';

export const TRAY_SHAPES = [
  'idle',
  'checking',
  'working',
  'ready',
  'attention',
  'paused',
  'offline',
  'error',
] as const;
export type TrayShape = (typeof TRAY_SHAPES)[number];

/** Warnings that say a service is out of reach. */
const OFFLINE = new Set<HealthItem['code']>([
  'namespace-unreachable',
  'objects-unreachable',
  'farm-unreachable',
  'region-unreachable',
]);

export interface TrayView {
  readonly shape: TrayShape;
  readonly sentence: string;
}

export function trayView(presence: AgentPresence): TrayView {
  switch (presence.kind) {
    case 'starting':
      return { shape: 'checking', sentence: words.engineStarting };
    case 'down':
      return { shape: 'error', sentence: presence.why };
    case 'up':
      return viewOf(presence.state);
    default:
      return assertNever(presence);
  }
}

/** The first that applies is shown, what a person must act on before what merely goes on. */
function viewOf(state: AgentState): TrayView {
  return (
    troubleView(state) ??
    pausedView(state) ??
    offlineView(state) ??
    workingView(state) ??
    checkingView(state) ??
    warningView(state) ??
    restingView(state)
  );
}

function troubleView(state: AgentState): TrayView | null {
  const error = newest(healthOf(state).filter((item) => item.severity === 'error'));
  if (error) return { shape: 'error', sentence: error.sentence };
  const [stuck, ...others] = openWaybills(state).filter((waybill) => waybill.trouble !== null);
  if (stuck?.trouble) {
    const sentence = words.stuck(stuck.sceneName, regionName(state, stuck), stuck.trouble.sentence);
    return { shape: 'attention', sentence: words.andMore(sentence, others.length) };
  }
  const collisions = Object.values(state.collisions).filter((collision) => !collision.settled);
  return collisions.length === 0
    ? null
    : { shape: 'attention', sentence: words.collisions(collisions.length) };
}

function pausedView(state: AgentState): TrayView | null {
  const { paused } = state.agent;
  if (!paused) return null;
  const sentence = paused.until === null ? words.paused : words.pausedUntil(clockOf(paused.until));
  return { shape: 'paused', sentence };
}

function offlineView(state: AgentState): TrayView | null {
  const cut = newest(healthOf(state).filter((item) => OFFLINE.has(item.code)));
  return cut ? { shape: 'offline', sentence: cut.sentence } : null;
}

function warningView(state: AgentState): TrayView | null {
  const warning = newest(healthOf(state).filter((item) => item.severity === 'warning'));
  return warning ? { shape: 'attention', sentence: warning.sentence } : null;
}

function checkingView(state: AgentState): TrayView | null {
  const projects = Object.values(state.projects);
  const scanning = projects.find((project) => project.scan.kind !== 'scanned');
  if (scanning) {
    return scanning.scan.kind === 'unreadable'
      ? { shape: 'error', sentence: scanning.scan.why }
      : { shape: 'checking', sentence: words.checking(scanning.name) };
  }
  const underWay = newest(healthOf(state).filter((item) => item.severity === 'info'));
  if (underWay) return { shape: 'checking', sentence: underWay.sentence };
  const unread = Object.values(state.scenes).filter(
    ({ closure }) => closure.kind === 'unread' || closure.kind === 'reading',
  );
  if (unread[0]) {
    const sentence = words.reading(unread[0].name);
    return { shape: 'checking', sentence: words.andMore(sentence, unread.length - 1) };
  }
  const pending = projects.find((project) => project.recordsPending > 0);
  return pending
    ? { shape: 'checking', sentence: words.recordsPending(pending.name, pending.recordsPending) }
    : null;
}

function workingView(state: AgentState): TrayView | null {
  const [first, ...others] = openWaybills(state);
  if (!first) return null;
  return {
    shape: 'working',
    sentence: words.andMore(progressOf(state, first), others.length),
  };
}

function restingView(state: AgentState): TrayView {
  const [last] = liveWaybills(state);
  if (last) return { shape: 'ready', sentence: progressOf(state, last) };
  const sentence =
    Object.keys(state.projects).length === 0
      ? words.noFolder
      : words.idle(Object.keys(state.scenes).length);
  return { shape: 'idle', sentence };
}

/** How far one waybill is, as one sentence. */
export function progressOf(state: AgentState, waybill: WaybillView): string {
  const scene = waybill.sceneName;
  const region = regionName(state, waybill);
  const transfer = state.transfers[waybill.id];
  const frames = words.framesHome(waybill.framesHome, waybill.framesTotal);
  switch (waybill.step) {
    case 'queued':
      return words.waiting(scene, region);
    case 'sending':
      return words.sending(scene, region, words.bytesOf(transfer?.bytesSent ?? 0, waybill.bytes));
    case 'accepted':
      return words.accepted(scene, region);
    case 'metadata-in-region':
      return words.metadata(scene, region);
    case 'payload-arriving':
      return words.arriving(
        scene,
        region,
        words.bytesOf(transfer?.bytesArrived ?? 0, waybill.bytes),
      );
    case 'ready':
      return words.ready(scene, region);
    case 'released':
      return words.released(scene, region);
    case 'rendering':
      return words.rendering(scene, region, frames);
    case 'done':
      return words.done(scene, region, frames);
    default:
      return assertNever(waybill.step);
  }
}

/** Not cancelled, newest first. */
export function liveWaybills(state: AgentState): WaybillView[] {
  return Object.values(state.waybills)
    .filter((waybill) => !waybill.cancelled)
    .toSorted((one, other) => other.createdAt - one.createdAt);
}

/** A waybill with a job ends with its frames; one without a job, and so without frames, when its data is ready. */
function openWaybills(state: AgentState): WaybillView[] {
  return liveWaybills(state).filter((waybill) => {
    const end = waybill.submit ? 'done' : 'ready';
    return waybill.step !== end || waybill.trouble !== null;
  });
}

function regionName(state: AgentState, waybill: WaybillView): string {
  return state.regions[waybill.regionId]?.name ?? waybill.regionId;
}

function healthOf(state: AgentState): HealthItem[] {
  return Object.values(state.health);
}

function newest(items: readonly HealthItem[]): HealthItem | undefined {
  return items.toSorted((one, other) => other.since - one.since)[0];
}

function clockOf(epochMs: number): string {
  return new Date(epochMs).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}
