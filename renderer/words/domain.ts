// The unions of the state that have a word each, so that a new member without a word fails to compile.

import type { ActivityView, CollisionView, JobView, WaybillView } from '../../preload/contract.ts';

export type { FileKind } from '../../preload/contract.ts';
export type WaybillStep = WaybillView['step'];
export type StepOrMark = WaybillView['timeline'][number]['step'];
export type JobState = JobView['state'];
export type CollisionKind = CollisionView['kind'];
export type ActivityKind = ActivityView['kind'];
