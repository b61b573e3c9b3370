import { z } from 'zod';
import { mutable } from '../mutability.ts';
import { choice, notYet } from '../support.ts';
import { money } from './money.ts';
import { secretKeyRef } from './secret-key-ref.ts';
import { modelName, serviceUrl } from './texts.ts';

const llm = z
  .strictObject({
    model: modelName('Model to ask.'),
    baseUrl: serviceUrl(
      'Address of an API that speaks the OpenAI format. It must be on the installation’s allow-list. Default: https://api.openai.com/v1.',
    ).optional(),
    apiKeySecretRef: secretKeyRef('Where its API key is kept.'),
    maxCost: money('Most that may be spent on asking.').optional(),
  })
  .describe('A language model whose proposals compete with the others. They pass the same checks.');

/** Who chooses what is tried next. */
export const judge = mutable(
  z
    .strictObject({
      strategy: choice(['Adaptive', 'Grid', 'Random'], ['Rules'])
        .optional()
        .describe('How the next configuration is chosen. Default Adaptive.'),
      seed: z.int().min(0).max(4_294_967_295).optional().describe('Same history and seed, same proposal. Default 1.'),
      llm: notYet(llm),
    })
    .describe('Who chooses what is tried next.'),
  'KeepsHistory',
);
