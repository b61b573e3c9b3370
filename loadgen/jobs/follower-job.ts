import { openDataset, type Dataset } from '../datasets/dataset.ts';
import { makeIsolator } from '../load/isolation.ts';
import { encodeQueries } from '../load/queries.ts';
import { follow } from '../peers/barrier.ts';
import type { PeerLink } from '../peers/link.ts';
import type { FinalsJob, MeasureJob, Workload } from '../protocol.ts';
import { endpointRules } from '../rest.ts';
import type { JobContext } from './deps.ts';
import { connectionsFor, SearchBench } from './search-bench.ts';

/** The one who leads makes all writes, at their whole rate. */
function onlyReads({ queries, withPayload, payloadIndexes }: Workload): Workload {
  return { queries, withPayload, payloadIndexes };
}

/**
 * The part of a generator that does not lead: it offers its share of each window the leader asks for, and publishes nothing.
 * The dataset is opened with the first window: by then it has long been there, and what fails is told to the leader.
 */
export async function runFollowerJob(
  job: MeasureJob | FinalsJob,
  peers: PeerLink,
  { signal, note, access }: JobContext,
): Promise<void> {
  const endpoints = job.kind === 'Measure' ? [job.endpoint] : job.arms.map(({ endpoint }) => endpoint);
  const isolator = makeIsolator(job.isolation, undefined, note);
  const benches = new Map<number, SearchBench>();
  let opened: { dataset: Dataset; vectors: Buffer[] } | undefined;
  try {
    await follow(
      peers,
      async ({ arm, params }) => {
        const endpoint = endpoints[arm];
        if (!endpoint) throw new Error(`the job has no collection ${arm}`);
        if (!opened) {
          const dataset = await openDataset(job.datasetDir);
          opened = { dataset, vectors: encodeQueries(dataset) };
          await isolator.isolate();
        }
        const { dataset, vectors } = opened;
        const bench =
          benches.get(arm) ??
          new SearchBench({
            endpoint,
            rules: endpointRules(endpoint, access),
            dataset,
            limit: job.limit,
            workload: job.workload && onlyReads(job.workload),
            windowSeconds: job.rules.windowSeconds,
            seed: job.seed,
            serverCores: undefined,
            connections: connectionsFor(job.rules),
            signal,
            vectors,
          });
        benches.set(arm, bench);
        return bench.sharer(params);
      },
      signal,
    );
  } finally {
    if (opened) await isolator.release();
    for (const bench of benches.values()) await bench.close();
    opened?.dataset.close();
  }
}
