import { z } from 'zod';
import { notYet, onlyOneYet } from '../support.ts';
import { exactlyOneOf } from '../rules.ts';
import { secretKeyRef } from './secret-key-ref.ts';
import { objectName, sha256 } from './texts.ts';

/** A file on a volume of the user's. */
export const claim = z
  .strictObject({
    claimName: objectName('Name of the claim, in the same namespace. It is mounted read-only.'),
    path: z
      .string()
      .min(1)
      .max(1024)
      .regex(/^\/[A-Za-z0-9._~+@=,/-]*$/, 'must be an absolute path inside the volume, such as /2026/base.fvecs')
      .describe('Absolute path inside the volume.'),
  })
  .describe('A file or folder on a persistent volume.');

/** Where a file is read from: the fields every kind of source has. */
export const origin = {
  url: onlyOneYet(
    z
      .string()
      .max(2048)
      .regex(
        /^(https?:\/\/|file:)[A-Za-z0-9._~:/?#[\]@!$&()*+,;=%-]+$/,
        'must begin with https://, http:// or file:, and hold no spaces or quotes; write others as %20',
      )
      .describe('Where to read the file. file: is for local runs and is relative to the YAML file.'),
  ),
  persistentVolumeClaim: notYet(claim),
  sha256: sha256('SHA-256 of the file; a file that differs is refused before anything is spent.').optional(),
  headersSecretRef: secretKeyRef(
    'HTTP headers to fetch it with, one a line as NAME: VALUE. They go to the host of url only, and the Secret has to be bound to it.',
  ).optional(),
};

/** A file, from a URL or a volume. */
export const fileSource = (description: string) =>
  exactlyOneOf(z.strictObject(origin), ['url', 'persistentVolumeClaim']).describe(description);
