import { closest } from '../../crds/closest.ts';
import { fieldPath, type FieldError } from '../../crds/field-error.ts';
import { checkFilter } from '../../crds/filter/check-filter.ts';
import { fieldNameProblems } from '../../crds/filter/field-names.ts';
import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import type { PrepareJob } from '../../loadgen/protocol.ts';

type NamedQueries = NonNullable<PrepareJob['queries']>;

interface Asked {
  payloadIndexes?: readonly { field: string; type: string }[] | undefined;
  queries?:
    | readonly {
        name: string;
        weight?: number | undefined;
        filter?: Record<string, unknown> | undefined;
      }[]
    | undefined;
}

/** The sorts of queries a workload asks, weights filled in; undefined where every query is alike. */
export function namedQueries({ queries }: Asked = {}): NamedQueries | undefined {
  return queries?.map(({ name, weight = 1, filter }) => ({ name, weight, ...(filter ? { filter } : {}) }));
}

/**
 * What is wrong with the filters of a workload and the payload they are about, as far as can be told before the data are
 * read: what Qdrant would refuse, variables and fields that will not be there. Pure.
 */
export function checkQueries({ dataset, workload }: { dataset: SweepSpec['dataset']; workload?: Asked | undefined }) {
  const errors: FieldError[] = [];
  const made = dataset.synthetic?.payload?.map(({ field }) => field);
  for (const { index, message } of fieldNameProblems(made ?? [])) {
    errors.push({ field: fieldPath(['spec', 'dataset', 'synthetic', 'payload', index, 'field']), message });
  }
  const variables = knownVariables(dataset);
  const indexes = new Map(workload?.payloadIndexes?.map(({ field, type }) => [field, type]));
  workload?.queries?.forEach(({ filter }, index) => {
    if (filter === undefined) return;
    const checked = checkFilter(filter, ['spec', 'workload', 'queries', index, 'filter'], { template: true, indexes });
    errors.push(...checked.problems);
    for (const [name, field] of checked.variables) {
      if (variables && !variables.names.includes(name)) errors.push({ field, message: unknown(name, variables) });
    }
  });
  const fields = knownFields(dataset);
  workload?.payloadIndexes?.forEach(({ field }, index) => {
    if (fields && !fields.includes(field)) {
      errors.push({
        field: fieldPath(['spec', 'workload', 'payloadIndexes', index, 'field']),
        message: `no point has a field ${field}${like(field, fields)}; ${dataset.synthetic ? 'add it to spec.dataset.synthetic.payload' : 'set spec.dataset.vectors.payload'}, or remove the index`,
      });
    }
  });
  return errors;
}

interface Variables {
  names: readonly string[];
  /** Where they come from. */
  from: string;
}

/** undefined: only the file knows. */
function knownVariables({ vectors, synthetic }: SweepSpec['dataset']): Variables | undefined {
  if (vectors) return vectors.queryVariables ? undefined : { names: [], from: 'spec.dataset.vectors.queryVariables' };
  const names = synthetic?.payload?.map(({ field }) => field) ?? [];
  return { names, from: 'spec.dataset.synthetic.payload' };
}

function knownFields({ vectors, synthetic }: SweepSpec['dataset']): readonly string[] | undefined {
  if (vectors) return vectors.payload ? undefined : [];
  return synthetic?.payload?.map(({ field }) => field) ?? [];
}

const unknown = (name: string, { names, from }: Variables): string =>
  `$${name} is not a variable${like(name, names)}; add it to ${from}, or for a literal text write $$${name}`;

function like(name: string, names: readonly string[]): string {
  const near = closest(name, names);
  if (near) return `, did you mean ${near}?`;
  return names.length > 0 ? ` (there are: ${names.join(', ')})` : '';
}
