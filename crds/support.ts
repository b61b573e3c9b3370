import { z } from 'zod';

/** What this version cannot do with a field: which values, and what to do about them. */
interface Unsupported {
  /** Whether a value that passed its schema is one of those. */
  is: (value: unknown) => boolean;
  /** After "not supported by this version; ". */
  instead: string;
  /** Every value is one of those: what is inside goes with it. */
  whole?: true;
  /** The value says nothing, or too much. */
  unnamed?: true;
}

/** What is valid in the schema and not carried out yet, beside the field. `unsupportedFields` reads it. */
export const unsupported = z.registry<Unsupported>();

/**
 * An optional field that is part of the API and that this version cannot carry out. Admission refuses it, so that its
 * type is `undefined` for all code behind admission. To support it, take this mark away: the compiler then shows
 * nothing, for nobody reads the field yet.
 */
export function notYet(schema: z.ZodType): z.ZodOptional<z.ZodNever> {
  const field = schema.optional();
  unsupported.add(field, { is: () => true, instead: 'leave it out', whole: true, unnamed: true });
  return field as unknown as z.ZodOptional<z.ZodNever>;
}

/** A field of which this version can carry out some values only. */
export function notYetWhen<S extends z.ZodType>(schema: S, unable: Unsupported): S {
  const field = schema.clone(schema.def, { parent: true }) as S;
  unsupported.add(field, unable);
  return field;
}

/** A choice of names, of which this version can carry out the first ones only; the type has no others. */
export function choice<const Now extends string>(
  now: readonly Now[],
  later: readonly string[] = [],
): z.ZodEnum<{ [name in Now]: name }> {
  const schema = z.enum([...now, ...later]);
  if (later.length > 0) {
    unsupported.add(schema, {
      is: (value) => later.includes(value as string),
      instead: `use ${now.length === 1 ? '' : 'one of '}${now.join(', ')}`,
    });
  }
  return schema as unknown as z.ZodEnum<{ [name in Now]: name }>;
}

/** Fields that the API server does not insist on, though our own schema does. */
export const lenient = z.registry<{ lenient: true }>();

/**
 * A field of a status that our own writer always fills and our own reader relies on. The API server does not insist: a
 * status written in part, by an older version or by hand, is no reason to refuse the next one.
 */
export function written<S extends z.ZodType>(schema: S): S {
  const field = schema.clone(schema.def, { parent: true }) as S;
  lenient.add(field, { lenient: true });
  return field;
}
