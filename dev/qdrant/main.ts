import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureEngineBinary } from './engine-binary.ts';
import { cacheRoot } from './engine-cache.ts';
import { startEngine } from './engine.ts';

const help = `Runs a Qdrant server in the foreground, until Ctrl-C.

  npm run qdrant -- [--port N] [--host ADDRESS] [--data-dir FOLDER]

  --port N           port to listen on (6333; 0 picks a free one)
  --host ADDRESS     address to listen on (127.0.0.1)
  --data-dir FOLDER  where the data stays (in the user's cache folder)
  --help             this text

Set QDRANT__SERVICE__API_KEY to demand an api-key, QDRANT_BIN to run a binary of your own.
`;

/** Runs the command line; resolves with the exit code. */
export async function main(args: string[], out: (line: string) => void, stop: AbortSignal): Promise<number> {
  let options;
  try {
    options = parseArgs({
      args,
      options: {
        port: { type: 'string', default: '6333' },
        host: { type: 'string', default: '127.0.0.1' },
        'data-dir': { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    out(error instanceof Error ? error.message : String(error));
    out('Try --help.');
    return 2;
  }
  if (options.help) {
    out(help);
    return 0;
  }
  const port = Number(options.port);
  if (!/^\d+$/.test(options.port) || port > 65_535) {
    out(`--port is \`${options.port}\`, expected a port from 0 to 65535.`);
    return 2;
  }
  try {
    const binary = await ensureEngineBinary({ onProgress: out, signal: stop });
    const engine = await startEngine({
      binary: binary.path,
      dataDir: options['data-dir'] ?? join(cacheRoot(process.env), 'qdrant-data'),
      host: options.host,
      port,
      onLog: out,
      signal: stop,
    });
    out(`Qdrant ${engine.version} (${binary.source}) serves at ${engine.url}`);
    const onStop = (): void => void engine.stop();
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    const exit = await engine.exited;
    return stop.aborted ? 0 : (exit.code ?? 1);
  } catch (error) {
    if (stop.aborted) return 0;
    out(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  process.exitCode = await main(process.argv.slice(2), (line) => console.log(line), stop.signal);
}
