import { z } from 'zod';
import { exactlyOneOf } from '../rules.ts';
import { money } from './money.ts';
import { secretKeyRef } from './secret-key-ref.ts';
import { fileSource } from './source.ts';
import { modelName, serviceUrl } from './texts.ts';

const dimensions = (description: string) => z.int().min(2).max(65_536).describe(description);
const batchSize = z.int().min(1).max(4096).optional().describe('Texts in one request. Default 32.');
const price = money('What a million tokens cost, for the cost metrics.').optional();

/** A model that runs in our own pod. */
export const localModel = z.strictObject({
  model: modelName('Name of the model. Those the image carries are found by it alone.'),
  source: fileSource('Where its archive is read from, when the image does not carry it.').optional(),
  device: z.enum(['Auto', 'Cpu', 'Gpu']).optional().describe('What it runs on. Default Auto.'),
  batchSize,
});

const openai = z
  .strictObject({
    baseUrl: serviceUrl(
      'Address of an API that speaks the OpenAI format. Default: https://api.openai.com/v1.',
    ).optional(),
    model: modelName('Model, as the API names it.'),
    dimensions: dimensions('Dimensions to ask for, of models that can shorten their vectors.').optional(),
    apiKeySecretRef: secretKeyRef('Where its API key is kept.').optional(),
    batchSize,
    pricePerMillionTokens: price,
  })
  .describe('An API that speaks the OpenAI format.');

const cohere = z
  .strictObject({
    baseUrl: serviceUrl('Address of the API. Default: https://api.cohere.com.').optional(),
    model: modelName('Model, as the API names it.'),
    dimensions: dimensions('Dimensions to ask for, of models that can shorten their vectors.').optional(),
    apiKeySecretRef: secretKeyRef('Where its API key is kept.'),
    batchSize,
    pricePerMillionTokens: price,
  })
  .describe("Cohere's API.");

const synthetic = z
  .strictObject({
    dimensions: dimensions('Dimensions of a vector. Default 256.').optional(),
    seed: z.int().min(0).max(4_294_967_295).optional().describe('Same text and seed, same vector. Default 1.'),
  })
  .describe('Vectors made from hashed words, without any model: to try things out.');

const prompt = (of: string) =>
  z.string().max(1024).optional().describe(`Text to put before each ${of}, as some models want.`);

export const EMBEDDERS = ['local', 'openai', 'cohere', 'synthetic'] as const;

/** What makes vectors of texts. */
export const embedder = exactlyOneOf(
  z.strictObject({
    local: localModel.optional().describe('A model that runs in our own pod.'),
    openai: openai.optional(),
    cohere: cohere.optional(),
    synthetic: synthetic.optional(),
    prompts: z
      .strictObject({ document: prompt('document'), query: prompt('query') })
      .optional()
      .describe('Texts the model wants before what it embeds.'),
  }),
  EMBEDDERS,
).describe(`What makes vectors of texts: exactly one of ${EMBEDDERS.join(', ')}.`);
