import type { z } from 'zod';
import { AGE, conditionColumn, resource, sameTarget, untilPrepared, type Kind } from '../common/resource.ts';
import { TARGET_KINDS } from '../common/target.ts';
import { sweepSpecSchema } from './sweep-spec.ts';
import { sweepStatusSchema } from './sweep-status.ts';

/** A QdrantSweep as a user writes it. */
export const sweepSchema = resource('QdrantSweep', sweepSpecSchema);

export type QdrantSweep = z.output<typeof sweepSchema>;

/**
 * The kind QdrantSweep. Figures in its columns come from `status.summary`, which holds them rounded, with their unit:
 * a column shows a number as it is stored, all seventeen digits of it.
 */
export const SWEEP: Kind = {
  kind: 'QdrantSweep',
  plural: 'qdrantsweeps',
  singular: 'qdrantsweep',
  shortName: 'qsw',
  description:
    'An experiment that finds out how to run Qdrant for a dataset: it builds collections with different settings, measures each under load and judges them.',
  schema: sweepSchema,
  status: sweepStatusSchema,
  carriedOut: true,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the sweep stands.' },
    {
      name: 'Builds',
      type: 'string',
      jsonPath: '.status.summary.progress',
      description: 'Builds done, of the budget.',
    },
    { name: 'Recall', type: 'string', jsonPath: '.status.summary.recall', description: 'Recall of the best so far.' },
    {
      name: 'Throughput',
      type: 'string',
      jsonPath: '.status.summary.throughput',
      description: 'Queries a second of the best so far.',
    },
    {
      name: 'P95',
      type: 'string',
      jsonPath: '.status.summary.latencyP95',
      description: '95th percentile of latency of the best so far, under load.',
    },
    { name: 'Cost', type: 'string', jsonPath: '.status.summary.cost', description: 'Spent so far.' },
    AGE,
    conditionColumn('Goal', 'GoalMet', 'Why the goal counts as met, or does not.'),
    conditionColumn('Accepted', 'Accepted', 'Whether the spec can be carried out, or why not.'),
    {
      name: 'Best',
      type: 'string',
      priority: 1,
      jsonPath: '.status.best.configuration.summary',
      description: 'The best configuration so far.',
    },
    {
      name: 'Qdrant',
      type: 'string',
      priority: 1,
      jsonPath: '.status.environment.qdrantVersion',
      description: 'Version of the Qdrant measured.',
    },
  ],
  transitions: [sameTarget(TARGET_KINDS, 'QdrantSweep'), untilPrepared('dataset', 'datasetDigest', 'QdrantSweep')],
};
