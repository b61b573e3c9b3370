import { BENCH_VERSION } from '../operator/version.ts';
import { StoreError } from '../operator/runs/run-store.ts';
import { RecordError } from '../operator/runs/storable.ts';
import { parseArguments, UsageError } from './arguments.ts';
import { createLogger } from '../operator/logger.ts';
import { EXIT, stoppedExit } from './exit-codes.ts';
import { HELP } from './help.ts';
import { InvalidInput } from './input.ts';
import type { Io } from './run.ts';

/** Carries out a command line and returns the exit code; everything it says goes through `io`. */
export async function cli(argv: readonly string[], io: Omit<Io, 'log'>): Promise<number> {
  try {
    // Loaded when asked for: whoever measures has no store in memory.
    const [tool = '', ...rest] = argv[0] === 'help' ? [argv[1] ?? '', '--help'] : argv;
    if (tool === 'load') return await (await import('./load.ts')).load(rest, io);
    if (tool === 'ingest') return await (await import('./ingest.ts')).ingest(rest, io);
    const args = parseArguments(argv);
    const full: Io = { ...io, log: createLogger(args.logLevel, 2) };
    switch (args.command) {
      case 'run':
        return await (await import('./run.ts')).run(args, full);
      case 'list':
        return await (await import('./list.ts')).list(args, full);
      case 'show':
        return await (await import('./show.ts')).show(args, full);
      case 'version':
        io.out(`${BENCH_VERSION}\n`);
        return 0;
      default:
        io.out(HELP);
        return 0;
    }
  } catch (error) {
    const { message, stack = '' } = error as Error;
    io.progress.write(`qdrant-bench: ${message}\n`);
    if (error instanceof UsageError || error instanceof InvalidInput || error instanceof RecordError)
      return EXIT.invalidInput;
    if (error instanceof StoreError) return stoppedExit(error.reason);
    io.progress.write(`${stack}\n`);
    return EXIT.ourFault;
  }
}
