import { z } from 'zod';
import { chunking } from '../common/chunking.ts';
import { embedder } from '../common/embedder.ts';
import { verbatim } from '../common/lists.ts';
import { dnsLabel } from '../common/texts.ts';
import { withRule } from '../rules.ts';
import { retrieval } from './retrieval.ts';

const index = z
  .strictObject({
    collection: verbatim()
      .optional()
      .describe("What to add to Qdrant's create-collection call, verbatim, such as {hnsw_config: {m: 16}}."),
    search: verbatim().optional().describe("A query's params, verbatim, such as {hnsw_ef: 128}."),
  })
  .describe("How the collection is made and asked. Default: Qdrant's own settings.");

/** One way to find documents: what makes vectors, how texts are cut, and how they are searched. */
export const arm = withRule(
  z.strictObject({
    name: dnsLabel('Name of the arm.'),
    embedder: embedder.optional(),
    chunking: chunking.optional(),
    retrieval,
    index: index.optional(),
  }),
  {
    rule: "self.retrieval.mode == 'Sparse' || has(self.embedder)",
    message: 'embedder must be set unless retrieval.mode is Sparse; add one or change the mode',
    holds: ({ retrieval, embedder }) => retrieval.mode === 'Sparse' || embedder !== undefined,
  },
);
