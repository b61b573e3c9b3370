import { z } from 'zod';
import { listByKey, verbatim } from '../common/lists.ts';
import { load } from '../common/load.ts';
import { dnsLabel, duration, payloadField } from '../common/texts.ts';
import { mutable } from '../mutability.ts';
import { withRule } from '../rules.ts';
import { notYetWhen } from '../support.ts';
import { payloadType } from './dataset.ts';
import { LATER_PRESETS, PRESETS } from './presets.ts';

const payloadIndexes = listByKey(
  withRule(
    withRule(
      z.strictObject({
        field: payloadField('Payload field to index.'),
        type: payloadType.describe("Type of the index, as Qdrant's payload indexes name it."),
        isTenant: z
          .boolean()
          .optional()
          .describe('The field tells tenants apart: their points are kept together. For keyword and uuid.'),
        isPrincipal: z
          .boolean()
          .optional()
          .describe('Most filters use this field: data are laid out by it. For integer, float and datetime.'),
        onDisk: z.boolean().optional().describe('The index stays on disk. Default false.'),
      }),
      {
        rule: "!has(self.isTenant) || self.type in ['keyword', 'uuid']",
        message: 'isTenant is for type keyword and uuid; remove it or change type',
        holds: ({ isTenant, type }) => isTenant === undefined || type === 'keyword' || type === 'uuid',
      },
    ),
    {
      rule: "!has(self.isPrincipal) || self.type in ['integer', 'float', 'datetime']",
      message: 'isPrincipal is for type integer, float and datetime; remove it or change type',
      holds: ({ isPrincipal, type }) => isPrincipal === undefined || ['integer', 'float', 'datetime'].includes(type),
    },
  ),
  'field',
  16,
).describe('Payload indexes to make before the upload.');

const queries = listByKey(
  z.strictObject({
    name: dnsLabel('Name of this sort of query; recall is reported for each.'),
    weight: z.number().gt(0).max(1000).optional().describe('How often it is asked, against the others. Default 1.'),
    filter: verbatim(8)
      .optional()
      .describe(
        'A verbatim Qdrant filter. A text "$name", and nothing else in it, stands for that variable of the query, whatever its type: from dataset.vectors.queryVariables, or a field of dataset.synthetic.payload. For a text $name write $$name.',
      ),
  }),
  'name',
  16,
)
  .min(1)
  .describe('What is asked, by weight. Omitted: every query alike, without a filter.');

const rate = (description: string) => z.number().gt(0).max(1e6).describe(description);

const writes = withRule(
  z.strictObject({
    upserts: z
      .strictObject({
        rate: rate('Requests a second, whatever the answers take.'),
        batch: z.int().min(1).max(10_000).optional().describe('Points in one request. Default 1.'),
      })
      .optional()
      .describe('Points to upsert: copies, beside the dataset, of points that are no right answer to any query.'),
    deletes: z
      .strictObject({ rate: rate('Points a second, one in a request.') })
      .optional()
      .describe('Points to delete, of those upserted beside the dataset.'),
  }),
  {
    rule: 'has(self.upserts) || has(self.deletes)',
    message: 'upserts or deletes must be set; add one, or remove writes to only read',
    holds: ({ upserts, deletes }) => upserts !== undefined || deletes !== undefined,
  },
).describe('Writes while searching. Omitted: only reads.');

/** What is asked of each build, and how hard. */
export const workload = mutable(
  z
    .strictObject({
      preset: notYetWhen(
        z
          .string()
          .max(63)
          .regex(/^[A-Z][A-Za-z0-9]*$/, 'must be the name of a preset, such as Filtered')
          .describe(
            `A documented table of the values below: ${Object.keys(PRESETS).join(', ')}. What is set beside it overrides it.`,
          ),
        {
          is: (name) => LATER_PRESETS.some((later) => later === name),
          instead: `use one of ${Object.keys(PRESETS).join(', ')}; Hybrid needs sparse vectors, for which dataset has no place yet`,
        },
      ).optional(),
      limit: z.int().min(1).max(1000).optional().describe('Hits a query asks for, the k of recall@k. Default 10.'),
      withPayload: z.boolean().optional().describe('Whether answers carry payloads. Default false.'),
      payloadIndexes: payloadIndexes.optional(),
      queries: queries.optional(),
      writes: writes.optional(),
      load: load('How load is offered: exactly one of saturation, open, closed. Default: saturation.', {}).optional(),
      duration: duration('One measuring window. Default: the longer of 1 s and 1,000 requests.', {
        min: '100ms',
        max: '24h',
      }).optional(),
      warmup: duration('Load before each measurement that is not counted. Default 1s.', {
        min: '0s',
        max: '1h',
      }).optional(),
      repeats: mutable(
        z
          .int()
          .min(1)
          .max(20)
          .optional()
          .describe('How often the finalists are measured again, interleaved with the baseline. Default 3.'),
        'KeepsHistory',
      ),
    })
    .describe('What is asked of each build, and how hard.'),
  'NewHistory',
);
