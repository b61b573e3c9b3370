import { sweepSpecSchema } from '../sweep/sweep-spec.ts';
import { sweepStatusSchema } from '../sweep/sweep-status.ts';
import { sweepSchema } from '../sweep/sweep.ts';
import { structural, type StructuralSchema } from './structural.ts';

const GROUP = 'qdrantbench.io';
const PLURAL = 'qdrantsweeps';

/** Name of the CustomResourceDefinition, and of the file it is kept in. */
export const CRD_NAME = `${PLURAL}.${GROUP}`;

/**
 * What `kubectl get qsw` prints. Figures come from `status.summary`, which holds them rounded, with their unit:
 * a column shows a number as it is stored, all seventeen digits of it. Priority 1 shows with `-o wide` only.
 */
const PRINTER_COLUMNS = [
  { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the sweep stands.' },
  { name: 'Builds', type: 'string', jsonPath: '.status.summary.progress', description: 'Builds done, of the budget.' },
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
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  {
    name: 'Goal',
    type: 'string',
    priority: 1,
    jsonPath: '.status.conditions[?(@.type=="GoalMet")].reason',
    description: 'Why the goal counts as met, or does not.',
  },
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
] as const;

/**
 * What may not change on a sweep that exists. Only the API server can check these: they compare with the object before,
 * which a YAML file alone does not show.
 */
const TRANSITION_RULES = [
  {
    rule: 'has(self.spec.target.kubernetes) == has(oldSelf.spec.target.kubernetes)',
    message: 'the kind of target is immutable; make a new QdrantSweep instead',
    fieldPath: '.spec.target',
  },
  {
    rule: [
      '!has(oldSelf.status) || !has(oldSelf.status.environment) || !has(oldSelf.status.environment.datasetDigest)',
      'self.spec.dataset == oldSelf.spec.dataset',
    ].join(' || '),
    message: 'immutable once prepared: what was measured is true for that dataset only; make a new QdrantSweep instead',
    fieldPath: '.spec.dataset',
  },
];

/** Of metadata a CRD may restrict the name only; ours becomes part of other objects' names. */
function metadata(): StructuralSchema {
  const { type, minLength, maxLength, pattern } = structural(sweepSchema.shape.metadata.shape.name, 'metadata.name');
  return { type: 'object', properties: { name: { type, minLength, maxLength, pattern } } };
}

/** The CustomResourceDefinition of QdrantSweep, generated from the zod schemas. */
export function customResourceDefinition(): Record<string, unknown> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: CRD_NAME },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: 'QdrantSweep',
        listKind: 'QdrantSweepList',
        plural: PLURAL,
        singular: 'qdrantsweep',
        shortNames: ['qsw'],
        categories: ['qdrantbench'],
      },
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: PRINTER_COLUMNS,
          schema: {
            openAPIV3Schema: {
              description:
                'An experiment that finds out how to run Qdrant for a dataset: it builds collections with different settings, measures each under load and judges them.',
              type: 'object',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: metadata(),
                spec: structural(sweepSpecSchema, 'spec'),
                status: structural(sweepStatusSchema, 'status'),
              },
              'x-kubernetes-validations': TRANSITION_RULES,
            },
          },
        },
      ],
    },
  };
}
