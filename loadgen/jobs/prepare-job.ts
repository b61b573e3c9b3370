import { prepareDataset } from '../datasets/prepare.ts';
import { Progress } from '../progress.ts';
import type { PrepareJob } from '../protocol.ts';
import type { JobContext } from './deps.ts';

/** Fetch or make the dataset, check it, have its ground truth. Publishes `prepared`. */
export async function runPrepareJob(job: PrepareJob, { publish, signal, access }: JobContext): Promise<void> {
  const progress = new Progress(publish);
  const prepared = await prepareDataset(job, {
    progress: (phase, done, total, detail) => progress.say(phase, done, total, detail),
    signal,
    access,
  });
  await progress.flush();
  await publish({ type: 'prepared', ...prepared });
}
