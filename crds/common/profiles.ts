/** How the rate of an open load goes over its window. */
export const PROFILES = ['Constant', 'Ramp', 'Steps', 'Spike', 'Soak'] as const;
export type Profile = (typeof PROFILES)[number];
