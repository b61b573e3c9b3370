import { z } from 'zod';
import { localModel } from '../common/embedder.ts';
import { verbatim } from '../common/lists.ts';
import { secretKeyRef } from '../common/secret-key-ref.ts';
import { modelName, serviceUrl } from '../common/texts.ts';
import { exactlyOneOf, withRule } from '../rules.ts';

const bm25 = z
  .strictObject({
    language: z
      .string()
      .max(32)
      .regex(/^[a-z]+$/, 'must be the name of a language in lower case, such as english')
      .optional()
      .describe('Language of the texts, for stemming and stop words. Default english.'),
    k: z.number().min(0).max(10).optional().describe('How much a word said often counts. Default 1.2.'),
    b: z.number().min(0).max(1).optional().describe('How much long texts are marked down. Default 0.75.'),
  })
  .describe('Words, weighted by how rare they are (Okapi BM25).');

const sparse = exactlyOneOf(
  z.strictObject({
    bm25: bm25.optional(),
    learned: localModel.optional().describe('A model that weighs words, such as SPLADE.'),
  }),
  ['bm25', 'learned'],
).describe('What makes sparse vectors: exactly one of bm25, learned. Default: bm25.');

const weight = (of: string) => z.number().gt(0).max(100).optional().describe(`Weight of ${of} results. Default 1.`);

const fusion = exactlyOneOf(
  z.strictObject({
    rrf: z
      .strictObject({
        k: z.int().min(1).max(1000).optional().describe('As in 1 / (k + rank), rank from 1. Default 60.'),
        weights: z
          .strictObject({ dense: weight('dense'), sparse: weight('sparse') })
          .optional()
          .describe('How much each side counts.'),
      })
      .optional()
      .describe('By ranks: reciprocal rank fusion.'),
    dbsf: z
      .strictObject({})
      .optional()
      .describe('By scores, each side brought to its mean and spread (distribution-based).'),
    linear: z
      .strictObject({
        dense: z.number().min(0).max(1).describe('Share of the dense side; the sparse one has the rest.'),
      })
      .optional()
      .describe('By scores brought to 0…1 and added.'),
  }),
  ['rrf', 'dbsf', 'linear'],
).describe('How both sides become one list: exactly one of rrf, dbsf, linear. Default: rrf.');

const rerank = exactlyOneOf(
  z.strictObject({
    http: z
      .strictObject({
        url: serviceUrl("Address of a service that speaks Cohere's rerank format."),
        model: modelName('Model to ask for.').optional(),
        apiKeySecretRef: secretKeyRef('Where its API key is kept.').optional(),
      })
      .optional()
      .describe('A service that puts candidates into order.'),
    local: localModel.optional().describe('A cross-encoder that runs in our own pod.'),
    candidates: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('How many of the first hits are put into order. Default 50.'),
  }),
  ['http', 'local'],
).describe('Who puts the first hits into order once more: exactly one of http, local.');

const base = z.strictObject({
  mode: z
    .enum(['Dense', 'Sparse', 'Hybrid', 'MultiVector'])
    .describe('By meaning, by words, by both, or by one vector a token (late interaction).'),
  limit: z.int().min(1).max(1000).optional().describe('Documents in the answer. Default 100.'),
  sparse: sparse.optional(),
  fusion: fusion.optional(),
  candidates: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('Hits each side finds before they become one list. Default: twice the limit.'),
  diversity: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Maximal marginal relevance: 0 only relevance, 1 only difference. Omitted: off.'),
  filter: verbatim(8)
    .optional()
    .describe('A verbatim Qdrant filter. A text "$name" stands for that field of the query.'),
  rerank: rerank.optional(),
});

/** How the collection is searched. */
export const retrieval = withRule(
  withRule(
    withRule(base, {
      rule: "!has(self.sparse) || self.mode in ['Sparse', 'Hybrid']",
      message: 'sparse is for mode Sparse or Hybrid; remove it or change the mode',
      holds: ({ sparse, mode }) => sparse === undefined || mode === 'Sparse' || mode === 'Hybrid',
    }),
    {
      rule: "!has(self.fusion) || self.mode == 'Hybrid'",
      message: 'fusion is for mode Hybrid; remove it or change the mode',
      holds: ({ fusion, mode }) => fusion === undefined || mode === 'Hybrid',
    },
  ),
  {
    rule: '!has(self.candidates) || self.candidates >= (has(self.limit) ? self.limit : 1)',
    message: 'candidates must be at least limit; raise it or lower limit',
    holds: ({ candidates, limit = 1 }) => candidates === undefined || candidates >= limit,
  },
).describe('How the collection is searched.');
