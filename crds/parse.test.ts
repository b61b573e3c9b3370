import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { formatFieldErrors } from './field-error.ts';
import { MAX_RESOURCE_BYTES, parseSweep } from './parse.ts';

const quickstart = readFileSync(join(import.meta.dirname, '../examples/quickstart.yaml'), 'utf8');

/** The quickstart's spec with some fields replaced; `undefined` removes one. */
function withSpec(changes: Record<string, unknown>): string {
  const { sweep } = parseSweep(quickstart);
  return stringify({ ...sweep, spec: { ...sweep?.spec, ...changes } });
}

const errorsOf = (text: string) => formatFieldErrors(parseSweep(text).errors ?? []);

describe('parseSweep', () => {
  it('takes the quickstart as it is', () => {
    expect(parseSweep(quickstart).sweep?.spec.dataset.synthetic).toEqual({
      points: 50000,
      dimensions: 128,
      queries: 500,
      seed: 7,
    });
  });

  it.each([
    ['a missing part', { dataset: undefined }, 'spec.dataset: Required value'],
    [
      'two targets',
      { target: { kubernetes: {}, external: { url: 'http://localhost:6333' } } },
      'spec.target: Invalid value: "object": exactly one of qdrantCloud, kubernetes, external must be set',
    ],
    ['no target', { target: {} }, 'exactly one of qdrantCloud, kubernetes, external must be set'],
    ['a misspelt field', { budgte: { builds: 2 } }, 'spec.budgte: unknown field; did you mean "budget"?'],
    ['a misspelt nested field', { budget: { bilds: 2 } }, 'spec.budget.bilds: unknown field; did you mean "builds"?'],
    ['an unknown field', { zzz: 1 }, 'spec.zzz: unknown field; remove it'],
    [
      'a number too small',
      { budget: { builds: 0 } },
      'spec.budget.builds: Invalid value: 0: spec.budget.builds in body should be greater than or equal to 1',
    ],
    ['a number too large', { constraints: { recall: { min: 1.5 } } }, 'should be less than or equal to 1'],
    [
      'a wrong type',
      { suspend: 'yes' },
      'spec.suspend: Invalid value: "yes": spec.suspend in body must be of type boolean: "string"',
    ],
    [
      'a list for an object',
      { budget: [] },
      'spec.budget: Invalid value: "array": spec.budget in body must be of type object: "array"',
    ],
    [
      'an unknown choice',
      { judge: { strategy: 'grid' } },
      'spec.judge.strategy: Unsupported value: "grid": supported values: "Adaptive", "Grid", "Random", "Rules"; did you mean "Grid"?',
    ],
    ['a bad duration', { budget: { duration: 'about 7 days' } }, 'must be a duration such as'],
    ['a duration too short', { budget: { duration: '10ms' } }, 'must be at least 1s'],
    [
      'too many items',
      { objectives: Array.from({ length: 5 }, () => ({ metric: 'recall', goal: 'Maximize' })) },
      'spec.objectives: Too many: 5: must have at most 4 items',
    ],
    ['too few items', { objectives: [] }, 'should have at least 1 items'],
    [
      'a text too long',
      { parameters: [{ name: `a${'b'.repeat(200)}`, numbers: [1] }] },
      'spec.parameters[0].name: Too long: may not be more than 128 bytes',
    ],
    [
      'an empty text',
      { parameters: [{ name: 'x', choices: [''] }] },
      'spec.parameters[0].choices[0]: Invalid value: "": spec.parameters[0].choices[0] in body should be at least 1 chars long',
    ],
    [
      'a range upside down',
      { parameters: [{ name: 'x', range: { min: 3, max: 1 } }] },
      'spec.parameters[0].range: Invalid value: "object": min must not exceed max',
    ],
    [
      'a log range from 0',
      { parameters: [{ name: 'x', range: { min: 0, max: 1, scale: 'Log' } }] },
      'must begin above 0',
    ],
    [
      'two ways to give values',
      { parameters: [{ name: 'x', numbers: [1], choices: ['a'] }] },
      'exactly one of numbers, choices, range',
    ],
    [
      'a percentile we do not measure',
      { constraints: { latency: [{ percentile: 42, max: '1s' }] } },
      'must be one of 50, 95, 99, 99.9',
    ],
    ['a URL with credentials', { target: { external: { url: 'https://u:p@host' } } }, 'without path or credentials'],
    [
      'a checksum cut short',
      {
        dataset: {
          vectors: { base: { url: 'file:a.fvecs', sha256: 'ab' }, queries: { url: 'file:q.fvecs' }, distance: 'Dot' },
        },
      },
      '64 lower-case hexadecimal digits',
    ],
  ])('refuses %s and names the field', (_, changes, message) => {
    expect(errorsOf(withSpec(changes))).toContain(message);
  });

  it.each([
    ['an empty file', '', 'the file is empty'],
    ['only a comment', '# nothing\n', 'the file is empty'],
    ['a scalar', '3', 'expected a QdrantSweep object'],
    ['broken YAML', 'a: [1', 'line 1, column'],
    ['a doubled key', 'kind: QdrantSweep\nkind: QdrantSweep', 'Map keys must be unique'],
    ['another kind', 'kind: Deployment\napiVersion: apps/v1', 'Unsupported value: "Deployment"'],
    ['two sweeps', `${quickstart}\n---\n${quickstart}`, '2 QdrantSweeps'],
    [
      'a bomb of aliases',
      `a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c]\ne: [*d,*d,*d]`,
      'not valid YAML',
    ],
    ['a huge file', ' '.repeat(MAX_RESOURCE_BYTES + 1), 'larger than'],
  ])('refuses %s', (_, text, message) => {
    expect(errorsOf(text)).toContain(message);
  });

  it('finds the sweep among other documents', () => {
    expect(parseSweep(`apiVersion: v1\nkind: Namespace\n---\n${quickstart}`).sweep?.metadata.name).toBe('quickstart');
  });

  it('reads null as the API server does: a field that is not there, or no item of a list', () => {
    expect(parseSweep(withSpec({ judge: null, target: { kubernetes: {}, external: null } })).errors).toBeUndefined();
    expect(errorsOf(withSpec({ dataset: null }))).toBe('spec.dataset: Required value');
    expect(errorsOf(withSpec({ budgte: null }))).toContain('spec.budgte: unknown field');
    expect(errorsOf(withSpec({ parameters: [{ name: 'x', numbers: [null] }] }))).toContain(
      'spec.parameters[0].numbers[0]',
    );
    const config = { scalar: null };
    const kept = parseSweep(withSpec({ quantizations: [{ name: 'a', config }] })).sweep;
    expect(kept?.spec.quantizations).toEqual([{ name: 'a', config }]);
  });

  it('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => parseSweep(text).errors !== undefined));
    fc.assert(
      fc.property(
        fc.jsonValue(),
        (value) => parseSweep(stringify({ kind: 'QdrantSweep', spec: value })).errors !== undefined,
      ),
    );
  });
});
