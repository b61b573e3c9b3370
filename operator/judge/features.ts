import type { Parameters, ParameterValue } from './configuration.ts';
import { defaultOf } from './parameters.ts';
import { bitsPerDimension } from './quantizations.ts';

/** One coordinate of a build: a number scaled to 0 … 1, or a category. */
type Feature =
  | { kind: 'Number'; name: string; of: (value: ParameterValue | undefined) => number }
  | { kind: 'Category'; name: string };

/** Where a build lies: numbers in 0 … 1, categories as their names. */
export type Point = readonly (number | string)[];

/** Turns builds into points between which a kernel can measure distances. */
export interface Encoder {
  /** How many coordinates a point has. */
  size: number;
  encode: (build: Parameters) => Point;
}

/**
 * An encoder over all names in which the builds differ. Numbers count by their logarithm, since the step from 8 to 16
 * matters like that from 16 to 32; a quantization counts as a category and also by its bits, so that order helps too.
 */
export function encoderOf(builds: readonly Parameters[]): Encoder {
  const names = [...new Set(builds.flatMap((build) => Object.keys(build)))].toSorted();
  const features: Feature[] = [];
  for (const name of names) {
    const values = builds.map((build) => valueOf(build, name));
    if (new Set(values).size < 2) continue;
    if (name === 'quantization_config') {
      features.push({ kind: 'Category', name });
      features.push(scaled(name, (value) => Math.log2(bitsPerDimension(value ?? 'none')), values));
    } else if (values.every((value) => value === undefined || typeof value === 'number')) {
      features.push(scaled(name, (value) => Math.log2(1 + Number(value ?? 0)), values));
    } else {
      features.push({ kind: 'Category', name });
    }
  }
  return {
    size: features.length,
    encode: (build) =>
      features.map((feature) => {
        const value = valueOf(build, feature.name);
        return feature.kind === 'Number' ? feature.of(value) : String(value);
      }),
  };
}

/** Difference of two points in one coordinate: of numbers their distance, of categories 0 or 1. */
export function difference(a: number | string | undefined, b: number | string | undefined): number {
  return typeof a === 'number' && typeof b === 'number' ? Math.abs(a - b) : a === b ? 0 : 1;
}

/** Euclidean distance of two points. */
export function distance(a: Point, b: Point): number {
  return Math.sqrt(a.reduce((sum: number, value, i) => sum + difference(value, b[i]) ** 2, 0));
}

function valueOf(build: Parameters, name: string): ParameterValue | undefined {
  return build[name] ?? defaultOf(name);
}

function scaled(
  name: string,
  transform: (value: ParameterValue | undefined) => number,
  values: readonly (ParameterValue | undefined)[],
): Feature {
  const transformed = values.map(transform);
  const low = Math.min(...transformed);
  const range = Math.max(...transformed) - low;
  return { kind: 'Number', name, of: (value) => (range > 0 ? (transform(value) - low) / range : 0) };
}
