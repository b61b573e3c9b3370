import type { Job, Message } from '../../loadgen/protocol.ts';

/** Measured at once: more `hnsw_ef`, better recall and a lower rate. */
function found(id: string, run: string, ef: unknown, repeat: number, stage: 'Recall' | 'Load' | 'Final'): Message {
  const effort = typeof ef === 'number' ? ef : 100;
  const metrics = [{ name: 'recall', value: Math.min(1, 0.9 + effort / 1500) }];
  if (stage !== 'Recall') {
    metrics.push({ name: 'throughput', value: 100_000 / effort + repeat }, { name: 'errorRate', value: 0 });
  }
  return { type: 'search', id, run, repeat, stage, metrics, seconds: 0.1 };
}

/** What a load generator says of a job, but for its last word; the same whenever it is the same job. */
export function* spoken(job: Job, points: number): Generator<Message> {
  if (job.kind === 'Prepare') {
    yield { type: 'progress', phase: 'Generating', done: 1, total: 2 };
    yield {
      type: 'prepared',
      datasetDir: '/datasets/1',
      digest: 'sha256:1',
      points,
      dimensions: 128,
      queries: 500,
      distance: 'Cosine',
    };
  } else if (job.kind === 'Measure') {
    yield { type: 'built', metrics: [], applied: {}, segments: 1, indexedVectors: points, ignored: [] };
    const known = new Map(job.done.map(({ id, stage }) => [id, stage]));
    for (const { id, params } of job.searches) {
      if (!known.has(id)) yield found(id, job.run, params['hnsw_ef'], 0, 'Recall');
      if (known.get(id) !== 'Load') yield found(id, job.run, params['hnsw_ef'], 0, 'Load');
    }
  } else {
    for (const arm of job.arms) {
      for (const [index, id] of arm.ids.entries()) {
        if (!job.done.includes(id)) yield found(id, arm.run, arm.params['hnsw_ef'], index + 1, 'Final');
      }
    }
  }
}
