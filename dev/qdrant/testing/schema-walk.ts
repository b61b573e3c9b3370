import type { Json } from './json-text.ts';

/** The part of JSON Schema (draft 7) that the server prints. */
export type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: Json[];
  properties?: { [name: string]: Schema };
  required?: string[];
  additionalProperties?: boolean | Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  definitions?: { [name: string]: Schema };
};

/** A leaf of a body: the way to it, and values to try. `base` is what must be there for the leaf to be sendable. */
export type Leaf = { path: string[]; values: Json[]; base: Json };

/** Values that some field may take, so that one of them is not its default and one is likely valid. */
const integers = [1, 7, 150];
const numbers = [0.55, 3];

/** Every leaf of the object `root`, with a map's one member named `mapKey(path)`. */
export function leaves(root: Schema, mapKey: (path: string[]) => string): Leaf[] {
  const definitions = root.definitions ?? {};
  const resolve = (schema: Schema): Schema => {
    const ref = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
    if (ref === undefined) return schema;
    const found = definitions[ref.replace('#/definitions/', '')];
    if (found === undefined) throw new Error(`schema has no ${ref}`);
    return resolve(found);
  };
  const isNull = (schema: Schema): boolean => schema.type === 'null';

  const walk = (raw: Schema, path: string[], base: Json): Leaf[] => {
    const schema = resolve(raw);
    const variants = (schema.anyOf ?? schema.oneOf)?.filter((variant) => !isNull(variant));
    if (variants !== undefined) return variants.flatMap((variant) => walk(variant, path, base));
    if (schema.enum !== undefined) return [{ path, values: schema.enum.filter((value) => value !== null), base }];
    if (schema.properties !== undefined) {
      const here = example(schema);
      return Object.entries(schema.properties).flatMap(([name, property]) =>
        walk(property, [...path, name], merge(base, path, here)),
      );
    }
    if (typeof schema.additionalProperties === 'object') {
      return walk(schema.additionalProperties, [...path, mapKey(path)], base);
    }
    return [{ path, values: scalars(schema), base }];
  };

  /** The least object of a schema: its required fields. */
  const example = (raw: Schema): Json => {
    const schema = resolve(raw);
    const variants = (schema.anyOf ?? schema.oneOf)?.filter((variant) => !isNull(variant));
    if (variants?.[0] !== undefined) return example(variants[0]);
    if (schema.enum?.[0] !== undefined) return schema.enum[0];
    if (schema.properties !== undefined) {
      const required = (schema.required ?? []).map((name) => [name, example(schema.properties?.[name] ?? {})]);
      return Object.fromEntries(required) as Json;
    }
    return scalars(schema)[0] ?? null;
  };

  return walk(root, [], {});
}

function scalars(schema: Schema): Json[] {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  if (types.includes('boolean')) return [true, false];
  if (types.includes('integer')) return integers;
  if (types.includes('number')) return numbers;
  if (types.includes('string')) return ['text'];
  if (types.includes('array')) return [[1]];
  // Free JSON, and the fields that are refused whatever they hold.
  return [{ free: 1 }, 2];
}

/** `base` with the fields of `value` at `path` where `base` has none. */
function merge(base: Json, path: readonly string[], value: Json): Json {
  const [first, ...rest] = path;
  const object = typeof base === 'object' && base !== null && !Array.isArray(base) ? base : {};
  if (first !== undefined) return { ...object, [first]: merge(object[first] ?? {}, rest, value) };
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value, ...object } : value;
}
