// How far a waybill is and what may be said of it. Nothing here is more than the state proves.

import type { RegionView, TransferView, WaybillView } from '../../preload/contract.ts';
import { words } from '../words/en.ts';
import { amountText, bytesText, countText, durationText } from './format.ts';
import type { Mark } from './marks.ts';

export type Step = WaybillView['step'];

/** Every step in the order of the state; the type makes a forgotten one an error. */
const STEP_ORDER: Readonly<Record<Step, number>> = {
  queued: 0,
  sending: 1,
  accepted: 2,
  'metadata-in-region': 3,
  'payload-arriving': 4,
  ready: 5,
  released: 6,
  rendering: 7,
  done: 8,
};

export const STEPS = Object.keys(STEP_ORDER) as readonly Step[];

export function stepIndex(step: Step): number {
  return STEP_ORDER[step];
}

export type Standing = 'cancelled' | 'done' | 'trouble' | 'moving';

/** A waybill without a job ends when its data is ready. */
export function standingOf(waybill: WaybillView): Standing {
  if (waybill.cancelled) return 'cancelled';
  if (waybill.trouble) return 'trouble';
  if (waybill.step === 'done') return 'done';
  return isSendOnly(waybill) && stepIndex(waybill.step) >= stepIndex('ready') ? 'done' : 'moving';
}

export function isSendOnly(waybill: WaybillView): boolean {
  return !waybill.submit;
}

/** Cancelling what is over would take marks away from data that is in use. */
export function canCancel(waybill: WaybillView): boolean {
  const standing = standingOf(waybill);
  return standing === 'moving' || standing === 'trouble';
}

export function markOf(waybill: WaybillView): Mark {
  const standing = standingOf(waybill);
  switch (standing) {
    case 'cancelled':
      return 'cancelled';
    case 'trouble':
      return waybill.trouble?.retry === 'never' ? 'error' : 'attention';
    case 'done':
      return 'done';
    case 'moving':
      if (waybill.step === 'queued') return 'waiting';
      return waybill.step === 'ready' ? 'good' : 'moving';
  }
}

export function stepText(waybill: WaybillView): string {
  return waybill.cancelled ? words.waybills.cancelled : words.steps[waybill.step];
}

/** Filled share of each step's piece of the bar: 0 not begun, 1 proven, null under way with no number to go by. */
export function barOf(
  waybill: WaybillView,
  transfer: TransferView | undefined,
): readonly (number | null)[] {
  const at = stepIndex(waybill.step);
  const steps = isSendOnly(waybill) ? STEPS.slice(0, stepIndex('ready') + 1) : STEPS;
  return steps.map((_step, index) => {
    if (index < at || standingOf(waybill) === 'done') return 1;
    return index > at ? 0 : shareOfStep(waybill, transfer);
  });
}

function shareOfStep(waybill: WaybillView, transfer: TransferView | undefined): number | null {
  switch (waybill.step) {
    case 'sending':
      return share(transfer?.bytesSent, waybill.bytes);
    case 'payload-arriving':
      return share(transfer?.bytesArrived, waybill.bytes);
    case 'rendering':
      return share(waybill.framesHome, waybill.framesTotal);
    case 'accepted':
    case 'metadata-in-region':
    case 'ready':
    case 'released':
    case 'done':
      return 1;
    case 'queued':
      return null;
  }
}

function share(part: number | undefined, whole: number): number | null {
  return part === undefined || whole <= 0 ? null : Math.min(1, part / whole);
}

/** The numbers that matter at this step, as short texts. */
export function countersOf(
  waybill: WaybillView,
  transfer: TransferView | undefined,
  now: number,
): readonly string[] {
  const total = bytesText(waybill.bytes);
  const files = amountText(waybill.files, words.scenes.file, words.scenes.filesWord);
  switch (waybill.step) {
    case 'queued':
      return [words.waybills.toMove(total), files];
    case 'sending':
      return [words.waybills.sentOf(bytesText(transfer?.bytesSent), total), files];
    case 'accepted':
    case 'metadata-in-region':
      return [
        transfer
          ? words.waybills.arrivedOf(bytesText(transfer.bytesArrived), total)
          : words.waybills.toMove(total),
        files,
      ];
    case 'payload-arriving':
      return [
        words.waybills.arrivedOf(bytesText(transfer?.bytesArrived), total),
        words.waybills.filesOf(countText(transfer?.filesReady), countText(waybill.files)),
        ...(waybill.trouble ? [] : [etaText(waybill, transfer, now)]),
      ];
    case 'ready':
    case 'released':
      return [total, files];
    case 'rendering':
      return [words.waybills.framesOf(countText(waybill.framesHome), framesTotal(waybill))];
    case 'done':
      return [words.waybills.framesHome(countText(waybill.framesHome)), total];
  }
}

function framesTotal(waybill: WaybillView): string {
  return countText(waybill.framesTotal > 0 ? waybill.framesTotal : null);
}

const ETA_AFTER_MS = 5_000;
const ETA_FROM_SHARE = 0.02;

/** From the average since the region listed the first of it; said only when there is enough to go by. */
function etaText(waybill: WaybillView, transfer: TransferView | undefined, now: number): string {
  const began = waybill.timeline.find(
    ({ step }) => step === 'metadata-in-region' || step === 'payload-arriving',
  )?.at;
  const arrived = transfer?.bytesArrived ?? 0;
  const elapsedMs = began === undefined ? 0 : now - began;
  if (elapsedMs < ETA_AFTER_MS || arrived < waybill.bytes * ETA_FROM_SHARE || arrived === 0)
    return words.waybills.etaUnknown;
  const leftMs = ((waybill.bytes - arrived) / arrived) * elapsedMs;
  return words.waybills.eta(durationText(leftMs));
}

/** While the job waits for its data: says so, with the clock of the hold. */
export function isHeld(waybill: WaybillView): boolean {
  return (
    standingOf(waybill) === 'moving' &&
    waybill.jobId !== null &&
    stepIndex(waybill.step) < stepIndex('released')
  );
}

export interface WaybillGroups {
  readonly trouble: readonly WaybillView[];
  readonly moving: readonly WaybillView[];
  readonly done: readonly WaybillView[];
  readonly cancelled: readonly WaybillView[];
}

/** Newest first within each group. */
export function groupWaybills(waybills: Readonly<Record<string, WaybillView>>): WaybillGroups {
  const groups: Record<Standing, WaybillView[]> = {
    trouble: [],
    moving: [],
    done: [],
    cancelled: [],
  };
  for (const waybill of Object.values(waybills).toSorted((a, b) => b.createdAt - a.createdAt))
    groups[standingOf(waybill)].push(waybill);
  return groups;
}

export function regionNameOf(
  regions: Readonly<Record<string, RegionView>>,
  regionId: string,
): string {
  return regions[regionId]?.name ?? regionId;
}

/** Bytes of several waybills together; null as soon as one of them is not told. */
export function arrivedTogether(
  waybills: readonly WaybillView[],
  transfers: Readonly<Record<string, TransferView>>,
): { readonly arrived: number; readonly total: number } | null {
  let arrived = 0;
  let total = 0;
  for (const waybill of waybills) {
    const transfer = transfers[waybill.id];
    if (!transfer) return null;
    arrived += Math.min(transfer.bytesArrived, waybill.bytes);
    total += waybill.bytes;
  }
  return { arrived, total };
}
