import { writeFileSync } from 'node:fs';
import { HELP, readArguments, type Arguments } from './arguments.ts';
import { chosenBy, runCampaign } from './campaign.ts';
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
    case 'runtime':
      return runtime(given);
  }
}

async function runtime(given: Extract<Arguments, { kind: 'runtime' }>): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      tell('stopping; what runs is ended first');
      stop.abort(new Error(name));
    });
  }
  const world = await startWorld({ onProgress: tell, signal: stop.signal });
  try {
    const { seed, parallel } = given;
    const report = await runCampaign(world, { seed, parallel, choose: chosenBy(given), onProgress: tell });
    process.stdout.write(textOf(report));
    if (given.output !== undefined) writeFileSync(given.output, `${JSON.stringify(report, undefined, 2)}\n`);
    for (const problem of world.problems) tell(`the played cluster: ${problem}`);
    const failed = exitCodeOf(report) !== 0 || world.problems.length > 0;
    if (failed) tell(`logs of the operators are in ${world.keepLogs()}`);
    if (stop.signal.aborted) return 130;
    return failed ? 1 : 0;
  } finally {
    await world.stop();
  }
}

process.exit(await main(readArguments(process.argv.slice(2))));
