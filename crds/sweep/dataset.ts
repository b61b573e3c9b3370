import { z } from 'zod';
import { chunking } from '../common/chunking.ts';
import { fixedCorpus } from '../common/corpus.ts';
import { embedder } from '../common/embedder.ts';
import { listByKey } from '../common/lists.ts';
import { origin } from '../common/source.ts';
import { distance, payloadField } from '../common/texts.ts';
import { mutable } from '../mutability.ts';
import { exactlyOneOf, withRule } from '../rules.ts';
import { choice, notYet, notYetWhen } from '../support.ts';

/** Types of payload fields, as Qdrant names them. */
export const payloadType = z.enum(['keyword', 'integer', 'float', 'bool', 'text', 'datetime', 'uuid', 'geo']);

const FORMATS = ['fvecs', 'bvecs', 'ivecs'] as const;
const LATER_FORMATS = ['npy', 'hdf5', 'parquet', 'jsonl'] as const;

/** Whether a file's extension, for want of a format, names one this version cannot read. */
function namesLaterFormat(source: unknown): boolean {
  const { url = '', format } = source as { url?: string; format?: string };
  const extension = /\.([a-z0-9]+)$/i.exec(url.split(/[?#]/, 1)[0] ?? '')?.[1]?.toLowerCase();
  return format === undefined && LATER_FORMATS.some((later) => later === extension);
}

/** A file of rows: vectors, indexes or JSON. */
const fileOfRows = withRule(
  exactlyOneOf(
    z.strictObject({
      ...origin,
      format: choice(FORMATS, LATER_FORMATS).optional().describe('Format of the file. Default: its extension.'),
      key: notYet(
        z
          .string()
          .min(1)
          .max(128)
          .regex(/^[A-Za-z0-9_./-]+$/, 'must be the path of a dataset inside the file, such as train')
          .describe('In an HDF5 file: the dataset to read.'),
      ),
      column: notYet(payloadField('In a Parquet file: the column to read.')),
    }),
    ['url', 'persistentVolumeClaim'],
  ),
  {
    rule: "!has(self.format) || ((!has(self.key) || self.format == 'hdf5') && (!has(self.column) || self.format == 'parquet'))",
    message: 'key is for format hdf5 and column for parquet; remove it or change format',
    holds: ({ format, key, column }: { format?: string; key?: unknown; column?: unknown }) =>
      format === undefined ||
      ((key === undefined || format === 'hdf5') && (column === undefined || format === 'parquet')),
  },
);

const rows = (description: string) =>
  notYetWhen(fileOfRows, {
    is: namesLaterFormat,
    instead: `use a file of format ${FORMATS.join(', ')}`,
    unnamed: true,
  }).describe(description);

/** A file of JSON objects, one a line. */
const jsonRows = (description: string) =>
  exactlyOneOf(
    z.strictObject({
      ...origin,
      format: z.enum(['jsonl']).optional().describe('Format of the file. Default: jsonl, whatever its extension.'),
    }),
    ['url', 'persistentVolumeClaim'],
  ).describe(description);

const vectors = z
  .strictObject({
    base: rows('The vectors to be searched, one a row (fvecs or bvecs).'),
    queries: rows('The query vectors, one a row (fvecs or bvecs).'),
    groundTruth: rows(
      'Row i: the true nearest base rows of query i, nearest first (ivecs). Omitted: computed exactly, once.',
    ).optional(),
    payload: jsonRows(
      'Row i: the payload of vector i, a JSON object of at most 1 MiB on a line of its own.',
    ).optional(),
    queryVariables: jsonRows(
      'Row i: what $names in filters stand for in query i, a JSON object such as {"tenant": "a"} on a line of its own.',
    ).optional(),
    distance: distance.describe('The distance the collection is made with.'),
  })
  .describe('Your own vectors, from files.');

const syntheticPayload = listByKey(
  z.strictObject({
    field: payloadField('Name of the field, or names joined by dots.'),
    type: payloadType.describe(
      "Type of its values, as Qdrant's payload indexes name it: keyword value-0, value-1, …; integer from 0; float from 0 to below 1; bool, true in 71 % of rows; text of 8 words word0, word1, …; datetime in the five years from 2020; geo from latitude -60 to 70.",
    ),
    cardinality: z
      .int()
      .min(1)
      .max(100_000_000)
      .optional()
      .describe(
        'How many different values, of a text how many words. Floats and datetimes are drawn evenly, all others with a skew: of 100 values the first is in 10 % of rows, the tenth in 1.6 %, the last in 0.5 %. Default 100, bool 2.',
      ),
  }),
  'field',
  16,
).describe(
  'Fields to make up for every point, independent of its vector. In filters, $FIELD stands for a value drawn anew for each query as it is for a row; of a text, for one word.',
);

const synthetic = withRule(
  z.strictObject({
    points: z.int().min(100).max(100_000_000).describe('How many vectors.'),
    dimensions: z.int().min(2).max(65_536).describe('Dimensions of a vector.'),
    clusters: z.int().min(1).max(100_000).optional().describe('How many planted clusters. Default 200.'),
    intrinsicDimensions: z
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .describe('Rank of the spread inside a cluster: more is harder to search. Default: a third of dimensions.'),
    queries: z.int().min(10).max(100_000).optional().describe('How many queries. Default 1000.'),
    seed: z.int().min(0).max(4_294_967_295).optional().describe('Same seed, same data. Default 1.'),
    distance: distance.optional().describe('The distance the collection is made with. Default Cosine.'),
    payload: syntheticPayload.optional(),
  }),
  {
    rule: '!has(self.intrinsicDimensions) || self.intrinsicDimensions <= self.dimensions',
    message: 'intrinsicDimensions must not exceed dimensions; lower it',
    holds: ({ intrinsicDimensions, dimensions }) =>
      intrinsicDimensions === undefined || intrinsicDimensions <= dimensions,
  },
).describe('Made-up vectors with planted clusters, hard enough that settings matter.');

const embedded = z
  .strictObject({
    corpus: fixedCorpus,
    embedder,
    chunking: chunking.optional(),
    distance: distance.optional().describe('The distance the collection is made with. Default Cosine.'),
  })
  .describe('Texts, and the model that makes vectors of them, as in an EmbeddingExperiment.');

export const DATASETS = ['vectors', 'synthetic', 'embedded'] as const;

/** What is searched. */
export const dataset = mutable(
  exactlyOneOf(
    z.strictObject({ vectors: vectors.optional(), synthetic: synthetic.optional(), embedded: notYet(embedded) }),
    DATASETS,
  ).describe(`What is searched: exactly one of ${DATASETS.join(', ')}. Immutable once prepared.`),
  'UntilPrepared',
);
