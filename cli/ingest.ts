import { humanDuration } from '../crds/duration.ts';
import { runIngest, type IngestReport } from '../loadgen/tool/run-ingest.ts';
import { collectionBody } from './collection-body.ts';
import { INGEST_HELP } from './help.ts';
import { parseIngest } from './ingest-arguments.ts';
import { ingestText } from './ingest-text.ts';
import type { Io } from './run.ts';
import { apiKey } from './server-flags.ts';
import { toolCommand } from './tool-command.ts';

/** `qdrant-bench ingest`: a file's rows into a collection, until it is ready. Returns the exit code. */
export async function ingest(argv: readonly string[], io: Omit<Io, 'log'>): Promise<number> {
  const args = parseIngest(argv);
  if (args === 'help') {
    io.out(INGEST_HELP);
    return 0;
  }
  const key = await apiKey(args, io.env);
  const body = await collectionBody(args.config, args.set);
  const interrupted = 'what was sent stays; the same command with --resume goes on with the missing rows';
  return await toolCommand<IngestReport>(io, { output: args.output, interrupted, text: ingestText }, (live) =>
    runIngest(
      { ...args, body, ...(key === undefined ? {} : { apiKey: key }) },
      {
        signal: io.signal,
        say: (text) => live.line(text),
        onUpload: ({ rows, total, rate, batchRows, parallel }) => {
          const speed =
            rate === undefined ? '' : `, ${rate.toFixed(0)}/s, ${humanDuration((total - rows) / rate)} left`;
          const share = Math.floor((100 * rows) / total);
          live.move(`uploading ${rows}/${total} (${share} %)${speed}, ${parallel} × ${batchRows} rows`);
        },
        onIndexing: (indexed, points, why) => live.move(`waiting for the index ${indexed}/${points}, ${why}`),
      },
    ),
  );
}
