import { parsePayloadPath, type PathStep } from '../../crds/filter/payload-path.ts';
import { fieldTest, type ValueTest } from './field-test.ts';
import { isJsonObject } from './payload-json.ts';
import type { Filter } from './resolve.ts';

/** Whether a point matches: its payload as `parsePayload` reads it, and its id. */
export type Predicate = (payload: Record<string, unknown>, id: number) => boolean;

/**
 * Qdrant's filter as a function. The filter is resolved and passes `checkFilter`. It answers as the engine does where the
 * field has no payload index; with an index the answer is the same, where all values of the field are of the index's type.
 */
export function compileFilter(filter: Filter): Predicate {
  const parts: Predicate[] = [];
  const clause = (name: string): Predicate[] | undefined => {
    const conditions = filter[name];
    if (conditions === undefined) return undefined;
    return (Array.isArray(conditions) ? conditions : [conditions]).map((inner) => condition(inner as Filter));
  };
  const must = clause('must');
  if (must) parts.push(...must);
  const should = clause('should');
  if (should) parts.push((payload, id) => should.some((holds) => holds(payload, id)));
  const mustNot = clause('must_not');
  if (mustNot) parts.push((payload, id) => !mustNot.some((holds) => holds(payload, id)));
  const least = filter['min_should'] as { conditions: Filter[]; min_count: number } | undefined;
  if (least) {
    const conditions = least.conditions.map(condition);
    parts.push((payload, id) => atLeast(least.min_count, conditions, payload, id));
  }
  const [only] = parts;
  if (only && parts.length === 1) return only;
  return (payload, id) => parts.every((holds) => holds(payload, id));
}

function atLeast(count: number, conditions: readonly Predicate[], payload: Record<string, unknown>, id: number) {
  let found = 0;
  for (const holds of conditions) {
    if (holds(payload, id)) found += 1;
    if (found === count) return true;
  }
  return false;
}

function condition(body: Filter): Predicate {
  if ('key' in body) return field(body);
  if ('is_empty' in body) {
    const read = reader((body['is_empty'] as { key: string }).key);
    return (payload) => read(payload).every((value) => value === null || (Array.isArray(value) && value.length === 0));
  }
  if ('is_null' in body) {
    const read = reader((body['is_null'] as { key: string }).key);
    return (payload) => read(payload).some((value) => value === null || (Array.isArray(value) && value.includes(null)));
  }
  if ('has_id' in body) {
    const ids = new Set(body['has_id'] as unknown[]);
    return (_payload, id) => ids.has(id);
  }
  if ('nested' in body) {
    const { key, filter } = body['nested'] as { key: string; filter: Filter };
    // Nested filters are about the elements of an array, whether the key says so or not.
    const read = reader(key.endsWith('[]') ? key : `${key}[]`);
    const inner = compileFilter(filter);
    return (payload, id) => read(payload).some((value) => isJsonObject(value) && inner(value, id));
  }
  return compileFilter(body);
}

function field(body: Filter): Predicate {
  const read = reader(body['key'] as string);
  const test: ValueTest = fieldTest(body);
  return (payload) => {
    const values = read(payload);
    return values.length === 0 ? test.ifMissing : values.some(test.holds);
  };
}

/** Reads all values at a path. */
function reader(key: string): (payload: Record<string, unknown>) => unknown[] {
  const steps = parsePayloadPath(key) as PathStep[];
  const [first] = steps;
  if (steps.length === 1 && typeof first === 'object' && 'key' in first) {
    const { key: name } = first;
    return (payload) => (Object.hasOwn(payload, name) ? [payload[name]] : []);
  }
  return (payload) => {
    const found: unknown[] = [];
    collect(payload, steps, 0, found);
    return found;
  };
}

function collect(value: unknown, steps: readonly PathStep[], at: number, found: unknown[]): void {
  const step = steps[at];
  if (step === undefined) found.push(value);
  else if (step === 'all') {
    if (Array.isArray(value)) for (const item of value) collect(item, steps, at + 1, found);
  } else if ('index' in step) {
    if (Array.isArray(value) && step.index < value.length) collect(value[step.index], steps, at + 1, found);
  } else if (isJsonObject(value) && Object.hasOwn(value, step.key)) collect(value[step.key], steps, at + 1, found);
}
