/** How many sweeps are worked on at once. */
export interface Limits {
  /** By this operator. */
  sweeps: number;
  /** In one namespace, so that none takes all places. */
  perNamespace: number;
}

/** Each holds a connection to the record, and most wait for a node to measure on anyway. */
export const DEFAULT_LIMITS: Limits = { sweeps: 16, perNamespace: 4 };

const namespaceOf = (key: string): string => key.split('/', 1)[0] ?? '';

/**
 * Why the sweep `namespace/name` has to wait; undefined when there is a place for it. Those that wait longer go first:
 * `waiting` is in order of arrival and may hold the sweep itself. Pure.
 */
export function whyWait(
  key: string,
  working: readonly string[],
  waiting: readonly string[],
  limits: Limits,
): string | undefined {
  const home = namespaceOf(key);
  const mine = (keys: readonly string[]) => keys.filter((other) => namespaceOf(other) === home);
  const earlier = waiting.includes(key) ? waiting.slice(0, waiting.indexOf(key)) : waiting;
  if (mine(working).length + mine(earlier).length >= limits.perNamespace) {
    return `${limits.perNamespace} sweeps of namespace ${home} are worked on at a time; it begins when one of them ends`;
  }
  // Whoever waits for a place in a full namespace does not keep others from theirs.
  const ahead = earlier.filter((other) => {
    const beside = namespaceOf(other);
    return working.filter((one) => namespaceOf(one) === beside).length < limits.perNamespace;
  });
  if (working.length + ahead.length >= limits.sweeps) {
    return `${limits.sweeps} sweeps are worked on at a time; it begins when one of them ends`;
  }
  return undefined;
}
