import { z } from 'zod';
import { latency } from '../common/latency.ts';
import { listOf } from '../common/lists.ts';
import { quantity } from '../common/texts.ts';
import { mutable } from '../mutability.ts';
import { withRule } from '../rules.ts';
import { choice } from '../support.ts';

/** What breaks one of these is never recommended. */
export const constraints = mutable(
  z
    .strictObject({
      recall: z
        .strictObject({
          min: z.number().min(0).max(1).describe('Least recall@limit, from 0 to 1.'),
          perQuery: z
            .boolean()
            .optional()
            .describe('Whether each named query must reach it, not only all on average. Default false.'),
        })
        .optional()
        .describe('Share of the true nearest neighbours that come back. Default: min 0.95.'),
      latency: latency.optional(),
      errorRate: z
        .strictObject({ max: z.number().min(0).max(1).describe('Largest share of failed requests.') })
        .optional()
        .describe('Requests that fail. Default: max 0.001.'),
      memory: z
        .strictObject({ max: quantity('Largest resident memory of Qdrant under load.') })
        .optional()
        .describe('Memory limit.'),
    })
    .describe('What breaks one of these is never recommended.'),
  'KeepsHistory',
);

/** Metrics one may optimise for in this version. */
export const OBJECTIVE_METRICS = [
  'throughput',
  'recall',
  'latencyP50',
  'latencyP95',
  'latencyP99',
  'serverCpuPerQuery',
  'memory',
  'indexedSeconds',
  'costPerMillionQueries',
] as const;

const LATER_METRICS = [
  'latencyP999',
  'latencyMax',
  'serviceP50',
  'serviceP95',
  'serviceP99',
  'disk',
  'uploadSeconds',
  'searchableSeconds',
  'stableSeconds',
  'costPerHour',
] as const;

/** Metrics that only a search for the highest rate can tell. */
export const NEED_SATURATION = ['throughput', 'costPerMillionQueries'] as const;

export const objectives = mutable(
  withRule(
    listOf(
      z.strictObject({
        metric: choice(OBJECTIVE_METRICS, LATER_METRICS).describe('What to optimise.'),
        goal: z.enum(['Maximize', 'Minimize']).describe('In which direction.'),
      }),
      4,
    ).min(1),
    {
      rule: 'self.all(a, self.exists_one(b, b.metric == a.metric))',
      message: 'each metric may stand only once; remove the others',
      holds: (list) => new Set(list.map(({ metric }) => metric)).size === list.length,
    },
  ).describe(
    'The first decides; more than one also yields a frontier. Default: throughput, Maximize; with workload.load.open or closed latencyP95, Minimize.',
  ),
  'KeepsHistory',
);
