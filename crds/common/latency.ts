import { z } from 'zod';
import { withRule } from '../rules.ts';
import { listByKey } from './lists.ts';
import { duration } from './texts.ts';

/** Limits of latency under load, by percentile. */
export const latency = listByKey(
  z.strictObject({
    percentile: withRule(z.number(), {
      rule: 'self in [50.0, 95.0, 99.0, 99.9]',
      message: 'must be one of 50, 95, 99, 99.9',
      holds: (value) => [50, 95, 99, 99.9].includes(value),
    }).describe('50, 95, 99 or 99.9.'),
    max: duration('Largest allowed latency, counted from the scheduled start of a request.', { min: '0.001ms' }),
  }),
  'percentile',
  4,
).describe('Latency limits under load.');
