import { z } from 'zod';
import { objectName } from './texts.ts';

/** A key of a Secret in the resource's namespace. Secrets themselves never stand in a resource. */
export const secretKeyRef = (description: string) =>
  z
    .strictObject({
      name: objectName(
        'Name of the Secret, in the same namespace, labelled qdrantbench.io/credential=true and bound to its host by annotation.',
      ),
      key: z
        .string()
        .min(1)
        .max(253)
        .regex(/^[A-Za-z0-9._-]+$/, 'must be a Secret key: letters, digits, -, _ and .')
        .describe('Key inside the Secret.'),
    })
    .describe(description);
