import type { Job, Message } from '../../loadgen/protocol.ts';
import type { FinalMessage, JobRunner } from '../jobs/job-runner.ts';
import { ExternalTarget } from '../targets/external/external-target.ts';
import type { Target } from '../targets/target.ts';
import type { SweepWorld } from '../sweep/world.ts';
import type { PlayedQdrant } from './played-qdrant.ts';

const DONE: FinalMessage = { type: 'done' };

/** Measured at once: more `hnsw_ef`, better recall and a lower rate. */
function found(id: string, run: string, ef: unknown, repeat: number, stage: 'Recall' | 'Load' | 'Final'): Message {
  const effort = typeof ef === 'number' ? ef : 100;
  const metrics = [{ name: 'recall', value: Math.min(1, 0.9 + effort / 1500) }];
  if (stage !== 'Recall') {
    metrics.push({ name: 'throughput', value: 100_000 / effort + repeat }, { name: 'errorRate', value: 0 });
  }
  return { type: 'search', id, run, repeat, stage, metrics, seconds: 0.1 };
}

/** What a load generator says of a job. */
function* spoken(job: Job, points: number): Generator<Message> {
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

/** The adapters of sweeps, whose load generators measure in no time; `happened` has what was done, in order. */
export class SimulatedWorld {
  readonly happened: string[] = [];
  readonly qdrant: PlayedQdrant;
  /** Called as a job begins; what it throws, or ends with, is how it ends. */
  onRun: (job: Job, signal: AbortSignal) => Promise<FinalMessage | undefined> = () => Promise.resolve(undefined);
  /** Called before clean-up of each part: what it throws is thrown. */
  onCleanUp: (part: 'jobs' | 'target') => Promise<void> = () => Promise.resolve();
  /** A Job that an earlier process left. */
  left: Job | undefined;
  /** Of the dataset. */
  points = 50_000;
  /** The target's, and what jobs got of it. */
  apiKey: string | undefined;
  readonly secrets: unknown[] = [];
  /** What surroundings are seen, if any are looked at. */
  surroundings: unknown;

  constructor(qdrant: PlayedQdrant) {
    this.qdrant = qdrant;
  }

  /** Jobs of this kind go on until their sweep is let go of. */
  hang(kind: Job['kind']): void {
    this.onRun = (job, signal) =>
      job.kind === kind
        ? new Promise((_, reject) =>
            signal.addEventListener('abort', () => {
              this.happened.push('let go of');
              reject(signal.reason as Error);
            }),
          )
        : Promise.resolve(undefined);
  }

  make(): SweepWorld {
    this.happened.push('world');
    const { surroundings } = this;
    return {
      target: this.target(),
      jobs: this.#jobs(),
      ...(surroundings === undefined
        ? {}
        : { surroundings: () => Promise.resolve(() => Promise.resolve(surroundings)) }),
    };
  }

  target(): Target {
    const target = new ExternalTarget(this.qdrant.url, this.apiKey);
    return Object.assign(target, {
      remove: async (collection: string): Promise<void> => {
        this.happened.push('remove collection');
        await ExternalTarget.prototype.remove.call(target, collection);
      },
      dispose: async ({ deleteData }: { deleteData: boolean }): Promise<void> => {
        await this.onCleanUp('target');
        this.happened.push(`dispose ${deleteData}`);
      },
    });
  }

  #jobs(): SweepWorld['jobs'] {
    const run: JobRunner['run'] = async (job, { onMessage, secrets, signal }) => {
      if (secrets) this.secrets.push(secrets);
      this.happened.push(job === this.left ? `listen on ${job.kind}` : `run ${job.kind}`);
      const end = await this.onRun(job, signal);
      signal.throwIfAborted();
      if (end) return end;
      for (const message of spoken(job, this.points)) await onMessage(message);
      await onMessage(DONE);
      if (job === this.left) this.left = undefined;
      return DONE;
    };
    return {
      run,
      pending: () => Promise.resolve(this.left),
      discard: (job) => {
        this.happened.push(`discard ${job.kind}`);
        this.left = undefined;
        return Promise.resolve();
      },
      discardAll: async () => {
        await this.onCleanUp('jobs');
        this.happened.push('discard all');
      },
      forgetDataset: () => {
        this.happened.push('forget dataset');
        return Promise.resolve();
      },
    };
  }
}
