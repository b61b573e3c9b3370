import { Random } from './random.ts';
import type { Scenario, Step } from './scenario.ts';
import { apiFaults } from './scenarios/api-faults.ts';
import { byHand, ownQdrant } from './scenarios/by-hand.ts';
import { edits } from './scenarios/edits.ts';
import { kills, severalKills } from './scenarios/kills.ts';
import { leaders } from './scenarios/leaders.ts';
import { outages } from './scenarios/outages.ts';

export interface PlanOptions {
  seed: number;
  /** How many scenarios. More than there are of the planned kind are made up of several deaths each. */
  count: number;
  /** Only those whose name begins so. */
  only?: string;
  /** The operator's writes in an undisturbed run. */
  steps: readonly Step[];
}

/** Every scenario there is: each fault in each phase, and a death at each write. */
export function allScenarios(steps: readonly Step[]): Scenario[] {
  return [...kills(steps), ...outages(), ...apiFaults(), ...edits(), ...byHand(), ...ownQdrant(), ...leaders()];
}

/**
 * Which scenarios a campaign carries out: all there are, in an order the seed gives, so that any part of them is a fair
 * sample; then sweeps that survive several deaths. The same seed and steps, the same plan.
 */
export function planned({ seed, count, only = '', steps }: PlanOptions): Scenario[] {
  const random = new Random(seed);
  const chosen = random.shuffled(allScenarios(steps)).filter(({ name }) => name.startsWith(only));
  const several = 'kill/several/';
  if (steps.length > 0 && (several.startsWith(only) || only.startsWith(several))) {
    for (let index = 1; chosen.length < count; index += 1) {
      const scenario = severalKills(steps, random, index);
      if (scenario.name.startsWith(only)) chosen.push(scenario);
      if (index > MOST) break;
    }
  }
  return chosen.slice(0, count);
}

const MOST = 100_000;

/** A few of each group, in the order the seed gives: what is always worth its minutes. */
export function sample(seed: number, steps: readonly Step[], shares: Readonly<Record<string, number>>): Scenario[] {
  const all = new Random(seed).shuffled(allScenarios(steps));
  return Object.entries(shares).flatMap(([group, share]) =>
    all.filter(({ name }) => groupOf(name) === group).slice(0, share),
  );
}

/** What the name of a scenario begins with: `kill`, `api`. */
export const groupOf = (name: string): string => name.split('/', 1)[0] ?? '';
