import { z } from 'zod';
import { exactlyOneOf, withRule } from '../rules.ts';
import { secretKeyRef } from './secret-key-ref.ts';
import { objectName, sha256 } from './texts.ts';

/** A file on a volume of the user's. */
export const claim = z
  .strictObject({
    claimName: objectName(
      'Name of the claim, in the same namespace, labelled qdrantbench.io/dataset=true. It is mounted read-only.',
    ),
    path: z
      .string()
      .min(1)
      .max(1024)
      .regex(/^\/[A-Za-z0-9._~+@=,/-]*$/, 'must be an absolute path inside the volume, such as /2026/base.fvecs')
      .describe('Absolute path inside the volume.'),
  })
  .describe('A file or folder on a persistent volume.');

export type Claim = z.output<typeof claim>;

/** Where a file is read from: the fields every kind of source has. */
export const origin = {
  url: z
    .string()
    .max(2048)
    .regex(
      /^(https?:\/\/|file:)[A-Za-z0-9._~:/?#[\]@!$&()*+,;=%-]+$/,
      'must begin with https://, http:// or file:, and hold no spaces or quotes; write others as %20',
    )
    .optional()
    .describe('Where to read the file. file: is for local runs and is relative to the YAML file.'),
  persistentVolumeClaim: claim.optional(),
  sha256: sha256('SHA-256 of the file; a file that differs is refused before anything is spent.').optional(),
  headersSecretRef: secretKeyRef(
    'HTTP headers to fetch it with, one a line as NAME: VALUE. They go to the host of url only, and the Secret has to be bound to it.',
  ).optional(),
  s3SecretRef: secretKeyRef(
    "Access key of S3-compatible storage that url leads to, as in AWS's credentials file: aws_access_key_id and aws_secret_access_key, one a line as NAME = VALUE; also aws_session_token, and region where the host does not say it. The Secret has to be bound to the host of url.",
  ).optional(),
  caSecretRef: secretKeyRef(
    'Certificates (PEM) of the authorities to trust for url instead of the public ones. The Secret has to be bound to the host of url.',
  ).optional(),
};

/** The rules of an origin: one place, and Secrets only with a URL, one of them to sign with. */
export function withOriginRules<S extends z.ZodObject<typeof origin>>(schema: S): S {
  const one = exactlyOneOf(schema, ['url', 'persistentVolumeClaim']);
  return withRule(one, {
    rule: 'has(self.url) ? !(has(self.headersSecretRef) && has(self.s3SecretRef)) : !(has(self.headersSecretRef) || has(self.s3SecretRef) || has(self.caSecretRef))',
    message: 'headersSecretRef, s3SecretRef and caSecretRef are for url, the first two not together; remove one',
    holds: ({ url, headersSecretRef, s3SecretRef, caSecretRef }) =>
      url === undefined ? !(headersSecretRef || s3SecretRef || caSecretRef) : !(headersSecretRef && s3SecretRef),
  });
}

/** A file, from a URL or a volume. */
export const fileSource = (description: string) => withOriginRules(z.strictObject(origin)).describe(description);
