import { z } from 'zod';

/** An amount of money: a decimal string with its currency, for floats lose cents. */
export const money = (description: string) =>
  z
    .strictObject({
      amount: z
        .string()
        .max(16)
        .regex(/^[0-9]{1,9}(\.[0-9]{1,6})?$/, 'must be a decimal string such as "0.20"')
        .describe('A decimal string, never a float.'),
      currency: z
        .string()
        .max(3)
        .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as USD')
        .describe('ISO 4217 code, such as USD.'),
    })
    .describe(description);
