import { writeFileSync } from 'node:fs';
import { HELP, readArguments, type Arguments } from './arguments.ts';
import { chosenBy, runCampaign } from './campaign.ts';
import { runDataCampaign } from './data/data-campaign.ts';
import { localCampaign } from './local.ts';
import { exitCodeOf, textOf } from './report.ts';
import { startWorld } from './world.ts';

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

/** Long fault campaigns; npm test runs a short form of each. */
async function main(given: Arguments): Promise<number> {
  switch (given.kind) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'refused':
      tell(given.message);
      return 2;
    case 'local':
      return localCampaign(given.seed, given.count);
    case 'data':
      return data(given);
    case 'runtime':
      return runtime(given);
  }
}

/** Told by the first signal; what runs is ended then. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      tell('stopping; what runs is ended first');
      stop.abort(new Error(name));
    });
  }
  return stop.signal;
}

async function data({ seed, rounds, only, output }: Extract<Arguments, { kind: 'data' }>): Promise<number> {
  const signal = stopSignal();
  try {
    const outcomes = await runDataCampaign({
      seed,
      rounds,
      rates: true,
      say: tell,
      signal,
      ...(only === undefined ? {} : { only }),
    });
    if (output !== undefined) writeFileSync(output, `${JSON.stringify(outcomes, undefined, 2)}\n`);
    const failed = outcomes.filter(({ problems }) => problems.length > 0).length;
    const skipped = outcomes.filter((outcome) => outcome.skipped !== undefined).length;
    process.stdout.write(`${outcomes.length - failed - skipped} came through, ${failed} did not, ${skipped} skipped\n`);
    return failed > 0 || outcomes.length === 0 ? 1 : 0;
  } catch (error) {
    if (signal.aborted) return 130;
    throw error;
  }
}

async function runtime(given: Extract<Arguments, { kind: 'runtime' }>): Promise<number> {
  const signal = stopSignal();
  const world = await startWorld({ onProgress: tell, signal });
  try {
    const { seed, parallel } = given;
    const report = await runCampaign(world, { seed, parallel, choose: chosenBy(given), onProgress: tell });
    process.stdout.write(textOf(report));
    if (given.output !== undefined) writeFileSync(given.output, `${JSON.stringify(report, undefined, 2)}\n`);
    for (const problem of world.problems) tell(`the played cluster: ${problem}`);
    const failed = exitCodeOf(report) !== 0 || world.problems.length > 0;
    if (failed) tell(`logs of the operators are in ${world.keepLogs()}`);
    if (signal.aborted) return 130;
    return failed ? 1 : 0;
  } finally {
    await world.stop();
  }
}

process.exit(await main(readArguments(process.argv.slice(2))));
