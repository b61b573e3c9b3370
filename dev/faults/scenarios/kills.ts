import type { Scenario, Step } from '../scenario.ts';
import type { Random } from '../random.ts';

const MODES = ['kill-after', 'kill-before-answer'] as const;

const fault = (mode: string, number: number): Record<string, string> => ({
  QDRANT_BENCH_FAULT: `${mode}:${number}`,
  QDRANT_BENCH_FAULT_ALLOWED: 'yes',
});

/** The operator dies at each of its writes: once it has been answered, and before it hears the answer. */
export function kills(steps: readonly Step[]): Scenario[] {
  return MODES.flatMap((mode) => steps.map(({ number }) => kill(`${mode}/${number}`, [fault(mode, number)])));
}

/** It dies at some write, and whoever comes after it at another one, up to three in a row. */
export function severalKills(steps: readonly Step[], random: Random, index: number): Scenario {
  const deaths = Array.from({ length: 2 + random.below(2) }, () =>
    fault(random.pick(MODES), 1 + random.below(steps.length)),
  );
  return kill(`several/${index}`, deaths);
}

function kill(name: string, deaths: readonly Readonly<Record<string, string>>[]): Scenario {
  return {
    name: `kill/${name}`,
    variant: 'base',
    ends: 'Completed',
    quickLease: true,
    environment: (start) => deaths[start - 1] ?? {},
    arrange: (stage) => stage.expectDeaths(),
    happened: ({ operators }) => operators[0]?.process.exit?.signal === 'SIGKILL',
  };
}
