import type { ApiRequest } from '../../dev/faults/proxy/api-fault.ts';

/** How often each kind of request was made, as `WATCH qdrantsweeps`, `PATCH qdrantsweeps/status`. */
export type CallCounts = Record<string, number>;

/** The kind of a request: what Kubernetes's audit log calls its verb, and what it is about. Pure. */
export function callKind({ method, resource, name, watch }: ApiRequest): string {
  const verb = method === 'GET' ? (watch ? 'WATCH' : name === undefined ? 'LIST' : 'GET') : method;
  return `${verb === 'POST' ? 'CREATE' : verb} ${resource}`;
}

/** Counts what an operator asks of its API server. */
export class ApiCalls {
  readonly #counts = new Map<string, number>();

  /** To be handed to a proxy. */
  readonly count = (request: ApiRequest): void => {
    const kind = callKind(request);
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  };

  /** Forgets all that was counted. */
  clear(): void {
    this.#counts.clear();
  }

  get total(): number {
    return total(this.byKind());
  }

  /** The most frequent first. */
  byKind(): CallCounts {
    return Object.fromEntries([...this.#counts].toSorted(([, a], [, b]) => b - a));
  }
}

export const total = (counts: CallCounts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);
