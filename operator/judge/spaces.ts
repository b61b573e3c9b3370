import type { ParameterSpec, QuantizationSpec } from '../../crds/sweep/sweep-spec.ts';
import { RANGE_VALUES } from './check-parameters.ts';
import { segmentKb } from './collection-size.ts';
import type { ParameterValue } from './configuration.ts';
import { defaultOf, knownParameter } from './parameters.ts';
import { quantizationBody } from './quantizations.ts';
import type { DatasetFacts, Dimension, Space } from './space.ts';
import type { Constraints } from './study.ts';

/** What a target cannot do: a parameter's name, or `name=value` for one of its values (`quantization_config=turbo.bits4`). */
export interface Capabilities {
  unsupported: readonly string[];
}

const INDEXING_THRESHOLD = 'optimizers_config.indexing_threshold';
const FULL_SCAN_THRESHOLD = 'hnsw_config.full_scan_threshold';

/** Segments are never equally large, so data a little above a threshold count as small too. */
const MARGIN = 1.2;

/**
 * The space when none is given: graph, quantization and the search settings that trade recall for speed.
 * Values follow what Qdrant's documentation and published benchmarks vary. Binary quantization needs many dimensions.
 */
export function defaultSpace(facts: DatasetFacts, constraints: Constraints, capabilities?: Capabilities): Space {
  const quantizations = ['none', 'scalar', ...(facts.dimensions >= 512 ? ['binary'] : []), 'turbo.bits4'];
  const beams = [16, 32, 64, 128, 256, 512, ...((constraints.recall?.min ?? 0) > 0.99 ? [1024] : [])];
  const space: Space = {
    build: [
      { name: 'hnsw_config.m', values: [8, 16, 32, 48] },
      { name: 'hnsw_config.ef_construct', values: [64, 100, 200, 400] },
      { name: 'quantization_config', values: quantizations },
    ],
    search: [
      { name: 'params.hnsw_ef', values: beams },
      { name: 'params.quantization.oversampling', values: [1, 2, 4] },
    ],
    ...loweredThresholds(facts, []),
  };
  return capabilities ? within(space, capabilities) : space;
}

/**
 * The space of `spec.parameters`, or the default one when they are not given. Given parameters replace the default space
 * entirely: what they do not name keeps Qdrant's default. Expects what `checkParameters` found no fault with.
 */
export function spaceOf(
  parameters: readonly ParameterSpec[] | undefined,
  quantizations: readonly QuantizationSpec[],
  facts: DatasetFacts,
  constraints: Constraints,
  capabilities?: Capabilities,
): Space {
  if (!parameters) return defaultSpace(facts, constraints, capabilities);
  const dimensions = parameters.map((parameter) => dimensionOf(parameter, quantizations));
  const build = dimensions.filter(({ name }) => knownParameter(name)?.level === 'Build');
  return {
    build,
    search: dimensions.filter(({ name }) => knownParameter(name)?.level === 'Search'),
    ...loweredThresholds(
      facts,
      build.map(({ name }) => name),
    ),
  };
}

/**
 * Small data are scanned, not searched by a graph: below `indexing_threshold` nothing is indexed, and a segment below
 * `full_scan_threshold` is scanned even when it is. Trials then share lowered thresholds; the baseline stays Qdrant's own.
 */
function loweredThresholds(facts: DatasetFacts, varied: readonly string[]): Pick<Space, 'fixed' | 'notes'> {
  const share = segmentKb(facts);
  const thresholds = [INDEXING_THRESHOLD, FULL_SCAN_THRESHOLD].filter((name) => !varied.includes(name));
  const tooHigh = thresholds.filter((name) => share < MARGIN * Number(defaultOf(name)));
  if (tooHigh.length === 0) return { fixed: {}, notes: [] };
  const lowered = Math.max(10, oneDigit(share / 4));
  const names = tooHigh.map((name) => name.slice(name.indexOf('.') + 1)).join(' and ');
  return {
    fixed: Object.fromEntries(tooHigh.map((name) => [name, lowered])),
    notes: [
      `A segment holds about ${Math.round(share)} KB of vectors, which Qdrant's default thresholds of ${defaultOf(INDEXING_THRESHOLD)} KB ` +
        `would have it scan in full, without a graph: hnsw_ef would do nothing and recall would be 1. ` +
        `Every trial therefore sets ${names} to ${lowered} KB; the baseline keeps Qdrant's defaults.`,
    ],
  };
}

function dimensionOf(parameter: ParameterSpec, quantizations: readonly QuantizationSpec[]): Dimension {
  const { name, numbers, choices, range } = parameter;
  const type = knownParameter(name)?.type;
  if (choices) {
    const values: ParameterValue[] = type === 'Boolean' ? choices.map((choice) => choice === 'true') : [...choices];
    const effect = (value: ParameterValue) =>
      type === 'Quantization' ? JSON.stringify(quantizationBody(value, quantizations)) : String(value);
    return {
      name,
      values: values.filter((value, i) => values.findIndex((other) => effect(other) === effect(value)) === i),
    };
  }
  const values = numbers ?? (range ? ladder(range, type === 'Integer') : []);
  return { name, values: [...new Set(values)].toSorted((a, b) => a - b) };
}

/** At most RANGE_VALUES values of a range, ends included: doublings where they fit exactly, else evenly spaced on its scale. */
export function ladder(
  { min, max, scale }: { min: number; max: number; scale?: 'Linear' | 'Log' },
  integer: boolean,
): number[] {
  const log = scale === 'Log';
  const doublings = Math.log2(max / min);
  let steps = RANGE_VALUES - 1;
  if (log && Number.isInteger(doublings) && doublings >= 3 && doublings <= steps) steps = doublings;
  if (!log && integer && max - min < steps) steps = max - min;
  const values: number[] = [];
  for (let i = 0; i <= steps; i += 1) {
    const share = steps === 0 ? 0 : i / steps;
    const value = i === steps ? max : log ? min * (max / min) ** share : min + (max - min) * share;
    values.push(integer ? Math.round(value) : Number(value.toPrecision(12)));
  }
  return [...new Set(values)];
}

/** The space without what the target cannot do; what is missing is said. */
function within(space: Space, { unsupported }: Capabilities): Space {
  const keep = (dimensions: readonly Dimension[]) =>
    dimensions
      .filter(({ name }) => !unsupported.includes(name))
      .map(({ name, values }) => ({
        name,
        values: values.filter((value) => !unsupported.includes(`${name}=${value}`)),
      }))
      .filter(({ values }) => values.length > 0);
  const named = [...space.build, ...space.search].flatMap(({ name, values }) => [
    name,
    ...values.map((value) => `${name}=${value}`),
  ]);
  const missing = named.filter((name) => unsupported.includes(name));
  if (missing.length === 0) return space;
  return {
    ...space,
    build: keep(space.build),
    search: keep(space.search),
    notes: [...space.notes, `Left out, since the target does not support it: ${missing.join(', ')}.`],
  };
}

function oneDigit(value: number): number {
  return Number(Math.floor(value).toPrecision(1));
}
