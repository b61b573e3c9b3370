import type { VectorSource } from '../../crds/sweep/sweep-spec.ts';
import { errorText, JobError } from '../job-error.ts';
import { signedHeaders } from '../net/s3-secret.ts';
import { SECRET_PARSERS } from '../net/secret-parsers.ts';
import { secretVariable, type SecretField, type SourceRole } from '../dataset-sources.ts';
import type { FetchOptions } from './fetch.ts';

/**
 * What a source is fetched with: what is in its Secrets, which come by environment variables.
 * @throws {JobError} DatasetUnreachable, naming the Secret and nothing of what is in it.
 */
export function sourceCredentials(
  source: Pick<VectorSource, SecretField | 'url'>,
  role: SourceRole,
  env: Readonly<Record<string, string | undefined>>,
): Pick<FetchOptions, 'headers' | 'ca'> {
  const read = <Field extends SecretField>(field: Field): ReturnType<(typeof SECRET_PARSERS)[Field]> | undefined => {
    const reference = source[field];
    if (!reference) return undefined;
    const refuse = (why: string, cause?: unknown) =>
      new JobError(
        'DatasetUnreachable',
        `spec.dataset.vectors.${role}.${field}: key ${reference.key} of Secret ${reference.name}: ${why}`,
        { cause },
      );
    const variable = secretVariable(field, role);
    const text = env[variable];
    if (text === undefined) throw refuse(`it has not come with the job: expected in ${variable}`);
    try {
      return SECRET_PARSERS[field](text) as ReturnType<(typeof SECRET_PARSERS)[Field]>;
    } catch (error) {
      throw refuse(errorText(error), error);
    }
  };
  const headers = read('headersSecretRef');
  const s3 = read('s3SecretRef');
  const ca = read('caSecretRef');
  const { url = '' } = source;
  return {
    ...(headers ? { headers: () => Promise.resolve(headers) } : {}),
    ...(s3 ? { headers: () => signedHeaders(url, s3) } : {}),
    ...(ca === undefined ? {} : { ca }),
  };
}
