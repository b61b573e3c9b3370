import fc from 'fast-check';
import { API_VERSION, type Kind } from '../common/resource.ts';
import { structural, type StructuralSchema } from '../generate/structural.ts';

type Json = null | boolean | number | string | Json[] | JsonObject;
interface JsonObject {
  [key: string]: Json;
}
type Draw = <T>(arbitrary: fc.Arbitrary<T>) => T;

/** A made-up resource: the JSON a client would send. */
export interface FuzzedResource {
  body: string;
  /** What was done to it after it was made; empty: nothing. */
  hostile: string;
}

/**
 * `count` resources of a kind, always the same for a seed: each follows the generated schema, and most were then broken
 * somewhere. Whether they are valid is not known: rules over several fields are met by chance only.
 */
export function fuzzedResources(kind: Kind, { seed, count }: { seed: number; count: number }): FuzzedResource[] {
  const spec = structural(kind.schema.shape.spec, 'spec');
  const resource = fc.gen().map((gen): FuzzedResource => {
    const draw: Draw = (arbitrary) => gen(() => arbitrary);
    const object: JsonObject = { spec: mended(valid(spec, draw, 0)) };
    const hostile = draw(fc.integer({ min: 0, max: 2 })) === 0 ? '' : spoil(object, draw);
    const metadata = { name: 'fuzzed', namespace: 'default' };
    return { body: JSON.stringify({ apiVersion: API_VERSION, kind: kind.kind, metadata, ...object }), hostile };
  });
  return fc.sample(resource, { seed, numRuns: count });
}

/** An experiment's parts speak of one another; by chance they would hardly ever agree. */
function mended(spec: Json): Json {
  const { arms, evaluation } = spec as { arms?: JsonObject[]; evaluation?: JsonObject };
  if (!arms || !evaluation) return spec;
  evaluation['baseline'] = arms[0]?.['name'] ?? '';
  if (Array.isArray(evaluation['metrics'])) evaluation['metrics'].push(evaluation['primary'] ?? '');
  for (const arm of arms) {
    const retrieval = arm['retrieval'] as JsonObject;
    const hybrid = retrieval['fusion'] !== undefined || retrieval['sparse'] !== undefined;
    retrieval['mode'] = arm['embedder'] === undefined ? 'Sparse' : hybrid ? 'Hybrid' : 'Dense';
    if (retrieval['mode'] === 'Sparse') delete retrieval['fusion'];
  }
  return spec;
}

/** One in how many optional fields is there, by depth: resources stay small enough to be valid now and then. */
const PRESENT = [3, 4, 5, 6, 8];

/** A value the schema allows. */
function valid(node: StructuralSchema, draw: Draw, depth: number): Json {
  if (node.enum) return draw(fc.constantFrom(...node.enum));
  switch (node.type) {
    case 'object':
      return object(node, draw, depth);
    case 'array': {
      const { minItems = 0, maxItems = 0, items = {} } = node;
      const length = draw(fc.integer({ min: minItems, max: Math.min(maxItems, minItems + 2) }));
      return Array.from({ length }, () => valid(items, draw, depth + 1));
    }
    case 'string':
      return text(node, draw);
    case 'integer':
      return draw(fc.integer(bounds(node)));
    case 'number': {
      const { min, max } = bounds(node);
      // What the rule about percentiles allows, or anything within the bounds.
      return draw(fc.oneof(fc.constantFrom(min, max, 50, 95, 99, 99.9), fc.double({ min, max, noNaN: true })));
    }
    case 'boolean':
      return draw(fc.boolean());
    default:
      return draw(fc.jsonValue()) as Json;
  }
}

function object(node: StructuralSchema, draw: Draw, depth: number): Json {
  const { additionalProperties: values, maxProperties = 0 } = node;
  if (values || node['x-kubernetes-preserve-unknown-fields']) {
    const keys = draw(fc.array(fc.string({ maxLength: 20 }), { maxLength: Math.min(3, maxProperties) }));
    return Object.fromEntries(
      keys.map((key) => [key, values ? valid(values, draw, depth + 1) : (draw(fc.jsonValue()) as Json)]),
    );
  }
  const union = oneOf(node);
  const chosen = union.length > 0 ? draw(fc.constantFrom(...union)) : undefined;
  const oneIn = PRESENT[Math.min(depth, PRESENT.length - 1)] as number;
  const entries: [string, Json][] = [];
  for (const [name, field] of Object.entries(node.properties ?? {})) {
    const needed = node.required?.includes(name) === true || name === chosen;
    const wanted = !union.includes(name) && draw(fc.integer({ min: 1, max: oneIn })) === 1;
    if (needed || wanted) entries.push([name, valid(field, draw, depth + 1)]);
  }
  return Object.fromEntries(entries);
}

