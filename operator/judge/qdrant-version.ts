import type { FieldError } from '../../crds/field-error.ts';
import type { ParameterSpec, QuantizationSpec } from '../../crds/sweep/sweep-spec.ts';
import { knownParameter, PARAMETERS } from './parameters.ts';
import { QUANTIZATION_PRESETS } from './quantizations.ts';

/** First minor releases of values that are younger than their parameter. */
const VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'vectors.datatype': { float16: '1.10', turbo4: '1.19' },
  quantization_config: Object.fromEntries(
    Object.keys(QUANTIZATION_PRESETS)
      .filter((name) => name.startsWith('turbo.'))
      .map((name) => [name, '1.18']),
  ),
};

const parts = (version: string): [number, number] => {
  const [major = NaN, minor = NaN] = version.replace(/^v/, '').split('.').map(Number);
  return [major, minor];
};

/** Whether a release is older than a minor one; one whose number cannot be read is taken for a new one. */
function isOlder(version: string, since: string): boolean {
  const [[major, minor], [wanted, least]] = [parts(version), parts(since)];
  return major < wanted || (major === wanted && minor < least);
}

/** Names of parameters, and `name=value` of single values, that a Qdrant of this version does not know. */
export function unknownTo(version: string): string[] {
  const names = PARAMETERS.filter(({ since }) => isOlder(version, since)).map(({ name }) => name);
  const values = Object.entries(VALUES).flatMap(([name, since]) =>
    Object.entries(since)
      .filter(([, first]) => isOlder(version, first))
      .map(([value]) => `${name}=${value}`),
  );
  return [...names, ...values];
}

/** What of `spec.parameters` and `spec.quantizations` the target's Qdrant is too old for. */
export function tooNewFor(
  version: string,
  parameters: readonly ParameterSpec[],
  quantizations: readonly QuantizationSpec[],
): FieldError[] {
  const error = (field: string, what: string, since: string): FieldError[] =>
    isOlder(version, since)
      ? [
          {
            field,
            message: `${what} needs Qdrant ${since}, the target runs ${version}; leave it out or use a newer one`,
          },
        ]
      : [];
  return [
    ...parameters.flatMap(({ name, choices = [] }, i) => [
      ...error(`spec.parameters[${i}].name`, `"${name}"`, knownParameter(name)?.since ?? '0.0'),
      ...choices.flatMap((choice, j) =>
        error(`spec.parameters[${i}].choices[${j}]`, `"${choice}"`, VALUES[name]?.[choice] ?? '0.0'),
      ),
    ]),
    ...quantizations.flatMap(({ config }, i) =>
      error(`spec.quantizations[${i}].config`, '"turbo"', Object.hasOwn(config, 'turbo') ? '1.18' : '0.0'),
    ),
  ];
}
