import { z } from 'zod';
import { sweepSpecSchema } from './sweep-spec.ts';

export const API_VERSION = 'qdrantbench.io/v1alpha1';

const dnsLabel = (description: string) =>
  z
    .string()
    .min(1)
    .max(63)
    .regex(
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
      'must be lower case letters, digits and -, beginning and ending with a letter or digit',
    )
    .describe(description);

/** Object metadata as far as we read it; everything else Kubernetes allows there is kept out of the way. */
const metadataSchema = z.looseObject({
  name: dnsLabel('Name of the sweep, unique in its namespace.'),
  namespace: dnsLabel('Namespace. Default: default.').optional(),
});

/** A QdrantSweep as a user writes it. */
export const sweepSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('QdrantSweep'),
  metadata: metadataSchema,
  spec: sweepSpecSchema,
  status: z.unknown().optional(),
});

export type QdrantSweep = z.output<typeof sweepSchema>;
