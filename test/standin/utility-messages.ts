// What crosses between the stand-in's main process and a utility process of its own.

export type ToUtility =
  | { readonly kind: 'message'; readonly data: unknown; readonly portIds: readonly number[] }
  | PortMessage;
export type FromUtility = { readonly kind: 'message'; readonly data: unknown } | PortMessage;
type PortMessage =
  | { readonly kind: 'port-message'; readonly portId: number; readonly data: unknown }
  | { readonly kind: 'port-close'; readonly portId: number };
