import type { ParameterValue } from './configuration.ts';

/** One axis of the space: the values a parameter may take, in ascending order where they are numbers. */
export interface Dimension {
  name: string;
  values: readonly ParameterValue[];
}

/** The enumerated search space: the product of `build` decides collections, the product of `search` what is asked of each. */
export interface Space {
  build: readonly Dimension[];
  search: readonly Dimension[];
  /** Values every trial shares without being varied (lowered thresholds on small data), by parameter name. The baseline does not take them. */
  fixed: Readonly<Record<string, ParameterValue>>;
  /** Sentences a person should read about how this space came to be. */
  notes: readonly string[];
}

/** What the judge may know of the data. */
export interface DatasetFacts {
  points: number;
  dimensions: number;
  distance: 'Cosine' | 'Dot' | 'Euclid' | 'Manhattan';
  queries: number;
  /** How many segments the target is expected to make. Unknown: 2, the fewest Qdrant aims at (one for two cores, 2 to 8). */
  segments?: number;
}
