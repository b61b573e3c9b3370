import type { z } from 'zod';
import { keywords } from '../common/lists.ts';
import { celRules, type CelRule } from '../rules.ts';
import { lenient } from '../support.ts';
import { boundsLength, celPattern, re2Source } from './pattern.ts';

/** A node of a structural OpenAPI v3 schema, as far as we write it. */
export interface StructuralSchema {
  description?: string;
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  format?: 'int64' | 'date-time';
  enum?: string[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: true;
  exclusiveMaximum?: true;
  nullable?: true;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: StructuralSchema;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  'x-kubernetes-validations'?: CelRule[];
  [extension: `x-kubernetes-${string}`]: unknown;
}

/** A construct of zod that has no place in a CustomResourceDefinition; the path says where it stands. */
export class UnsupportedSchemaError extends Error {
  override readonly name = 'UnsupportedSchemaError';
  readonly path: string;
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.path = path;
  }
}

type Def = z.core.$ZodTypes['_zod']['def'];
type CheckDef = z.core.$ZodChecks['_zod']['def'];

/**
 * The structural schema of a zod schema. Supported: closed objects, records, bounded arrays, bounded strings,
 * numbers, booleans, enums, literals, `string | number` (int-or-string), optional, nullable, descriptions,
 * `x-kubernetes-*` metadata and the rules of `withRule`.
 *
 * Anything else is refused rather than left out: what the CRD does not say, the API server does not check.
 * @throws {UnsupportedSchemaError} naming the path and what to do instead.
 */
export function structural(schema: z.core.$ZodType, path: string): StructuralSchema {
  const { inner, wrappers, nullable } = unwrap(schema);
  const layers = [...wrappers, inner];
  const node: StructuralSchema = {};
  const description = layers.map((layer) => (layer as z.ZodType).description).find(Boolean);
  if (description) node.description = description;
  Object.assign(node, body(inner, path));
  if (nullable) node.nullable = true;
  for (const layer of layers) Object.assign(node, keywordsOf(layer));
  const rules = layers.toReversed().flatMap((layer) => rulesOf(layer, path));
  rules.unshift(...(node['x-kubernetes-validations'] ?? []));
  if (rules.length) node['x-kubernetes-validations'] = rules;
  return node;
}

const defOf = (schema: z.core.$ZodType): Def => (schema as z.core.$ZodTypes)._zod.def;

/** The checks a schema keyword can express. Refinements (`custom`) are `rulesOf`'s. */
function checksOf(def: { checks?: z.core.$ZodCheck[] | undefined }): CheckDef[] {
  return (def.checks ?? []).filter(({ _zod }) => _zod.def.check !== 'custom').map(({ _zod }) => _zod.def as CheckDef);
}

/** Optional and nullable say something about the schema they wrap; the rest of the node is the wrapped one's. */
function unwrap(schema: z.core.$ZodType): { inner: z.core.$ZodType; wrappers: z.core.$ZodType[]; nullable: boolean } {
  const wrappers: z.core.$ZodType[] = [];
  let inner = schema;
  let nullable = false;
  for (let def = defOf(inner); def.type === 'optional' || def.type === 'nullable'; def = defOf(inner)) {
    nullable ||= def.type === 'nullable';
    wrappers.push(inner);
    inner = def.innerType;
  }
  return { inner, wrappers, nullable };
}

/** `maxProperties`, `x-kubernetes-list-type` and the like, which zod has no word for. */
function keywordsOf(schema: z.core.$ZodType): StructuralSchema {
  return (keywords.get(schema as z.ZodType)?.keywords ?? {}) as StructuralSchema;
}

