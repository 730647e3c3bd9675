// The branded names of the product's things, and the path rules between project, share and farm.

declare const brand: unique symbol;
type Brand<Text extends string> = string & { readonly [brand]: Text };

/** Absolute path on this workstation. */
export type LocalPath = Brand<'LocalPath'>;
/** Path in the global namespace: share export path + path below it, '/' separated, starts with '/'. */
export type NamespacePath = Brand<'NamespacePath'>;
/** Path as a farm job carries it, before Deadline maps it per region and OS. */
export type FarmPath = Brand<'FarmPath'>;

export type ProjectId = Brand<'ProjectId'>;
export type SceneId = Brand<'SceneId'>;
export type RegionId = Brand<'RegionId'>;
export type WaybillId = Brand<'WaybillId'>;
/** Our 128-bit id carried by a farm job in ExtraInfoKeyValue; the key of "submit once". */
export type SubmitId = Brand<'SubmitId'>;
export type FarmJobId = Brand<'FarmJobId'>;
export type CollisionId = Brand<'CollisionId'>;
