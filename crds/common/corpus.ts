import { z } from 'zod';
import { exactlyOneOf, withRule } from '../rules.ts';
import { listByKey, listOf } from './lists.ts';
import { fileSource, origin, withOriginRules } from './source.ts';
import { payloadField, quantity, schedule } from './texts.ts';

const questions = {
  queries: fileSource('The queries, one a line as JSON: {"_id": …, "text": …}.').optional(),
  qrels: fileSource('Which documents answer which query, tab-separated: query, document, relevance.').optional(),
};

const beir = withOriginRules(
  z.strictObject({
    ...origin,
    split: z
      .string()
      .max(63)
      .regex(/^[a-z0-9_-]+$/, 'must be the name of a file in qrels/, such as test')
      .optional()
      .describe('Which judgements to use: the file in qrels/. Default test.'),
  }),
).describe(
  'A dataset as BEIR lays it out: corpus.jsonl, queries.jsonl, qrels; an archive, a folder’s URL or a volume.',
);

const glob = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[A-Za-z0-9._*?{},[\]! /-]+$/, 'must be a glob such as **/*.pdf')
  .describe('A glob, from the top of the archive or volume.');

const documents = withOriginRules(
  z.strictObject({
    ...origin,
    include: listOf(glob, 32).optional().describe('Files to take. Default: all that can be read.'),
    exclude: listOf(glob, 32).optional().describe('Files to leave out of these.'),
    maxFileSize: quantity('Larger files are left out, and said so. Default 10Mi.').optional(),
    maxPages: z.int().min(1).max(100_000).optional().describe('Pages read of one document. Default 1000.'),
    ...questions,
  }),
).describe('Your own documents: PDF, DOCX, HTML, Markdown or text, from an archive or a volume.');

const collection = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be the name of a collection: letters, digits, and . _ -')
      .describe('Name of the collection, on the same target. It is only read.'),
    textField: payloadField('Payload field that holds the text.'),
    ...questions,
  })
  .describe('The texts a collection already holds, to be embedded anew.');

const id = (of: string) => z.string().min(1).max(128).describe(`Id of the ${of}.`);
const MAX_INLINE = 65_536;

const inline = withRule(
  z.strictObject({
    documents: listByKey(
      z.strictObject({
        id: id('document'),
        title: z.string().max(512).optional().describe('Its title.'),
        text: z.string().min(1).max(8192).describe('Its text.'),
      }),
      'id',
      256,
    )
      .min(1)
      .describe('The documents.'),
    queries: listByKey(
      z.strictObject({ id: id('query'), text: z.string().min(1).max(1024).describe('What is asked.') }),
      'id',
      256,
    )
      .min(1)
      .describe('The queries.'),
    qrels: listOf(
      z.strictObject({
        query: id('query'),
        document: id('document that answers it'),
        relevance: z.int().min(0).max(10).describe('How well; 0: not at all.'),
      }),
      1024,
    )
      .min(1)
      .describe('Which documents answer which query.'),
  }),
  {
    rule: `self.documents.map(d, size(d.text)).sum() + self.queries.map(q, size(q.text)).sum() <= ${MAX_INLINE}`,
    message: `texts must have at most ${MAX_INLINE} characters together; put larger corpora into a file`,
    holds: ({ documents, queries }) =>
      [...documents, ...queries].reduce((sum, { text }) => sum + Array.from(text).length, 0) <= MAX_INLINE,
  },
).describe('A small corpus in the resource itself, up to 64 KiB.');

export const CORPORA = ['beir', 'documents', 'collection', 'inline'] as const;

const branches = {
  beir: beir.optional(),
  documents: documents.optional(),
  collection: collection.optional(),
  inline: inline.optional(),
};

const refresh = z
  .strictObject({ schedule: schedule('When to look, as a crontab has it, in UTC.') })
  .optional()
  .describe('Digest the corpus again from time to time; report and mend missing, stale and orphaned points.');

/** What is searched, as texts. */
export const corpus = exactlyOneOf(z.strictObject({ ...branches, refresh }), CORPORA).describe(
  `What is searched: exactly one of ${CORPORA.join(', ')}.`,
);

/** The same where vectors are made of it once: without refreshing. */
export const fixedCorpus = exactlyOneOf(z.strictObject(branches), CORPORA).describe(
  `The texts: exactly one of ${CORPORA.join(', ')}.`,
);
