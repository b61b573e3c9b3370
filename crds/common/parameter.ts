import { z } from 'zod';
import { exactlyOneOf, withRule } from '../rules.ts';
import { listByKey, listOf } from './lists.ts';

const range = withRule(
  z.strictObject({
    min: z.number().min(0).max(1e9).describe('Smallest value.'),
    max: z.number().min(0).max(1e9).describe('Largest value.'),
    scale: z.enum(['Linear', 'Log']).optional().describe('How values are spread. Default Linear.'),
  }),
  {
    rule: 'self.min <= self.max',
    message: 'min must not exceed max; swap them',
    holds: ({ min, max }) => min <= max,
  },
);

const parameter = withRule(
  exactlyOneOf(
    z.strictObject({
      name: z
        .string()
        .max(128)
        .regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/, "must be one of Qdrant's own paths, such as hnsw_config.m")
        .describe(
          "Qdrant's own path: of a collection's body (hnsw_config.m, quantization_config) or of a query's (params.hnsw_ef). Names are checked against the target's version; condition Accepted says what is wrong.",
        ),
      numbers: listOf(z.number().min(0).max(1e9).describe('One of them.'), 32)
        .min(1)
        .optional()
        .describe('The numbers to choose from.'),
      choices: listOf(z.string().min(1).max(63).describe('One of them.'), 32)
        .min(1)
        .optional()
        .describe('The names to choose from.'),
      range: range.optional().describe('A range of numbers.'),
    }),
    ['numbers', 'choices', 'range'],
  ),
  {
    rule: "!has(self.range) || !has(self.range.scale) || self.range.scale != 'Log' || self.range.min > 0",
    message: 'a Log range must begin above 0; set range.min to at least 1',
    holds: (value) => value.range?.scale !== 'Log' || value.range.min > 0,
  },
);

/** What may vary, by name. */
export const parameters = (description: string) => listByKey(parameter, 'name', 32).describe(description);
