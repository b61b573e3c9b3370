import { JobError } from '../loadgen/job-error.ts';
import type { LoadReport } from '../loadgen/tool/load-report.ts';
import { EXIT } from './exit-codes.ts';
import { LiveLine } from './live-line.ts';
import type { Io } from './run.ts';
import { errorExit, verdictExit } from './tool-exit.ts';

/**
 * What `load` and `ingest` have in common: progress on standard error, the report on standard output, the exit code.
 * @param interrupted said when the user has stopped it.
 */
export async function toolCommand<R extends Pick<LoadReport, 'verdict' | 'reason' | 'message'>>(
  io: Omit<Io, 'log'>,
  options: { output: 'text' | 'json'; interrupted: string; text: (report: R) => string },
  work: (live: LiveLine) => Promise<R>,
): Promise<number> {
  const live = new LiveLine(io.progress);
  let report: R;
  try {
    report = await work(live);
  } catch (error) {
    live.end();
    if (io.signal.aborted) {
      io.progress.write(`interrupted: ${options.interrupted}\n`);
      return EXIT.resumable;
    }
    if (!(error instanceof JobError)) throw error;
    io.progress.write(`qdrant-bench: ${error.message}\n`);
    return errorExit(error);
  }
  live.end();
  io.out(options.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : `${options.text(report)}\n`);
  return verdictExit(report);
}
