import { z } from 'zod';
import { listOf, mapOf } from './lists.ts';
import { quantity } from './texts.ts';

/** CPU and memory of a pod, requests equal to limits. */
export const resources = (description: string) =>
  z
    .strictObject({
      cpu: quantity(
        'CPU cores, requests equal to limits. Whole numbers get cores of their own where nodes allow it.',
      ).optional(),
      memory: quantity('Memory, requests equal to limits.').optional(),
    })
    .describe(description);

const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/;

const labelText = (description: string) =>
  z.string().max(63).regex(LABEL_VALUE, 'must be a label value: letters, digits, -, _ and .').describe(description);

/** Labels a node must have. */
export const nodeSelector = (description: string) =>
  mapOf(labelText('The value the label must have.'), { entries: 16, key: 317 }).describe(description);

/** Taints of nodes a pod puts up with, as in a Pod. */
export const tolerations = (description: string) =>
  listOf(
    z.strictObject({
      key: z
        .string()
        .max(317)
        .regex(/^[A-Za-z0-9._/-]*$/, 'must be a taint key: letters, digits, and - _ . /')
        .optional()
        .describe('Key of the taint. Omitted, with operator Exists: all taints.'),
      operator: z.enum(['Exists', 'Equal']).optional().describe('How the value is compared. Default Equal.'),
      value: labelText('Value of the taint, with operator Equal.').optional(),
      effect: z
        .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
        .optional()
        .describe('Effect of the taint. Omitted: all effects.'),
      tolerationSeconds: z
        .int()
        .min(0)
        .max(604_800)
        .optional()
        .describe('With effect NoExecute: for how long, in seconds. Omitted: for ever.'),
    }),
    16,
  ).describe(description);