/** The CEL rules of one layer. A refinement without one would be checked by the CLI and not by the API server. */
function rulesOf(schema: z.core.$ZodType, path: string): CelRule[] {
  const rules = celRules.get(schema as z.ZodType)?.rules ?? [];
  const refinements = (defOf(schema).checks ?? []).filter((check) => check._zod.def.check === 'custom');
  if (refinements.length !== rules.length + (keywords.get(schema as z.ZodType)?.checks ?? 0)) {
    throw new UnsupportedSchemaError(path, 'a refinement without a CEL rule; write it with withRule');
  }
  return rules;
}

function body(schema: z.core.$ZodType, path: string): StructuralSchema {
  const def = defOf(schema);
  switch (def.type) {
    case 'object':
      return object(def, path);
    case 'record':
      return record(def, schema, path);
    case 'array':
      return array(def, path);
    case 'string':
      return string(def, path);
    case 'number':
      return number(def, path);
    case 'boolean':
      return { type: 'boolean' };
    case 'enum':
      return { type: 'string', enum: texts(Object.values(def.entries), path) };
    case 'literal':
      return { type: 'string', enum: texts(def.values, path) };
    case 'unknown':
      return { 'x-kubernetes-preserve-unknown-fields': true };
    case 'union':
      return intOrString(def, path);
    default:
      throw new UnsupportedSchemaError(path, `z.${def.type}() has no place in a structural schema`);
  }
}

function texts(values: readonly unknown[], path: string): string[] {
  return values.map((value) => {
    if (typeof value !== 'string') throw new UnsupportedSchemaError(path, `the choice ${String(value)} is no string`);
    return value;
  });
}

function object(def: z.core.$ZodObjectDef, path: string): StructuralSchema {
  if (!def.catchall || defOf(def.catchall).type !== 'never') {
    throw new UnsupportedSchemaError(path, 'an open object; use z.strictObject, or z.record for verbatim bodies');
  }
  const fields = Object.entries(def.shape);
  const required = fields
    .filter(([, field]) => field._zod.optin !== 'optional' && !lenient.get(field as z.ZodType))
    .map(([name]) => name);
  return {
    type: 'object',
    ...(required.length ? { required } : {}),
    properties: Object.fromEntries(fields.map(([name, field]) => [name, structural(field, `${path}.${name}`)])),
  };
}

/** A map. Of untyped values it is a verbatim body: kept as written, checked by whoever it is meant for. */
function record(def: z.core.$ZodRecordDef, schema: z.core.$ZodType, path: string): StructuralSchema {
  const [check] = checksOf(def);
  if (check) throw new UnsupportedSchemaError(path, `${check.check} on a map`);
  const key = defOf(def.keyType);
  if (key.type !== 'string') throw new UnsupportedSchemaError(path, 'the keys of a map are strings');
  const [bound] = checksOf(key);
  if (bound) throw new UnsupportedSchemaError(path, `${bound.check} on the keys of a map; a rule has to bound them`);
  if (keywordsOf(schema).maxProperties === undefined) {
    throw new UnsupportedSchemaError(path, 'a map without a bound; use mapOf or verbatim');
  }
  if (defOf(def.valueType).type === 'unknown') return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return { type: 'object', additionalProperties: structural(def.valueType, `${path}.*`) };
}

function array(def: z.core.$ZodArrayDef, path: string): StructuralSchema {
  const node: StructuralSchema = { type: 'array' };
  for (const check of checksOf(def)) {
    if (check.check === 'min_length') node.minItems = check.minimum;
    else if (check.check === 'max_length') node.maxItems = check.maximum;
    else if (check.check === 'length_equals') node.minItems = node.maxItems = check.length;
    else throw new UnsupportedSchemaError(path, `${check.check} on a list`);
  }
  if (node.maxItems === undefined) throw new UnsupportedSchemaError(path, 'a list without a bound; add .max()');
  return { ...node, items: structural(def.element, `${path}[]`) };
}

