import type { FieldError } from '../../crds/field-error.ts';
import type { ParameterSpec, QuantizationSpec } from '../../crds/sweep/sweep-spec.ts';
import { nearestName } from './nearest-name.ts';
import { knownParameter, PARAMETERS, type KnownParameter } from './parameters.ts';
import { QUANTIZATION_KINDS, QUANTIZATION_PRESETS, quantizationNames } from './quantizations.ts';

/** Most searches on one build: the product of the values of all `params.…` parameters. */
export const MAX_SEARCHES = 512;

/** Most values a range becomes. */
export const RANGE_VALUES = 8;

/**
 * Checks the names and values of `spec.parameters` and the bodies of `spec.quantizations` against what is known of Qdrant.
 * The shape (exactly one of numbers, choices, range) is the schema's matter.
 */
export function checkParameters(
  parameters: readonly ParameterSpec[],
  quantizations: readonly QuantizationSpec[],
): FieldError[] {
  const errors = quantizations.flatMap((quantization, i) => checkQuantization(quantization, i, quantizations));
  let searches = 1;
  parameters.forEach((parameter, i) => {
    const field = `spec.parameters[${i}]`;
    const known = knownParameter(parameter.name);
    if (!known) {
      const names = PARAMETERS.filter(({ level }) => level !== 'Target').map(({ name }) => name);
      errors.push({
        field: `${field}.name`,
        message: `"${parameter.name}" is not a parameter of Qdrant that can be varied; did you mean ${nearestName(parameter.name, names)}?`,
      });
      return;
    }
    if (known.level === 'Target') {
      errors.push({
        field: `${field}.name`,
        message: `"${parameter.name}" changes the target, which this version cannot vary; remove it and run one sweep for each target`,
      });
      return;
    }
    const first = parameters.findIndex(({ name }) => name === parameter.name);
    if (first < i) {
      errors.push({
        field: `${field}.name`,
        message: `"${parameter.name}" is given twice, first in spec.parameters[${first}]; keep one and give it all values`,
      });
    }
    errors.push(...checkValues(parameter, known, field, quantizations));
    if (known.level === 'Search') {
      searches *= parameter.numbers?.length ?? parameter.choices?.length ?? RANGE_VALUES;
    }
  });
  if (searches > MAX_SEARCHES) {
    errors.push({
      field: 'spec.parameters',
      message: `the params.… parameters together give ${searches} searches on each build, at most ${MAX_SEARCHES} are allowed; give fewer values`,
    });
  }
  return errors;
}

function checkValues(
  parameter: ParameterSpec,
  known: KnownParameter,
  field: string,
  quantizations: readonly QuantizationSpec[],
): FieldError[] {
  const numeric = known.type === 'Integer' || known.type === 'Number';
  if (numeric && parameter.choices) {
    return [{ field: `${field}.choices`, message: `${known.name} takes numbers; use numbers or range instead` }];
  }
  if (!numeric && !parameter.choices) {
    return [
      {
        field: `${field}.${parameter.numbers ? 'numbers' : 'range'}`,
        message: `${known.name} takes names; use choices instead, of ${allowed(known, quantizations).join(', ')}`,
      },
    ];
  }
  if (parameter.choices) {
    const names = allowed(known, quantizations);
    return parameter.choices.flatMap((choice, j) =>
      names.includes(choice)
        ? []
        : [
            {
              field: `${field}.choices[${j}]`,
              message: `"${choice}" is not a value of ${known.name}; did you mean ${nearestName(choice, names)}? Known are ${names.join(', ')}`,
            },
          ],
    );
  }
  const { range } = parameter;
  const numbers: [string, number][] = range
    ? [
        ['range.min', range.min],
        ['range.max', range.max],
      ]
    : (parameter.numbers ?? []).map((value, j) => [`numbers[${j}]`, value]);
  return numbers.flatMap(([path, value]) => {
    const wrong = checkNumber(value, known);
    return wrong ? [{ field: `${field}.${path}`, message: `${value} is not a value of ${known.name}: ${wrong}` }] : [];
  });
}

function checkNumber(value: number, { type, min, max }: KnownParameter): string | undefined {
  if (!Number.isFinite(value)) return 'it must be a finite number';
  if (type === 'Integer' && !Number.isInteger(value)) return 'it must be a whole number';
  if (min !== undefined && value < min) return `it must be at least ${min}`;
  if (max !== undefined && value > max) return `it must be at most ${max}`;
  return undefined;
}

function allowed(known: KnownParameter, quantizations: readonly QuantizationSpec[]): readonly string[] {
  if (known.type === 'Quantization') return quantizationNames(quantizations);
  return known.type === 'Boolean' ? ['true', 'false'] : (known.choices ?? []);
}

function checkQuantization(
  { name, config }: QuantizationSpec,
  i: number,
  all: readonly QuantizationSpec[],
): FieldError[] {
  const field = `spec.quantizations[${i}]`;
  const errors: FieldError[] = [];
  if (Object.hasOwn(QUANTIZATION_PRESETS, name)) {
    errors.push({ field: `${field}.name`, message: `"${name}" is a built-in quantization; choose another name` });
  }
  if (all.findIndex((other) => other.name === name) < i) {
    errors.push({ field: `${field}.name`, message: `"${name}" is given twice; choose another name` });
  }
  const keys = Object.keys(config);
  const kinds: readonly string[] = QUANTIZATION_KINDS;
  const unknown = keys.find((key) => !kinds.includes(key));
  if (unknown !== undefined) {
    errors.push({
      field: `${field}.config`,
      message: `"${unknown}" is not a kind of quantization; did you mean ${nearestName(unknown, kinds)}?`,
    });
  } else if (keys.length !== 1) {
    errors.push({
      field: `${field}.config`,
      message: `it has ${keys.length} of ${kinds.join(', ')}; exactly one is expected, such as {scalar: {type: int8}}`,
    });
  } else {
    const body = config[keys[0] as string];
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      errors.push({
        field: `${field}.config.${keys[0]}`,
        message: `${JSON.stringify(body)} is not an object; write the settings as Qdrant takes them, such as {scalar: {type: int8}}`,
      });
    }
  }
  return errors;
}
