import { z } from 'zod';
import { budget } from '../common/budget.ts';
import { judge } from '../common/judge.ts';
import { listByKey, verbatim } from '../common/lists.ts';
import { parameters } from '../common/parameter.ts';
import { nodeSelector, resources, tolerations } from '../common/pod.ts';
import { retention } from '../common/retention.ts';
import { target } from '../common/target.ts';
import { mutable } from '../mutability.ts';
import { withRule } from '../rules.ts';
import { notYet, notYetWhen } from '../support.ts';
import { dataset } from './dataset.ts';
import { constraints, NEED_SATURATION, objectives } from './goal.ts';
import { workload } from './workload.ts';

const loadgen = z
  .strictObject({
    pods: z.int().min(1).max(64).optional().describe('Pods that load is offered from, together. Default 1.'),
    resources: resources('CPU and memory of each.').optional(),
    nodeSelector: nodeSelector('Labels of the nodes they may run on.').optional(),
    tolerations: tolerations('Taints of nodes they may run on.').optional(),
  })
  .describe("The load generator's pods. Omitted: as the installation has them.");

const quantizations = listByKey(
  z.strictObject({
    name: z
      .string()
      .max(63)
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be lower case letters, digits, - and .')
      .describe('The name to use in parameters.'),
    config: verbatim(8).describe(
      'A verbatim Qdrant quantization_config body, such as {scalar: {type: int8, quantile: 0.99}}.',
    ),
  }),
  'name',
  16,
).describe('Your own quantizations, to be named in parameters.');

const rates = NEED_SATURATION.map((metric) => `'${metric}'`).join(', ');

/** `spec` of a QdrantSweep. Every optional field has the default its description states. */
export const sweepSpecSchema = mutable(
  withRule(
    z.strictObject({
      suspend: z.boolean().optional().describe('true: start nothing new, let what runs finish. Default false.'),
      target,
      retention: retention.optional(),
      dataset,
      workload: workload.optional(),
      loadgen: notYet(loadgen),
      quantizations: quantizations.optional(),
      parameters: parameters('What may vary. Omitted: a space chosen from the dataset.').optional(),
      constraints: constraints.optional(),
      objectives: objectives.optional(),
      judge: judge.optional(),
      budget: budget({
        builds: z.int().min(1).max(1000).optional().describe('Most builds, the baseline included. Default 12.'),
      }).optional(),
      parallelism: notYetWhen(z.int().min(1).max(64), {
        is: (value) => value !== 1,
        instead: 'leave it out or set 1',
      })
        .optional()
        .describe('Builds at once, each on its own target. Default 1.'),
    }),
    {
      rule: [
        '!has(self.workload) || !has(self.workload.load) || has(self.workload.load.saturation) || !has(self.objectives)',
        `!self.objectives.exists(o, o.metric in [${rates}])`,
      ].join(' || '),
      message: `the objectives ${NEED_SATURATION.join(' and ')} need workload.load.saturation; use it, or choose other objectives`,
      holds: ({ workload, objectives }) =>
        workload?.load === undefined ||
        workload.load.saturation !== undefined ||
        !objectives?.some(({ metric }) => NEED_SATURATION.some((name) => name === metric)),
    },
  ).describe('What to find out, on what, and within which budget.'),
  'KeepsHistory',
);

export type SweepSpec = z.output<typeof sweepSpecSchema>;
export type DatasetSpec = SweepSpec['dataset'];
export type VectorsDataset = NonNullable<DatasetSpec['vectors']>;
export type SyntheticDataset = NonNullable<DatasetSpec['synthetic']>;
export type VectorSource = VectorsDataset['base'];
export type JsonSource = NonNullable<VectorsDataset['payload']>;
export type TargetSpec = SweepSpec['target'];
export type ParameterSpec = NonNullable<SweepSpec['parameters']>[number];
export type QuantizationSpec = NonNullable<SweepSpec['quantizations']>[number];
