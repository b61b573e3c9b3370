/**
 * Names on the bus. Pure, and shared with the load generator's pod, so that both sides say the same.
 *
 *     qb.results.<namespace>.<job>   what must not be lost   stream RESULTS
 *     qb.series.<namespace>.<job>    what may be             stream SERIES
 *     qb.peers.<namespace>.<job>.<n> what the job's pods say to its n-th; on no stream, and never leaves their account
 */

/** One load generator Job on the cluster. */
export interface JobAddress {
  /** The Job's namespace. */
  namespace: string;
  /** The Job's name, unique in its namespace. */
  job: string;
}

export const STREAMS = { results: 'RESULTS', series: 'SERIES' } as const;
export type StreamKind = keyof typeof STREAMS;

/** All subjects a stream listens to. */
export const STREAM_SUBJECTS: Readonly<Record<StreamKind, string>> = { results: 'qb.results.>', series: 'qb.series.>' };

/** Longest message on either stream, headers included; the server's own `max_payload` by default. */
export const MAX_MESSAGE_BYTES = 1_048_576;

/** RFC 1123, as Kubernetes names namespaces and Jobs: holds no `.`, `*` or `>`, so that it is one token of a subject. */
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const POD_UID = /^[A-Za-z0-9-]{1,64}$/;

/** @throws {RangeError} when a part is no DNS label and could therefore reach another job's subjects. */
export function checkJobAddress({ namespace, job }: JobAddress): void {
  for (const [name, value] of Object.entries({ namespace, job })) {
    if (DNS_LABEL.test(value)) continue;
    throw new RangeError(
      `${name} ${JSON.stringify(value.slice(0, 80))} is no DNS label: expected at most 63 lower case letters, digits and -, beginning and ending with a letter or digit`,
    );
  }
}

/** The one subject of a job on a stream. @throws {RangeError} for names that are no DNS labels. */
export function subjectOf(stream: StreamKind, address: JobAddress): string {
  checkJobAddress(address);
  return `qb.${stream}.${address.namespace}.${address.job}`;
}

/** Where a job's n-th pod hears the others; without a number, those of all its pods. @throws {RangeError} */
export function peerSubject(address: JobAddress, pod?: number): string {
  checkJobAddress(address);
  return `qb.peers.${address.namespace}.${address.job}.${pod ?? '*'}`;
}

/** What the inboxes of a job's pods begin with: the only subjects they may listen to. */
export function inboxPrefix(address: JobAddress): string {
  checkJobAddress(address);
  return `_INBOX.${address.namespace}.${address.job}`;
}

/** Name of the durable consumer of a job's results. DNS labels have no `_`, so two jobs never share one. */
export function consumerName(address: JobAddress): string {
  checkJobAddress(address);
  return `${address.namespace}_${address.job}`;
}

/**
 * The Msg-Id of a pod's n-th result: a result that is sent again is stored once. The pod's UID tells a pod from the one
 * that replaced it, and keeps other tenants from guessing it.
 */
export function messageId(address: JobAddress, podUid: string, sequence: number): string {
  checkJobAddress(address);
  if (!POD_UID.test(podUid)) {
    throw new RangeError(
      `pod UID ${JSON.stringify(podUid.slice(0, 80))}: expected at most 64 letters, digits and -, as in metadata.uid`,
    );
  }
  return `${address.job}.${podUid}.${String(sequence)}`;
}
