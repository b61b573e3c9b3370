import type { z } from 'zod';
import { AGE, conditionColumn, resource, sameTarget, untilPrepared, type Kind } from '../common/resource.ts';
import { TARGET_KINDS } from '../common/target.ts';
import { experimentSpecSchema } from './experiment-spec.ts';
import { experimentStatusSchema } from './experiment-status.ts';

/** An EmbeddingExperiment as a user writes it. */
export const experimentSchema = resource('EmbeddingExperiment', experimentSpecSchema);

export type EmbeddingExperiment = z.output<typeof experimentSchema>;

export const EXPERIMENT: Kind = {
  kind: 'EmbeddingExperiment',
  plural: 'embeddingexperiments',
  singular: 'embeddingexperiment',
  shortName: 'emx',
  description:
    'An experiment that finds out which embedding model, chunking and retrieval find the right documents: it builds a collection for each arm, asks the same queries of all and compares the answers.',
  schema: experimentSchema,
  status: experimentStatusSchema,
  carriedOut: false,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the experiment stands.' },
    { name: 'Arms', type: 'integer', jsonPath: '.status.progress.arms', description: 'Arms there are.' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.progress.ready', description: 'Arms that are ready.' },
    { name: 'Winner', type: 'string', jsonPath: '.status.winner.arm', description: 'The arm to use.' },
    { name: 'By', type: 'string', jsonPath: '.status.winner.by', description: 'Why: Quality or Cost.' },
    AGE,
    conditionColumn('Goal', 'GoalMet', 'Why the goal counts as met, or does not.'),
    conditionColumn('Accepted', 'Accepted', 'Whether the spec can be carried out, or why not.'),
    conditionColumn('Drifted', 'Drifted', 'What watching for drift came to.'),
  ],
  transitions: [
    sameTarget(TARGET_KINDS, 'EmbeddingExperiment'),
    untilPrepared('corpus', 'corpusDigest', 'EmbeddingExperiment'),
  ],
};
