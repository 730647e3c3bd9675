// What a test or a demo may do to the farm: faults of its Web Service, its password, its event plug-in, its machines.

import { z } from 'zod';
import { HammerspaceSettings } from './hammerspace-event.ts';

const MAX_DELAY_MS = 10 * 60_000;

/** Which calls it hits (all of them when left out), and how often before it is over (for ever when left out). */
const Aim = {
  method: z.enum(['GET', 'POST', 'PUT', 'DELETE']).optional(),
  /** Of the URL, without its query: `/api/jobs`. */
  path: z.string().optional(),
  times: z.number().int().positive().optional(),
};

export const Fault = z.discriminatedUnion('kind', [
  /** The call is taken and never answered, nor does anything happen. */
  z.strictObject({ kind: z.literal('hang'), ...Aim }),
  z.strictObject({ kind: z.literal('error'), text: z.string().default('Exception.'), ...Aim }),
  /** Success, with a page that is no JSON. */
  z.strictObject({
    kind: z.literal('garbage'),
    text: z.string().default('<html><body>Service restarting</body></html>'),
    ...Aim,
  }),
  /** The call does at once what it says, and the answer is late. */
  z.strictObject({
    kind: z.literal('slow'),
    delayMs: z.number().int().min(0).max(MAX_DELAY_MS),
    ...Aim,
  }),
  /** The call does what it says and the connection is cut instead of an answer. */
  z.strictObject({ kind: z.literal('drop'), ...Aim }),
]);
export type Fault = z.infer<typeof Fault>;

export const FarmChange = z.strictObject({
  /** Replaces all faults; an empty list ends them. */
  faults: z.array(Fault).optional(),
  /** Basic authentication; null turns it off. */
  credentials: z.strictObject({ user: z.string(), password: z.string() }).nullable().optional(),
  /** Installs the Hammerspace event plug-in, or removes it with null. */
  hammerspace: HammerspaceSettings.nullable().optional(),
  /** How long the event plug-ins of a submission take, which the POST waits for. */
  submitDelayMs: z.number().int().min(0).max(MAX_DELAY_MS).optional(),
  /** A worker's name or a region: its machines are taken away, as a spot market does. */
  interrupt: z.string().optional(),
});
export type FarmChange = z.infer<typeof FarmChange>;

export interface FaultBox {
  set(faults: readonly Fault[]): void;
  /** The fault this call meets, counted as met; null for a healthy call. */
  take(method: string, path: string): Fault | null;
}

export function createFaultBox(): FaultBox {
  let active: { readonly fault: Fault; left: number }[] = [];
  return {
    set(faults) {
      active = faults.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }));
    },
    take(method, path) {
      const hit = active.find(
        ({ fault, left }) =>
          left > 0 &&
          (fault.method === undefined || fault.method === method) &&
          (fault.path === undefined || fault.path === path),
      );
      if (!hit) return null;
      hit.left -= 1;
      return hit.fault;
    },
  };
}
