import { z } from 'zod';
import { errorText, JobError } from './job-error.ts';
import { runFinalsJob } from './jobs/finals-job.ts';
import { runFollowerJob } from './jobs/follower-job.ts';
import { runMeasureJob } from './jobs/measure-job.ts';
import { runPrepareJob } from './jobs/prepare-job.ts';
import type { JobContext } from './jobs/deps.ts';
import { Leader } from './peers/barrier.ts';
import { jobSchema, type FailedMessage, type Job } from './protocol.ts';
import { RestError } from './rest.ts';

/** Exit codes of the process. */
export const EXIT = { done: 0, failed: 1, terminated: 143 } as const;

/**
 * Carries out one job, given as JSON text, and publishes everything it finds, ending with `done` or `failed`; nothing is
 * published after the signal. One that shares a job and does not lead publishes nothing.
 * @returns the exit code.
 */
export async function runJob(text: string, context: JobContext): Promise<number> {
  const { peers } = context;
  const follows = peers !== undefined && peers.pod > 0;
  try {
    const job = parseJob(text);
    if (follows && job.kind !== 'Prepare') await runFollowerJob(job, peers, context);
    else await lead(job, context);
    context.signal.throwIfAborted();
    if (!follows) await context.publish({ type: 'done' });
    return EXIT.done;
  } catch (error) {
    if (context.signal.aborted) return EXIT.terminated;
    const failed = failure(error);
    context.note(
      `${failed.reason}: ${error instanceof JobError ? failed.message : ((error as Error).stack ?? failed.message)}`,
    );
    // Whoever leads has heard of it, or is gone: then its end says so.
    if (!follows) await context.publish(failed);
    return EXIT.failed;
  }
}

/** Carries the job out; where others share it, they may go when it is over, however it ends. */
async function lead(job: Job, context: JobContext): Promise<void> {
  if (!context.peers) return dispatch(job, context);
  const leader = new Leader(context.peers, context.signal);
  try {
    await dispatch(job, { ...context, leader });
  } finally {
    if (!context.signal.aborted) await leader.end();
  }
}

function dispatch(job: Job, context: JobContext): Promise<void> {
  switch (job.kind) {
    case 'Prepare':
      return runPrepareJob(job, context);
    case 'Measure':
      return runMeasureJob(job, context);
    case 'Finals':
      return runFinalsJob(job, context);
  }
}

function parseJob(text: string): Job {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new JobError('Internal', `the job is not JSON: ${errorText(error)}`, { cause: error });
  }
  const parsed = jobSchema.safeParse(value);
  if (!parsed.success) throw new JobError('Internal', `the job is not valid: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** What is said of an error: a job's own words; a server's refusal; else a fault of ours. */
export function failure(error: unknown): FailedMessage {
  const message = errorText(error).slice(0, 4096);
  if (error instanceof JobError) return { type: 'failed', reason: error.reason, message };
  if (error instanceof RestError) {
    const unreachable = error.retryable || error.status === 401 || error.status === 403;
    return { type: 'failed', reason: unreachable ? 'TargetUnreachable' : 'BuildFailed', message };
  }
  return { type: 'failed', reason: 'Internal', message };
}
