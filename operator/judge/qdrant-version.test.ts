import { describe, expect, it } from 'vitest';
import { tooNewFor, unknownTo } from './qdrant-version.ts';

describe('unknownTo', () => {
  it.each<[string, string[], string[]]>([
    ['1.19.0', [], ['hnsw_config.memory', 'quantization_config=turbo.bits4']],
    ['v1.20.1', [], ['hnsw_config.memory']],
    ['2.0.0', [], ['hnsw_config.memory']],
    ['1.18.3', ['hnsw_config.memory', 'vectors.datatype=turbo4'], ['quantization_config=turbo.bits4']],
    [
      '1.9.0',
      ['params.acorn.enable', 'vectors.datatype=float16', 'quantization_config=turbo.bits4'],
      ['vectors.datatype'],
    ],
    ['built from main', [], ['hnsw_config.memory']],
  ])('%s does not know %j', (version, unknown, known) => {
    const found = unknownTo(version);
    for (const name of unknown) expect(found).toContain(name);
    for (const name of known) expect(found).not.toContain(name);
  });
});

describe('tooNewFor', () => {
  const parameters = [
    { name: 'hnsw_config.inline_storage', choices: ['true'] },
    { name: 'quantization_config', choices: ['scalar', 'turbo.bits2'] },
    { name: 'vectors.datatype', choices: ['float32', 'float16'] },
    { name: 'hnsw_config.m', numbers: [16] },
  ];
  const quantizations = [
    { name: 'mine', config: { turbo: { bits: 'bits4' } } },
    { name: 'int8', config: { scalar: { type: 'int8' } } },
  ];

  it('finds no fault with a new enough server', () => {
    expect(tooNewFor('1.19.0', parameters, quantizations)).toEqual([]);
  });

  it('names field, value, what it needs and what there is', () => {
    const errors = tooNewFor('1.15.4', parameters, quantizations);
    expect(errors.map(({ field }) => field)).toEqual([
      'spec.parameters[0].name',
      'spec.parameters[1].choices[1]',
      'spec.quantizations[0].config',
    ]);
    expect(errors[0]?.message).toBe(
      '"hnsw_config.inline_storage" needs Qdrant 1.16, the target runs 1.15.4; leave it out or use a newer one',
    );
  });
});
