import { describe, expect, it } from 'vitest';
import type { ParameterSpec, QuantizationSpec } from '../../crds/sweep/sweep-spec.ts';
import { checkParameters, MAX_SEARCHES } from './check-parameters.ts';

const int8: QuantizationSpec = { name: 'my-int8', config: { scalar: { type: 'int8', quantile: 0.99 } } };

describe('checkParameters', () => {
  it('finds no fault with the parameters of a full example', () => {
    const parameters: ParameterSpec[] = [
      { name: 'hnsw_config.m', numbers: [8, 16, 32, 48, 64] },
      { name: 'hnsw_config.ef_construct', range: { min: 64, max: 512, scale: 'Log' } },
      { name: 'quantization_config', choices: ['none', 'scalar', 'my-int8', 'binary', 'turbo.bits4', 'turbo.bits1_5'] },
      { name: 'optimizers_config.default_segment_number', numbers: [1, 2, 4] },
      { name: 'hnsw_config.inline_storage', choices: ['true', 'false'] },
      { name: 'vectors.datatype', choices: ['float32', 'float16'] },
      { name: 'params.hnsw_ef', range: { min: 16, max: 512, scale: 'Log' } },
      { name: 'params.quantization.oversampling', numbers: [1, 1.5, 2, 4] },
    ];
    expect(checkParameters(parameters, [int8])).toEqual([]);
  });

  it.each<[string, ParameterSpec[], string, RegExp]>([
    [
      'a misspelt name',
      [{ name: 'hnsw_config.ef_constuct', numbers: [1] }],
      'spec.parameters[0].name',
      /hnsw_config\.ef_constuct.*did you mean hnsw_config\.ef_construct\?/,
    ],
    [
      'a target parameter',
      [{ name: 'target.memory', choices: ['4Gi'] }],
      'spec.parameters[0].name',
      /target\.memory.*one sweep for each target/,
    ],
    [
      'a name given twice',
      [
        { name: 'hnsw_config.m', numbers: [8] },
        { name: 'hnsw_config.m', numbers: [16] },
      ],
      'spec.parameters[1].name',
      /twice.*spec\.parameters\[0\]/,
    ],
    [
      'choices for a number',
      [{ name: 'hnsw_config.m', choices: ['8'] }],
      'spec.parameters[0].choices',
      /takes numbers/,
    ],
    [
      'numbers for a name',
      [{ name: 'quantization_config', numbers: [4] }],
      'spec.parameters[0].numbers',
      /takes names.*scalar/,
    ],
    [
      'a range for a flag',
      [{ name: 'params.exact', range: { min: 0, max: 1 } }],
      'spec.parameters[0].range',
      /true, false/,
    ],
    [
      'an unknown quantization',
      [{ name: 'quantization_config', choices: ['none', 'turbo.bit4'] }],
      'spec.parameters[0].choices[1]',
      /turbo\.bit4.*did you mean turbo\.bits4\?.*my-int8/,
    ],
    ['an unknown flag value', [{ name: 'params.exact', choices: ['yes'] }], 'spec.parameters[0].choices[0]', /"yes"/],
    [
      'a fraction for a whole number',
      [{ name: 'hnsw_config.m', numbers: [8, 16.5] }],
      'spec.parameters[0].numbers[1]',
      /16\.5.*whole/,
    ],
    [
      'a number too small',
      [{ name: 'hnsw_config.ef_construct', numbers: [3] }],
      'spec.parameters[0].numbers[0]',
      /3 .*at least 4/,
    ],
    [
      'a range too large',
      [{ name: 'hnsw_config.m', range: { min: 8, max: 5000 } }],
      'spec.parameters[0].range.max',
      /5000.*at most 1024/,
    ],
    ['not a number', [{ name: 'hnsw_config.m', numbers: [Number.NaN] }], 'spec.parameters[0].numbers[0]', /finite/],
    [
      'oversampling below 1',
      [{ name: 'params.quantization.oversampling', numbers: [0.5] }],
      'spec.parameters[0].numbers[0]',
      /at least 1/,
    ],
  ])('refuses %s', (_, parameters, field, message) => {
    const errors = checkParameters(parameters, [int8]);
    expect(errors).toHaveLength(1);
    expect(errors[0]?.field).toBe(field);
    expect(errors[0]?.message).toMatch(message);
  });

  it('refuses more searches than a build is worth', () => {
    const numbers = Array.from({ length: 32 }, (_, i) => i + 1);
    const errors = checkParameters(
      [
        { name: 'params.hnsw_ef', numbers },
        { name: 'params.quantization.oversampling', numbers },
      ],
      [],
    );
    expect(errors).toEqual([
      { field: 'spec.parameters', message: expect.stringMatching(`1024 searches.*at most ${MAX_SEARCHES}`) },
    ]);
  });

  it.each<[string, QuantizationSpec[], string, RegExp]>([
    [
      'a preset’s name',
      [{ name: 'scalar', config: { scalar: { type: 'int8' } } }],
      'spec.quantizations[0].name',
      /built-in/,
    ],
    ['a name given twice', [int8, int8], 'spec.quantizations[1].name', /twice/],
    [
      'an unknown kind',
      [{ name: 'mine', config: { scaler: {} } }],
      'spec.quantizations[0].config',
      /did you mean scalar\?/,
    ],
    [
      'two kinds',
      [{ name: 'mine', config: { scalar: {}, binary: {} } }],
      'spec.quantizations[0].config',
      /2 of scalar.*exactly one/,
    ],
    ['an empty body', [{ name: 'mine', config: {} }], 'spec.quantizations[0].config', /0 of/],
    [
      'a body that is no object',
      [{ name: 'mine', config: { scalar: 'int8' } }],
      'spec.quantizations[0].config.scalar',
      /"int8" is not an object/,
    ],
  ])('refuses a quantization with %s', (_, quantizations, field, message) => {
    const errors = checkParameters([], quantizations);
    expect(errors).toEqual([{ field, message: expect.stringMatching(message) }]);
  });
});
