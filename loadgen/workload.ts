import { z } from 'zod';
import { dnsLabel, payloadField } from '../crds/common/texts.ts';
import { payloadType } from '../crds/sweep/dataset.ts';

/** Parts of what is asked of a build, as jobs carry them; defaults are filled in and filters were checked before. */

/** What queries are called where the workload names none. */
export const DEFAULT_QUERY = 'default';

/** One sort of query: how often it is asked against the others, and what it is restricted to. */
export const namedQuerySchema = z.strictObject({
  name: dnsLabel('Name of this sort of query.'),
  weight: z.number().gt(0).max(1000),
  /** A Qdrant filter, in which a text `"$name"` stands for that variable of the query. */
  filter: z.record(z.string().max(63), z.unknown()).optional(),
});
export type NamedQuery = z.output<typeof namedQuerySchema>;

/** The sorts of queries of a workload, told apart by name. */
export const namedQueriesSchema = z
  .array(namedQuerySchema)
  .min(1)
  .max(16)
  .refine((queries) => new Set(queries.map(({ name }) => name)).size === queries.length, 'names must differ');

/** Every query alike, without a filter. */
export const DEFAULT_QUERIES: readonly NamedQuery[] = [{ name: DEFAULT_QUERY, weight: 1 }];

/** A payload index to be made before the upload. */
export const payloadIndexSchema = z.strictObject({
  field: payloadField('Payload field to index.'),
  type: payloadType,
  /** Only for keyword and uuid. */
  isTenant: z.boolean().optional(),
  /** Only for integer, float and datetime. */
  isPrincipal: z.boolean().optional(),
  onDisk: z.boolean().optional(),
});
export type PayloadIndex = z.output<typeof payloadIndexSchema>;