/** The fields of which a rule wants exactly one. */
function oneOf(node: StructuralSchema): string[] {
  for (const { rule } of node['x-kubernetes-validations'] ?? []) {
    const match = /^\[(has\(self\.\w+\)(?:, has\(self\.\w+\))*)\]\.filter/.exec(rule);
    if (match) return Array.from((match[1] as string).matchAll(/self\.(\w+)/g), ([, name]) => name as string);
  }
  return [];
}

function bounds({ minimum = 0, maximum = 1e6, exclusiveMinimum, exclusiveMaximum, type }: StructuralSchema) {
  const step = type === 'integer' ? 1 : 1e-3;
  return { min: minimum + (exclusiveMinimum ? step : 0), max: Math.min(maximum, 1e9) - (exclusiveMaximum ? step : 0) };
}

/** Durations and quantities that rules about their size have something to say about. */
const TELLING = [
  '0s',
  '1ms',
  '99ms',
  '1s',
  '24h',
  '8760h',
  '8761h',
  '999999h999999h999999h',
  '0',
  '0.0',
  '4Gi',
  '1m',
  '0m',
];

/** By pattern and bounds: to make one of these takes longer than to draw from it a hundred times. */
const texts = new Map<string, fc.Arbitrary<string>>();

function text({ pattern, minLength = 0, maxLength = 1000 }: StructuralSchema, draw: Draw): string {
  const key = JSON.stringify([pattern, minLength, maxLength]);
  const known = texts.get(key) ?? textOf(pattern, minLength, maxLength);
  texts.set(key, known);
  return draw(known);
}

function textOf(pattern: string | undefined, minLength: number, maxLength: number): fc.Arbitrary<string> {
  if (pattern === undefined) {
    return fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, minLength + 20) });
  }
  const regex = new RegExp(pattern);
  const telling = TELLING.filter((candidate) => regex.test(candidate));
  const matching = fc.stringMatching(regex, { size: 'small' });
  const either = telling.length > 2 ? fc.oneof(fc.constantFrom(...telling), matching) : matching;
  return either.filter((value) => value.length <= maxLength);
}

/** Values nobody should send. */
const HOSTILE: readonly Json[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  -1e-9,
  2 ** 53 + 2,
  '',
  ' ',
  '\u0000',
  '\u00a0',
  '\u{1f600}',
  'é'.repeat(63),
  'é'.repeat(64),
  'é'.repeat(3000),
  '../../etc/passwd',
  'file:///etc/passwd',
  'http://user:pass@host',
  'http://169.254.169.254/\n',
  '168h\n',
  '9999999h',
  '1e3',
  '4Gi ',
  '٣',
  '$(reboot)',
  '{{ .Values }}',
  [],
  {},
  [null],
  [[[]]],
  { a: { b: { c: null } } },
  { '': 0 },
  Array.from({ length: 2000 }, () => 0),
];
const STRANGE_NAMES = ['unknown', '__proto__', 'constructor', '', 'Name', 'x'.repeat(400)];

/** Breaks an object somewhere, in place. Returns what was done. */
function spoil(root: JsonObject, draw: Draw): string {
  const { holder, path } = draw(fc.constantFrom(...holders(root)));
  const bad = draw(fc.constantFrom(...HOSTILE));
  const shown = (JSON.stringify(bad) ?? '').slice(0, 60);
  if (Array.isArray(holder)) {
    const again = holder[0];
    if (again !== undefined && draw(fc.boolean())) {
      holder.push(structuredClone(again));
      return `${path}: its first entry twice`;
    }
    holder.push(bad);
    return `${path}: another entry, ${shown}`;
  }
  const keys = Object.keys(holder);
  const way = draw(fc.integer({ min: 0, max: 3 }));
  if (way === 0 || keys.length === 0) {
    const key = draw(fc.constantFrom(...STRANGE_NAMES));
    // An own field even when it is called __proto__, as JSON has it.
    Object.defineProperty(holder, key, { value: bad, enumerable: true, configurable: true, writable: true });
    return `${path}: a field "${key.slice(0, 20)}", ${shown}`;
  }
  const key = draw(fc.constantFrom(...keys));
  if (way === 1) {
    delete holder[key];
    return `${path}.${key}: removed`;
  }
  holder[key] = bad;
  return `${path}.${key}: ${shown}`;
}

/** Every object and list from `spec` on. */
function holders(value: Json, path = ''): { holder: Json[] | JsonObject; path: string }[] {
  if (value === null || typeof value !== 'object') return [];
  const below = Object.entries(value).flatMap(([key, inner]) =>
    holders(inner as Json, path === '' ? key : `${path}.${key}`),
  );
  return path === '' ? below : [{ holder: value, path }, ...below];
}
