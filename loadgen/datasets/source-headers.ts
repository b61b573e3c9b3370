import type { JsonSource, VectorSource } from '../../crds/sweep/sweep-spec.ts';
import { errorText, JobError } from '../job-error.ts';
import { parseHeaders } from '../net/header-secret.ts';
import { headersVariable, type SourceRole } from '../protocol.ts';

/**
 * The headers a source is fetched with: those of its Secret, which come by environment variable; undefined when it names
 * none.
 * @throws {JobError} DatasetUnreachable, naming the Secret and nothing of what is in it.
 */
export function sourceHeaders(
  source: VectorSource | JsonSource,
  role: SourceRole,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> | undefined {
  const { headersSecretRef: reference } = source;
  if (!reference) return undefined;
  const refuse = (why: string, cause?: unknown) =>
    new JobError(
      'DatasetUnreachable',
      `spec.dataset.vectors.${role}.headersSecretRef: key ${reference.key} of Secret ${reference.name}: ${why}`,
      { cause },
    );
  const text = env[headersVariable(role)];
  if (text === undefined) throw refuse(`it has not come with the job: expected in ${headersVariable(role)}`);
  try {
    return parseHeaders(text);
  } catch (error) {
    throw refuse(errorText(error), error);
  }
}
