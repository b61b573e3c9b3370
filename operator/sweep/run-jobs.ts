import type { FinalsJob, MeasureJob } from '../../loadgen/protocol.ts';
import type { Parameters } from '../judge/configuration.ts';
import { judgeRun } from '../judge/judge-search.ts';
import type { Metric } from '../judge/metrics.ts';
import { JobLost, type JobSecret } from '../jobs/job-runner.ts';
import type { Attempt } from '../runs/run-store.ts';
import type { TargetServer } from '../targets/target.ts';
import { API_KEY_ENV, type SweepContext } from './context.ts';
import { SweepStopped, type SweepPorts } from './ports.ts';
import { recorder } from './record-messages.ts';
import type { Observed } from './state.ts';

/** Attempts at one run within one process before it is recorded as an Error and the sweep goes on without it. */
const MAX_FAILURES = 3;

/** Runs a build's job, or listens on to one that runs, until everything it found is in the record; then judges the run. */
export async function measure(
  job: MeasureJob,
  attempt: Attempt,
  build: Parameters,
  server: TargetServer,
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
  attending = false,
): Promise<void> {
  const { store, target, now } = ports;
  const handler = recorder(observed, context, ports, (message) => {
    const search = job.searches.find((item) => item.id === message.id);
    return search && { run: job.run, attempt: job.attempt, build, search: search.search };
  });
  // Of a job that is attended to its end, what was built may have been heard already.
  let lookAgain = attending ? await ports.surroundings?.(signal) : undefined;
  try {
    const end = await ports.jobs.run(job, {
      secrets: secrets(server),
      signal,
      onMessage: async (message) => {
        if (message.type === 'built') {
          await store.recordBuilt(context.experiment, attempt, message.metrics as Metric[], {
            config: message.applied,
            segments: message.segments,
            indexedVectors: message.indexedVectors,
            ignored: message.ignored,
          });
          lookAgain ??= await ports.surroundings?.(signal);
        }
        // The last word: its pod is still there to be looked at.
        if (message.type === 'done' && lookAgain) {
          await store.recordSurroundings(context.experiment, attempt, await lookAgain(signal));
        }
        await handler(message);
      },
    });
    if (end.type === 'failed') throw new JobLost(`${end.reason}: ${end.message}`);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof JobLost)) throw error;
    await attemptFailed(attempt, error, context, ports, signal);
    await ports.jobs.discard(job, signal);
    return;
  } finally {
    await target.rest(attempt.collection);
  }
  const searches = (await store.history(context.experiment)).searches.filter((search) => search.run === job.run);
  await store.finishRun(context.experiment, attempt, { ...judgeRun(searches), finishedAt: now().toISOString() });
}

export async function measureFinals(
  job: FinalsJob,
  observed: Observed,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  const { target } = ports;
  const collections = job.arms.map(({ endpoint: { collection } }) => collection);
  try {
    const server = await target.open(collections[0] as string, signal);
    const handler = recorder(observed, context, ports, (message) => {
      const arm = job.arms.find((item) => item.ids.includes(message.id));
      const run = observed.study.history.runs.find(({ id }) => id === arm?.run);
      return arm && { run: arm.run, attempt: run?.attempt ?? 1, build: run?.build ?? {}, search: arm.search };
    });
    const end = await ports.jobs.run(job, { secrets: secrets(server), signal, onMessage: handler });
    if (end.type === 'failed') throw new JobLost(`${end.reason}: ${end.message}`);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof JobLost)) throw error;
    await ports.jobs.discard(job, signal);
    countFailure('finals', 1, error, context, ports);
    if ((context.failures.get('finals') ?? 0) >= MAX_FAILURES) {
      throw new SweepStopped('Internal', `the finals failed ${MAX_FAILURES} times, last: ${error.message}`, {
        cause: error,
      });
    }
  } finally {
    for (const collection of collections) await target.rest(collection);
  }
}

/**
 * Records a failed attempt as Inconclusive, which is measured by another attempt; after too many, as an Error. An
 * unreachable target is nobody's failure and stops the sweep.
 */
async function attemptFailed(
  attempt: Attempt,
  error: JobLost,
  context: SweepContext,
  ports: SweepPorts,
  signal: AbortSignal,
): Promise<void> {
  if (error.message.startsWith('TargetUnreachable')) await ports.target.describe(signal);
  countFailure(attempt.run, attempt.attempt, error, context, ports);
  const again = (context.failures.get(attempt.run) ?? 0) < MAX_FAILURES;
  const finishedAt = ports.now().toISOString();
  const told = again
    ? `attempt ${attempt.attempt}: ${error.message}`
    : `${MAX_FAILURES} attempts failed, the last with: ${error.message}`;
  await ports.store.finishRun(context.experiment, attempt, {
    verdict: again ? 'Inconclusive' : 'Error',
    reason: !again && error.message.startsWith('BuildFailed') ? 'BuildFailed' : 'Disrupted',
    message: told.slice(0, 1024),
    finishedAt,
  });
}

function countFailure(
  run: string,
  attempt: number,
  error: Error,
  context: SweepContext,
  { onEvent, log }: SweepPorts,
): void {
  context.failures.set(run, (context.failures.get(run) ?? 0) + 1);
  log.warn({ run, attempt, error: error.message }, 'attempt failed');
  onEvent({ type: 'attemptFailed', run, attempt, message: error.message });
}

const secrets = ({ apiKey }: TargetServer): Record<string, JobSecret> => (apiKey ? { [API_KEY_ENV]: apiKey } : {});
