import type { Scenario, Variant } from '../scenario.ts';

/** Nothing happens: what every other scenario of that variant has to come to. */
export const undisturbed = (variant: Variant): Scenario => ({
  name: `undisturbed/${variant}`,
  variant,
  ends: 'Completed',
});
