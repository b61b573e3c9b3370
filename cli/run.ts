import type { Logger } from 'pino';
import { BENCH_VERSION } from '../operator/version.ts';
import { openRunStore } from '../operator/runs/open-store.ts';
import { conductSweep, type Conclusion } from '../operator/sweep/conduct.ts';
import type { Arguments } from './arguments.ts';
import { createJobRunner, createTarget, datasetSecrets } from './compose.ts';
import { exitCode } from './exit-codes.ts';
import { readSweep } from './input.ts';
import { placesOf } from './places.ts';
import type { ProgressSink } from './live-line.ts';
import { Progress } from './progress.ts';
import { resultText } from './table.ts';
import { sweepObject } from './sweep-object.ts';

/** What a command needs of the process around it. */
export interface Io {
  env: NodeJS.ProcessEnv;
  out: (text: string) => void;
  progress: ProgressSink;
  log: Logger;
  signal: AbortSignal;
}

/** `qdrant-bench run`: from the file to the verdict. Returns the exit code. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const sweep = await readSweep(args.subject, args);
  const places = placesOf(args.store, io.env);
  const progress = new Progress(io.progress);
  const say = (message: string): void => progress.handle({ type: 'phase', message });
  const target = createTarget(sweep, places, {
    env: io.env,
    fromFlag: args.qdrant !== undefined,
    onProgress: say,
    signal: io.signal,
  });
  const secrets = datasetSecrets(sweep, io.env);
  const store = openRunStore(places.record, { onWait: say, signal: io.signal });
  store.catch(() => undefined); // whoever awaits it hears of it
  let conclusion: Conclusion;
  try {
    conclusion = await conductSweep(
      {
        sweep,
        datasetCache: places.datasets,
        benchVersion: BENCH_VERSION,
        onStatus: (status) => progress.estimate(status.progress.estimatedCompletionAt),
      },
      {
        store,
        target,
        jobs: createJobRunner(io.log),
        datasetSecrets: () => Promise.resolve(secrets),
        now: () => new Date(),
        log: io.log,
        onEvent: (event) => progress.handle(event),
      },
      io.signal,
    );
  } finally {
    progress.end();
    await target.dispose({ deleteData: false });
    await store
      .then((open) => open.close())
      .catch((error: unknown) => io.log.warn({ err: error }, 'the store did not close cleanly'));
  }
  if (args.output === 'json')
    io.out(`${JSON.stringify(sweepObject(sweep, conclusion.status, conclusion.history), null, 2)}\n`);
  else io.out(`\n${resultText(conclusion.status)}\n`);
  if (conclusion.stopped) io.progress.write(`${conclusion.stopped}: ${conclusion.message}\n`);
  return exitCode(conclusion);
}
