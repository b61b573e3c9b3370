import type { LoadReport } from '../loadgen/tool/load-report.ts';
import { runLoad } from '../loadgen/tool/run-load.ts';
import { BENCH_VERSION } from '../operator/version.ts';
import { LOAD_HELP } from './help.ts';
import { parseLoad } from './load-arguments.ts';
import { loadText } from './load-text.ts';
import type { Io } from './run.ts';
import { apiKey } from './server-flags.ts';
import { toolCommand } from './tool-command.ts';

/** `qdrant-bench load`: queries at a rate, or so many at a time, against a collection that is there. Returns the exit code. */
export async function load(argv: readonly string[], io: Omit<Io, 'log'>): Promise<number> {
  const args = parseLoad(argv);
  if (args === 'help') {
    io.out(LOAD_HELP);
    return 0;
  }
  const key = await apiKey(args, io.env);
  const whole = args.warmupSeconds + args.durationSeconds;
  const interrupted = 'nothing is printed, for part of a load is no result';
  return await toolCommand<LoadReport>(io, { output: args.output, interrupted, text: loadText }, (live) =>
    runLoad(
      { ...args, benchVersion: BENCH_VERSION, ...(key === undefined ? {} : { apiKey: key }) },
      {
        signal: io.signal,
        say: (text) => live.line(text),
        onSecond: ({ second, achievedRate, latencyP95, errors }) => {
          const phase = second < args.warmupSeconds ? 'warming up' : 'loading';
          const rate = args.load.arrivals === 'Closed' ? '' : ` of ${args.load.rate}`;
          const failed = errors > 0 ? `, ${errors} errors` : '';
          const p95 = `p95 ${latencyP95.toFixed(2)} ms`;
          live.move(
            `${phase} ${Math.min(second + 1, Math.ceil(whole))}/${whole} s, ${achievedRate}${rate}/s, ${p95}${failed}`,
          );
        },
      },
    ),
  );
}
