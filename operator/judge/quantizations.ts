import type { QuantizationSpec } from '../../crds/sweep/sweep-spec.ts';
import type { ParameterValue } from './configuration.ts';

/** A verbatim `quantization_config` body, or null for none. */
export type QuantizationBody = Readonly<Record<string, unknown>> | null;

/** The kinds of quantization Qdrant has, by the key of the body. */
export const QUANTIZATION_KINDS = ['scalar', 'product', 'binary', 'turbo'] as const;
export type QuantizationKind = (typeof QUANTIZATION_KINDS)[number];

/** Names that stand for `quantization_config` bodies; all else of a body is left to Qdrant's defaults. */
export const QUANTIZATION_PRESETS: Readonly<Record<string, QuantizationBody>> = {
  none: null,
  scalar: { scalar: { type: 'int8' } },
  'product.x4': { product: { compression: 'x4' } },
  'product.x8': { product: { compression: 'x8' } },
  'product.x16': { product: { compression: 'x16' } },
  'product.x32': { product: { compression: 'x32' } },
  'product.x64': { product: { compression: 'x64' } },
  binary: { binary: {} },
  'turbo.bits4': { turbo: { bits: 'bits4' } },
  'turbo.bits2': { turbo: { bits: 'bits2' } },
  'turbo.bits1_5': { turbo: { bits: 'bits1_5' } },
  'turbo.bits1': { turbo: { bits: 'bits1' } },
};

/** All names that may be used: presets first, then the resource's own. */
export function quantizationNames(own: readonly QuantizationSpec[] = []): string[] {
  return [...Object.keys(QUANTIZATION_PRESETS), ...own.map((quantization) => quantization.name)];
}

/**
 * The body a name stands for, null for `none`.
 * @throws {RangeError} when the name is neither a preset nor one of the resource's own; `checkParameters` reports it before.
 */
export function quantizationBody(name: ParameterValue, own: readonly QuantizationSpec[] = []): QuantizationBody {
  const text = String(name);
  if (Object.hasOwn(QUANTIZATION_PRESETS, text)) return QUANTIZATION_PRESETS[text] as QuantizationBody;
  const mine = own.find((quantization) => quantization.name === text);
  if (!mine) {
    throw new RangeError(`quantization "${text}" is not known; use one of ${quantizationNames(own).join(', ')}`);
  }
  return mine.config;
}

/** Whether Qdrant rescores with the original vectors when not told: for binary and for turbo below 4 bits. Undefined for own names. */
export function rescoresByDefault(name: ParameterValue): boolean | undefined {
  const text = String(name);
  if (!Object.hasOwn(QUANTIZATION_PRESETS, text)) return undefined;
  return text === 'binary' || ['turbo.bits2', 'turbo.bits1_5', 'turbo.bits1'].includes(text);
}

/** Bits a stored dimension takes, the original vectors apart: an ordinal feature for the model. 32 when not known. */
export function bitsPerDimension(name: ParameterValue): number {
  const bits: Record<string, number> = {
    scalar: 8,
    'product.x4': 8,
    'product.x8': 4,
    'product.x16': 2,
    'product.x32': 1,
    'product.x64': 0.5,
    binary: 1,
    'turbo.bits4': 4,
    'turbo.bits2': 2,
    'turbo.bits1_5': 1.5,
    'turbo.bits1': 1,
  };
  return bits[String(name)] ?? 32;
}
