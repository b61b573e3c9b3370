import { parsePayloadPath } from './payload-path.ts';

/** What is wrong with one of some payload fields that are to be made up. */
export interface FieldNameProblem {
  index: number;
  message: string;
}

/** The keys of a path that is names joined by dots, undefined for any other. */
export function plainPath(field: string): string[] | undefined {
  const steps = parsePayloadPath(field) ?? [];
  const keys = steps.flatMap((step) => (typeof step === 'object' && 'key' in step ? [step.key] : []));
  return keys.length > 0 && keys.length === steps.length ? keys : undefined;
}

/** Fields that cannot be made up, or not in one payload: `a` is no value where `a.b` is one. Pure. */
export function fieldNameProblems(fields: readonly string[]): FieldNameProblem[] {
  const paths = fields.map(plainPath);
  return paths.flatMap((path, index) => {
    if (!path) return [{ index, message: 'must be names joined by dots, such as meta.lang' }];
    const clash = paths.findIndex((other, at) => at !== index && path.every((key, depth) => other?.[depth] === key));
    return clash < 0 ? [] : [{ index, message: `cannot be there together with ${fields[clash]}; rename one` }];
  });
}
