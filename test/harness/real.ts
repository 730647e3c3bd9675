// Names of real endpoints, from the environment; a contract suite runs over them unchanged.

/** The values of WAYBILL_REAL_<name> for each name, or null when one is not set. */
export function realEndpoint<Name extends string>(
  names: readonly Name[],
): Record<Name, string> | null {
  const found = names.flatMap((name) => {
    const value = process.env[`WAYBILL_REAL_${name}`];
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  return found.length === names.length ? (Object.fromEntries(found) as Record<Name, string>) : null;
}
