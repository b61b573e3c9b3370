import { checkFilter } from '../../crds/filter/check-filter.ts';
import { formatFieldErrors } from '../../crds/field-error.ts';
import { literalText, variableName } from '../../crds/filter/template.ts';

/** A filter as Qdrant takes it. */
export type Filter = Record<string, unknown>;

/**
 * A filter with every text `$name` replaced by that variable's value, whatever its type; `$$name` becomes the text
 * `$name`. Values are put in as they are, never joined to a text and never read as templates themselves. Keys stay.
 * @throws {RangeError} naming the variable and those there are; or what the filter has become, where Qdrant would refuse it.
 */
export function resolveFilter(filter: Filter, variables: Readonly<Record<string, unknown>> = {}): Filter {
  const resolved = replace(filter, variables) as Filter;
  const { problems } = checkFilter(resolved, ['filter'], { template: false });
  if (problems.length > 0) {
    throw new RangeError(`with its variables it is no filter: ${formatFieldErrors(problems.slice(0, 3))}`);
  }
  return resolved;
}

function replace(value: unknown, variables: Readonly<Record<string, unknown>>): unknown {
  if (typeof value === 'string') {
    const name = variableName(value);
    if (name === undefined) return literalText(value);
    if (Object.hasOwn(variables, name)) return variables[name];
    const known = Object.keys(variables).slice(0, 20).join(', ') || 'none';
    throw new RangeError(`$${name} is not a variable (there are: ${known}); for a literal text write $$${name}`);
  }
  if (Array.isArray(value)) return value.map((item) => replace(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    // A payload's path is never a template.
    Object.entries(value).map(([key, inner]) => [key, key === 'key' ? inner : replace(inner, variables)]),
  );
}
