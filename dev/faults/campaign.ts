import { planned } from './plan.ts';
import { reportOf, type Report } from './report.ts';
import { runScenario, type Outcome, type Scenario, type Step, type Variant } from './scenario.ts';
import { undisturbed } from './scenarios/undisturbed.ts';
import type { World } from './world.ts';

export interface CampaignOptions {
  seed: number;
  /** Chooses the scenarios, once it is known which writes there are to die at. */
  choose: (steps: readonly Step[]) => Scenario[];
  /** Scenarios at the same time. */
  parallel: number;
  /** Told of each scenario as it ends. */
  onProgress?: (line: string) => void;
}

/** Carries out scenarios in a world, each in namespaces of its own, and reports. Stops early when the world does. */
export async function runCampaign(world: World, options: CampaignOptions): Promise<Report> {
  const { seed, choose, parallel, onProgress = () => undefined } = options;
  onProgress('carrying out undisturbed sweeps');
  const base = await runScenario(world, undisturbed('base'), 'undisturbed-base', undefined);
  const steps = base.steps;
  const scenarios = choose(steps);
  const references = new Map<Variant, Outcome>([['base', base]]);
  for (const variant of new Set(scenarios.map((scenario) => scenario.variant))) {
    if (references.has(variant)) continue;
    references.set(variant, await runScenario(world, undisturbed(variant), `undisturbed-${variant}`, undefined));
  }
  const outcomes: Outcome[] = [...references.values()];
  let done = 0;
  const carryOut = async (scenario: Scenario, number: number): Promise<void> => {
    const wanted = references.get(scenario.variant)?.form;
    const outcome = await runScenario(world, scenario, `faults-${number}`, wanted);
    done += 1;
    // What was cut short by the end of the campaign says nothing.
    if (world.signal.aborted) return;
    outcomes.push(outcome);
    onProgress(lineOf(outcome, done, scenarios.length));
  };
  const numbered = scenarios.map((scenario, index) => ({ scenario, number: index + 1 }));
  const together = numbered.filter(({ scenario }) => !scenario.alone);
  const worker = async (): Promise<void> => {
    for (let next = together.shift(); next && !world.signal.aborted; next = together.shift()) {
      await carryOut(next.scenario, next.number);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  for (const { scenario, number } of numbered) {
    if (scenario.alone && !world.signal.aborted) await carryOut(scenario, number);
  }
  const killed = new Set(
    outcomes.flatMap(({ name, happened }) => {
      const [, step] = /^kill\/kill-[a-z-]+\/(\d+)$/.exec(name) ?? [];
      return step !== undefined && happened ? [step] : [];
    }),
  );
  const undisturbedSeconds = ({ name }: Outcome): number => {
    const variant = scenarios.find((scenario) => scenario.name === name)?.variant ?? 'base';
    return name.startsWith('undisturbed/') ? Infinity : (references.get(variant)?.seconds ?? 0);
  };
  return reportOf(seed, outcomes, undisturbedSeconds, { seen: steps.length, killed: killed.size });
}

/** A campaign of so many scenarios, of all kinds or of one. */
export const chosenBy =
  ({ seed, count, only }: { seed: number; count: number; only?: string }) =>
  (steps: readonly Step[]): Scenario[] =>
    planned({ seed, count, steps, ...(only === undefined ? {} : { only }) });

function lineOf({ name, violations, happened, seconds }: Outcome, done: number, of: number): string {
  const mark = violations.length > 0 ? '✗' : happened ? '✓' : '·';
  const why = violations.map(({ kind, what }) => `\n    ${kind}: ${what}`).join('');
  return `${mark} ${String(done).padStart(String(of).length)}/${of} ${name} (${seconds.toFixed(1)} s)${happened ? '' : ': met nothing'}${why}`;
}
