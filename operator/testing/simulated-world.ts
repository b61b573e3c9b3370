import { ANYWHERE } from '../../loadgen/net/address-rules.ts';
import type { Job } from '../../loadgen/protocol.ts';
import type { FinalMessage, JobRunner } from '../jobs/job-runner.ts';
import { ExternalTarget } from '../targets/external/external-target.ts';
import type { Target } from '../targets/target.ts';
import type { SweepWorld } from '../sweep/world.ts';
import type { PlayedQdrant } from './played-qdrant.ts';
import { spoken } from './spoken.ts';

const DONE: FinalMessage = { type: 'done' };

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
    const target = new ExternalTarget({
      url: this.qdrant.url,
      ...(this.apiKey ? { apiKey: this.apiKey } : {}),
      rules: ANYWHERE,
    });
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
