import { fieldErrors, formatFieldErrors, type FieldError } from '../../crds/field-error.ts';
import { sweepSchema, type QdrantSweep } from '../../crds/sweep/sweep.ts';
import { unsupportedFields } from '../../crds/unsupported-fields.ts';
import { checkParameters } from '../judge/check-parameters.ts';
import { checkQueries } from './named-queries.ts';

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
  const errors = [
    ...urls(parsed.data),
    ...checkQueries(spec),
    ...checkParameters(spec.parameters ?? [], spec.quantizations ?? []),
  ];
  if (errors.length > 0) return invalid([...errors, ...more]);
  if (more.length > 0) return { refused: { reason: 'NotSupported', message: formatFieldErrors(more) } };
  return { sweep: parsed.data };
}

const invalid = (errors: readonly FieldError[]): Admitted => ({
  refused: { reason: 'InvalidSpec', message: formatFieldErrors(errors) },
});

/** What the schema's patterns let pass and is no URL, such as `http://[]`; and files. */
function urls({ spec: { target, dataset } }: QdrantSweep): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: string, url: string, what: string, problem: (url: string) => string | undefined): void => {
    const why = URL.canParse(url) ? problem(url) : `this is no ${what}; correct it`;
    if (why) errors.push({ field, message: `Invalid value: ${JSON.stringify(url.slice(0, 200))}: ${why}` });
  };
  if (target.external) check('spec.target.external.url', target.external.url, 'URL of a server', () => undefined);
  for (const [part, source] of Object.entries(dataset.vectors ?? {})) {
    const url = typeof source === 'object' ? source.url : undefined;
    if (url !== undefined) check(`spec.dataset.vectors.${part}.url`, url, 'URL of a file', fileProblem);
  }
  return errors;
}

/** `file:` means the machine `qdrant-bench run` runs on; a pod has no such files. */
const fileProblem = (url: string): string | undefined =>
  /^file:/i.test(url)
    ? 'in a cluster there are no such files; serve it by http(s), or use "qdrant-bench run"'
    : undefined;
