import { z } from 'zod';

/** What a change of a field does to a resource that exists. */
export const MUTABILITY = {
  Immutable: 'Refused by the API server. Make a new resource instead.',
  UntilPrepared:
    'Allowed until the data are prepared (the digest is in `status.environment`), then refused: what was measured is true for these data only. Make a new resource instead.',
  KeepsHistory:
    'Allowed at any time. Takes effect with the next decision; what was measured stays and counts. A build under way is finished when its results are still wanted, else discarded.',
  NewHistory:
    'Allowed at any time. What was measured before no longer compares, so a new history begins, with the baseline; the old one stays in the record and is used again when the change is undone.',
} as const;

export type Mutability = keyof typeof MUTABILITY;

/** Mutability of fields. What stands inside a field has its field's, unless it has one of its own. */
export const mutabilities = z.registry<{ mutability: Mutability }>();

/** Says what a change of the field does. */
export function mutable<S extends z.ZodType>(schema: S, mutability: Mutability): S {
  const field = schema.clone(schema.def, { parent: true }) as S;
  mutabilities.add(field, { mutability });
  return field;
}
