/** The addresses of one cluster: a /22 of 198.18.0.0/15, the benchmark range, which is nobody's network. */
export type Addresses = {
  /** Which of the 128 blocks, from 0. */
  slot: number;
  /** The node's own, where the API server listens. */
  node: string;
  /** The two ends of the link between this machine and the cluster's network namespace. */
  hostEnd: string;
  clusterEnd: string;
  /** As `198.18.1.0/24`; the first address is the pods' gateway. */
  pods: string;
  services: string;
  dns: string;
  /** The whole block. */
  block: string;
};

export const slots = 128;

export function addressesOf(slot: number): Addresses {
  const third = (slot % 64) * 4;
  const base = `198.${slot < 64 ? 18 : 19}`;
  return {
    slot,
    node: `${base}.${third}.1`,
    hostEnd: `${base}.${third}.253`,
    clusterEnd: `${base}.${third}.254`,
    pods: `${base}.${third + 1}.0/24`,
    services: `${base}.${third + 2}.0/24`,
    dns: `${base}.${third + 2}.10`,
    block: `${base}.${third}.0/22`,
  };
}

/** An IPv4 range `a.b.c.d/n`, or an address, as its first and last number. */
function range(cidr: string): [number, number] | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = match.slice(1, 5).map(Number);
  const size = 2 ** (32 - Number(match[5] ?? 32));
  const first = Math.floor((((a * 256 + b) * 256 + c) * 256 + d) / size) * size;
  return [first, first + size - 1];
}

/** Whether two IPv4 ranges have an address in common; false for what is no range, such as `default`. */
export function overlap(one: string, other: string): boolean {
  const a = range(one);
  const b = range(other);
  return a !== undefined && b !== undefined && a[0] <= b[1] && b[0] <= a[1];
}

/**
 * The first free block from the one that `id` (hex digits) points to. `routes` are the machine's destinations, such as
 * `198.18.0.0/24`. Throws when all are taken.
 */
export function freeAddresses(id: string, routes: readonly string[]): Addresses {
  const start = Number.parseInt(id.slice(0, 6), 16) % slots;
  for (let i = 0; i < slots; i += 1) {
    const candidate = addressesOf((start + i) % slots);
    if (!routes.some((route) => overlap(route, candidate.block))) return candidate;
  }
  throw new Error('every part of 198.18.0.0/15 has a route on this machine: take other clusters down first');
}