function string(def: z.core.$ZodStringDef, path: string): StructuralSchema {
  const node: StructuralSchema = { type: 'string' };
  let bounded = false;
  // z.iso.datetime() is its own check; every other format stands in `checks`.
  const own = 'format' in def && def.format ? [def as unknown as CheckDef] : [];
  for (const check of [...own, ...checksOf(def)]) {
    if (check.check === 'min_length') node.minLength = check.minimum;
    else if (check.check === 'max_length') [node.maxLength, bounded] = [check.maximum, true];
    else if (check.check === 'length_equals')
      [node.minLength, node.maxLength, bounded] = [check.length, check.length, true];
    else if (check.check === 'string_format' && check.format === 'datetime') {
      [node.format, bounded] = ['date-time', true];
    } else if (check.check === 'string_format' && check.format === 'regex' && check.pattern) {
      if (node.pattern !== undefined) throw new UnsupportedSchemaError(path, 'two patterns; make them one');
      Object.assign(node, pattern(check.pattern, check, path));
      bounded ||= boundsLength(check.pattern);
    } else {
      const what = check.check === 'string_format' ? check.format : check.check;
      throw new UnsupportedSchemaError(path, `${what} on a string; write it as a pattern`);
    }
  }
  if (!bounded) throw new UnsupportedSchemaError(path, 'a string without a bound; add .max()');
  return node;
}

/**
 * A pattern, and beside it a rule that says in words what the pattern wants: for a pattern alone the API server prints
 * the regular expression.
 */
function pattern(regex: RegExp, check: CheckDef, path: string): StructuralSchema {
  try {
    const said = (check.error as z.core.$ZodErrorMap | undefined)?.({
      code: 'invalid_format',
      input: '',
    } as z.core.$ZodRawIssue);
    const message = typeof said === 'string' ? said : said?.message;
    return {
      pattern: re2Source(regex),
      ...(message ? { 'x-kubernetes-validations': [{ rule: `self.matches(${celPattern(regex)})`, message }] } : {}),
    };
  } catch (error) {
    throw new UnsupportedSchemaError(path, (error as Error).message);
  }
}

function number(def: z.core.$ZodNumberDef, path: string): StructuralSchema {
  const { format } = def as Partial<z.core.$ZodNumberFormatDef>;
  const integer = format === 'safeint';
  if (format && !integer) {
    throw new UnsupportedSchemaError(path, `the number format ${format}; use z.int() or z.number()`);
  }
  const node: StructuralSchema = integer ? { type: 'integer', format: 'int64' } : { type: 'number' };
  for (const check of checksOf(def)) {
    if (check.check === 'greater_than') {
      node.minimum = Number(check.value);
      if (!check.inclusive) node.exclusiveMinimum = true;
    } else if (check.check === 'less_than') {
      node.maximum = Number(check.value);
      if (!check.inclusive) node.exclusiveMaximum = true;
    } else throw new UnsupportedSchemaError(path, `${check.check} on a number`);
  }
  return node;
}

/** A quantity or port that may be written as a number or a text. A structural schema allows no other union. */
function intOrString(def: z.core.$ZodUnionDef, path: string): StructuralSchema {
  const kinds = def.options.map((option) => body(option, path));
  const text = kinds.find((kind) => kind.type === 'string' && !kind.enum);
  const whole = kinds.find((kind) => kind.type === 'integer');
  if (kinds.length !== 2 || !text || !whole) {
    throw new UnsupportedSchemaError(path, 'a union other than z.string() | z.int(); use exactlyOneOf');
  }
  if (def.options.some((option) => rulesOf(option, path).length)) {
    throw new UnsupportedSchemaError(path, 'a rule on one side of a union; put it on the union');
  }
  return {
    'x-kubernetes-int-or-string': true,
    ...(text.pattern === undefined ? {} : { pattern: text.pattern }),
    ...(text.maxLength === undefined ? {} : { maxLength: text.maxLength }),
    ...(whole.minimum === undefined ? {} : { minimum: whole.minimum }),
    ...(whole.maximum === undefined ? {} : { maximum: whole.maximum }),
  };
}
