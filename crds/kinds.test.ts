import { describe, expect, it } from 'vitest';
import { structural, type StructuralSchema } from './generate/structural.ts';
import { KINDS } from './kinds.ts';
import { parseResource } from './parse.ts';
import { changedExample, fullExample } from './testing/objects.ts';
import { fuzzedResources } from './testing/fuzz.ts';
import { REFUSED } from './testing/refused.ts';

/** Every node of a schema with its path: fields, list items and map values. */
function* nodes(node: StructuralSchema, path: string): Generator<[string, StructuralSchema]> {
  yield [path, node];
  for (const [name, field] of Object.entries(node.properties ?? {})) yield* nodes(field, `${path}.${name}`);
  if (node.items) yield* nodes(node.items, `${path}[]`);
  if (node.additionalProperties) yield* nodes(node.additionalProperties, `${path}.*`);
}

const ALL = KINDS.flatMap((kind) => [
  ...nodes(structural(kind.schema.shape.spec, `${kind.kind}.spec`), `${kind.kind}.spec`),
  ...nodes(structural(kind.status, `${kind.kind}.status`), `${kind.kind}.status`),
]);
const where = (wrong: (node: StructuralSchema, path: string) => boolean): string[] =>
  ALL.filter(([path, node]) => wrong(node, path)).map(([path]) => path);

describe('the schemas of all kinds', () => {
  it('explain every field, in a sentence', () => {
    expect(where((node, path) => !path.endsWith('[]') && !node.description?.endsWith('.'))).toEqual([]);
    expect(ALL.length).toBeGreaterThan(900);
  });

  it('bound every text, list, map and key', () => {
    expect(where(({ type, maxItems }) => type === 'array' && maxItems === undefined)).toEqual([]);
    const unbounded = ({ type, maxLength, enum: names, format }: StructuralSchema) =>
      type === 'string' && maxLength === undefined && names === undefined && format !== 'date-time';
    expect(where(unbounded)).toEqual([]);
    const open = (node: StructuralSchema) =>
      node.additionalProperties !== undefined || node['x-kubernetes-preserve-unknown-fields'] === true;
    expect(where((node) => open(node) && node.maxProperties === undefined)).toEqual([]);
    const keys = (node: StructuralSchema) =>
      node['x-kubernetes-validations']?.some(({ rule }) => rule.includes('size(key) <='));
    expect(where((node) => node.additionalProperties !== undefined && !keys(node))).toEqual([]);
    expect(where((node) => open(node)).length).toBeGreaterThan(5);
  });

  it('bound every number of a spec', () => {
    const number = ({ type, minimum, maximum }: StructuralSchema, path: string) =>
      path.includes('.spec') &&
      !path.endsWith('.percentile') &&
      (type === 'integer' || type === 'number') &&
      (minimum === undefined || maximum === undefined);
    expect(where(number)).toEqual([]);
  });

  it('say of every list whose it is', () => {
    expect(where(({ type, ...node }) => type === 'array' && !node['x-kubernetes-list-type'])).toEqual([]);
  });

  it('let unknown fields through only where Qdrant bodies are kept verbatim', () => {
    const verbatim = where((node) => node['x-kubernetes-preserve-unknown-fields'] === true);
    for (const path of verbatim) {
      expect(path).toMatch(
        /(quantizations\[\]\.config|\.filter|index\.(collection|search)|configuration\.(collection|search|arm))$/,
      );
    }
  });

  it('have no defaults: they would show as drift in GitOps', () => {
    expect(where((node) => 'default' in node)).toEqual([]);
  });
});

describe.each(KINDS)('the full example of $kind', (kind) => {
  it('is valid', () => {
    const { status, ...object } = fullExample(kind);
    expect(parseResource(kind, JSON.stringify(object)).errors).toBeUndefined();
    expect(kind.status.safeParse(status).error?.issues.filter(({ path }) => path.length > 0) ?? []).toEqual([]);
  });
});

describe('what is refused', () => {
  it.each(REFUSED)('is %s', (_, kind, changes) => {
    expect(parseResource(kind, JSON.stringify(changedExample(kind, changes))).errors ?? []).not.toEqual([]);
  });

  it('breaks every rule there is', () => {
    const rules = new Set(
      ALL.filter(([path]) => path.includes('.spec')).flatMap(([, node]) =>
        (node['x-kubernetes-validations'] ?? []).map(({ message }) => message),
      ),
    );
    const said = REFUSED.flatMap(([, kind, changes]) =>
      (parseResource(kind, JSON.stringify(changedExample(kind, changes))).errors ?? []).map(({ message }) => message),
    );
    expect([...rules].filter((rule) => !said.some((message) => message.endsWith(rule)))).toEqual([]);
    expect(rules.size).toBeGreaterThan(50);
  });
});

describe('made-up resources', () => {
  it.each(KINDS)('of $kind are the same for a seed, and some are valid', (kind) => {
    const made = fuzzedResources(kind, { seed: 3, count: 100 });
    expect(fuzzedResources(kind, { seed: 3, count: 100 })).toEqual(made);
    expect(fuzzedResources(kind, { seed: 4, count: 100 })).not.toEqual(made);
    const accepted = made.filter(({ body }) => !parseResource(kind, body).errors);
    expect(accepted.length).toBeGreaterThan(5);
    expect(accepted.length).toBeLessThan(95);
  });
});
