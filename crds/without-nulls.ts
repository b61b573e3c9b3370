import type { z } from 'zod';

type Def = z.core.$ZodTypes['_zod']['def'];
const defOf = (schema: z.core.$ZodType): Def => (schema as z.core.$ZodTypes)._zod.def;

/**
 * The value without fields that are null, as the API server reads it: a null is a field that is not there, except inside
 * verbatim bodies, and where the field may be null. What does not fit the schema is left as it is, for the schema to refuse.
 */
export function withoutNulls(schema: z.core.$ZodType, value: unknown): unknown {
  const def = defOf(schema);
  if (def.type === 'optional' || def.type === 'nullable') return withoutNulls(def.innerType, value);
  if (def.type === 'array' && Array.isArray(value)) return value.map((item) => withoutNulls(def.element, item));
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const fieldOf = (key: string): z.core.$ZodType | undefined => {
    if (def.type === 'object') return Object.hasOwn(def.shape, key) ? def.shape[key] : undefined;
    return def.type === 'record' ? def.valueType : undefined;
  };
  const kept: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const field = fieldOf(key);
    if (inner === null && field && !allowsNull(field)) continue;
    const clean = field ? withoutNulls(field, inner) : inner;
    // Assignment would lose a field called __proto__, and with it that it is unknown.
    Object.defineProperty(kept, key, { value: clean, enumerable: true, configurable: true, writable: true });
  }
  return kept;
}

function allowsNull(schema: z.core.$ZodType): boolean {
  const def = defOf(schema);
  if (def.type === 'optional') return allowsNull(def.innerType);
  return def.type === 'nullable' || def.type === 'unknown';
}
