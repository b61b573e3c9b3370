import { z } from 'zod';
import { withRule } from '../rules.ts';

/** How documents are cut into the passages that are embedded. */
export const chunking = withRule(
  withRule(
    z.strictObject({
      strategy: z
        .enum(['Tokens', 'Sentences', 'Paragraphs', 'Semantic', 'Whole'])
        .describe(
          'Where to cut: after so many tokens, at ends of sentences or paragraphs, where the topic changes, or not at all.',
        ),
      size: z.int().min(16).max(32_768).optional().describe('Most tokens in a passage. Default 512.'),
      overlap: z.int().min(0).max(16_384).optional().describe('Tokens a passage repeats of the one before. Default 0.'),
    }),
    {
      rule: '!has(self.overlap) || self.overlap < (has(self.size) ? self.size : 512)',
      message: 'overlap must be less than size; lower it',
      holds: ({ overlap, size = 512 }) => overlap === undefined || overlap < size,
    },
  ),
  {
    rule: "self.strategy != 'Whole' || !(has(self.size) || has(self.overlap))",
    message: 'strategy Whole cuts nothing; remove size and overlap',
    holds: ({ strategy, size, overlap }) => strategy !== 'Whole' || (size === undefined && overlap === undefined),
  },
).describe('How documents are cut into the passages that are embedded.');
