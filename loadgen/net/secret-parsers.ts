import { parseCa } from './ca-secret.ts';
import { parseHeaders } from './header-secret.ts';
import { parseS3Secret } from './s3-secret.ts';

/**
 * How what is in each Secret that a source may name is read, by the field that names it.
 * @throws {RangeError} saying what is wrong, and nothing of what is in it.
 */
export const SECRET_PARSERS = {
  headersSecretRef: parseHeaders,
  s3SecretRef: parseS3Secret,
  caSecretRef: parseCa,
} as const;
