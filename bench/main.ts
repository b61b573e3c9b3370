import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HELP, readArguments, type Asked } from './arguments.ts';
import { benchClient } from './client.ts';
import { benchHonesty } from './load/honesty.ts';
import { benchIngest } from './load/ingest.ts';
import { benchMillion } from './load/million.ts';
import { machine } from './machine.ts';
import { benchOperator, measureParts, writePromises } from './operator/operator.ts';

// Figures, not assertions: ratios within one run against a peer or a limit, written with machine and versions.

function save(name: string, results: object): void {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(results, null, 2)}\n`);
  process.stderr.write(`written to bench/results/${name}.json\n`);
}

const say = (line: string): void => void process.stderr.write(`  ${line}\n`);

async function operator({ long, only }: Asked, signal: AbortSignal): Promise<void> {
  const options = { long, signal };
  if (only !== undefined) {
    process.stdout.write(`${JSON.stringify(await measureParts(say, [only], options), null, 2)}\n`);
    return;
  }
  const run = { ...machine(), results: await benchOperator(say, options) };
  save('operator', run);
  writePromises(run);
}

/** False when somebody ended it: what it had started is stopped then. */
async function untilStopped(run: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(name)));
  try {
    await run(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  return !stop.signal.aborted;
}

async function main(): Promise<number> {
  let asked: Asked;
  try {
    asked = readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (asked.help) {
    process.stdout.write(HELP);
    return 0;
  }
  for (const name of asked.names) {
    process.stderr.write(`${name} …\n`);
    if (name === 'client') save(name, { ...machine(), results: await benchClient(say) });
    else if (name === 'honesty') save(name, { ...machine(), results: await benchHonesty(say) });
    else if (name === 'ingest') save(name, { ...machine(), results: await benchIngest(say) });
    else if (name === '1m') save(name, { ...machine(), results: await benchMillion(say) });
    else if (!(await untilStopped((signal) => operator(asked, signal)))) return 130;
  }
  return 0;
}

process.exit(await main());
