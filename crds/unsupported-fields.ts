import type { z } from 'zod';
import { fieldPath, type FieldError } from './field-error.ts';
import { unsupported } from './support.ts';

type Def = z.core.$ZodTypes['_zod']['def'];
const defOf = (schema: z.core.$ZodType): Def => (schema as z.core.$ZodTypes)._zod.def;

/**
 * What a value that passed `schema` asks for and this version cannot do, field by field, with what to do about it.
 * What stands inside a field that is to be left out goes with it. Pure.
 */
export function unsupportedFields(schema: z.core.$ZodType, value: unknown, path: readonly PropertyKey[]): FieldError[] {
  if (value === undefined) return [];
  const mark = unsupported.get(schema as z.ZodType);
  const found: FieldError[] = [];
  if (mark?.is(value)) {
    const what = mark.unnamed ? '' : `${JSON.stringify(value)} is `;
    found.push({ field: fieldPath(path), message: `${what}not supported by this version; ${mark.instead}` });
    if (mark.whole) return found;
  }
  return [...found, ...inside(schema, value, path)];
}

function inside(schema: z.core.$ZodType, value: unknown, path: readonly PropertyKey[]): FieldError[] {
  const def = defOf(schema);
  if (def.type === 'optional') return unsupportedFields(def.innerType, value, path);
  if (def.type === 'object') {
    return Object.entries(def.shape).flatMap(([key, field]) =>
      unsupportedFields(field, (value as Record<string, unknown>)[key], [...path, key]),
    );
  }
  if (def.type === 'array') {
    return (value as unknown[]).flatMap((item, index) => unsupportedFields(def.element, item, [...path, index]));
  }
  return [];
}
