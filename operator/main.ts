import { parseArgs } from 'node:util';

// Heard from the first moment on. What the operator is made of takes a while to load, and the first process of a
// container is not even ended by a signal it does not listen to.
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(name)));

const HELP = `node operator/main.ts

The Qdrant Bench operator: carries out the QdrantSweeps of a Kubernetes cluster. The Helm chart installs it and sets its
environment (QDRANT_BENCH_…; operator/config.ts has them all). Serves /metrics, /livez and /readyz. Several may run: one
leads, the others stand by.

  --help     this text
  --version  the version
`;

async function main(): Promise<number> {
  let values: { help?: boolean; version?: boolean };
  try {
    ({ values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } } }));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  const { BENCH_VERSION } = await import('./version.ts');
  if (values.help || values.version) {
    process.stdout.write(values.help ? HELP : `${BENCH_VERSION}\n`);
    return 0;
  }
  const { ConfigError, readConfig } = await import('./config.ts');
  const { createLogger } = await import('./logger.ts');
  let log = createLogger('info', 1, 'operator');
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'a fault that nobody caught'));
  try {
    const config = readConfig(process.env);
    log = createLogger(config.QDRANT_BENCH_LOG_LEVEL, 1, 'operator');
    const { operate } = await import('./operate.ts');
    await operate(config, log, stop.signal);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    if (error instanceof ConfigError) log.fatal(error.message);
    else log.fatal({ err: error }, 'the operator cannot go on');
    return error instanceof ConfigError ? 64 : 1;
  }
}

process.exit(await main());
