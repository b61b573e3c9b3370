import { fieldErrors, formatFieldErrors, type FieldError } from '../../crds/field-error.ts';
import { sweepSchema, type QdrantSweep } from '../../crds/sweep/sweep.ts';
import { unsupportedFields } from '../../crds/unsupported-fields.ts';
import { checkParameters } from '../judge/check-parameters.ts';

/** Why a sweep cannot be worked on: reason and message of its condition Accepted. */
export interface Refusal {
  /** NotSupported: all of it is valid, and some of it is more than this version can do. */
  reason: 'InvalidSpec' | 'NotSupported';
  message: string;
}

/** A sweep as the API server holds it, or why it cannot be worked on. */
export type Admitted = { sweep: QdrantSweep; refused?: undefined } | { sweep?: undefined; refused: Refusal };

/**
 * Validates what the API server let pass once more, and what its schema cannot say: an older CRD may still be
 * installed, and names that Qdrant may change are not in it. Pure.
 */
export function admit(object: {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  [field: string]: unknown;
}): Admitted {
  const { apiVersion, kind, metadata } = object;
  const input = {
    apiVersion,
    kind,
    metadata: { name: metadata.name, namespace: metadata.namespace },
    spec: object['spec'],
  };
  const parsed = sweepSchema.safeParse(input);
  if (!parsed.success) return invalid(fieldErrors(sweepSchema, parsed.error, input));
  const { spec } = parsed.data;
  const more = unsupportedFields(sweepSchema, parsed.data, []);
  const errors = [...fileUrls(parsed.data), ...checkParameters(spec.parameters ?? [], spec.quantizations ?? [])];
  if (errors.length > 0) return invalid([...errors, ...more]);
  if (more.length > 0) return { refused: { reason: 'NotSupported', message: formatFieldErrors(more) } };
  return { sweep: parsed.data };
}

const invalid = (errors: readonly FieldError[]): Admitted => ({
  refused: { reason: 'InvalidSpec', message: formatFieldErrors(errors) },
});

/** `file:` means the machine `qdrant-bench run` runs on; a pod has no such files. */
function fileUrls({ spec }: QdrantSweep): FieldError[] {
  const errors: FieldError[] = [];
  for (const [part, source] of Object.entries(spec.dataset.vectors ?? {})) {
    const url = typeof source === 'object' ? source.url : undefined;
    if (url === undefined || !/^file:/i.test(url)) continue;
    const field = `spec.dataset.vectors.${part}.url`;
    errors.push({
      field,
      message: `Invalid value: ${JSON.stringify(url.slice(0, 200))}: in a cluster there are no such files; serve it by http(s), or use "qdrant-bench run"`,
    });
  }
  return errors;
}
