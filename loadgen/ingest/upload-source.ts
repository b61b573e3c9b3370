import { open } from 'node:fs/promises';
import type { Dataset } from '../datasets/dataset.ts';
import { readFloats } from '../datasets/ground-truth.ts';

/** Where an upload has its rows from. */
export interface UploadSource {
  points: number;
  dimensions: number;
  /** `count` × `dimensions` values, beginning with row `first`. */
  rows(first: number, count: number): Promise<Float32Array>;
  /** The payloads of the same rows, each the JSON text of an object. */
  payloads?: (first: number, count: number) => Promise<readonly (string | undefined)[]>;
  /** Bytes of a row's payload: the mean, and the longest. */
  payloadBytes?: { mean: number; longest: number };
}

/** The rows of a prepared dataset. Whoever opens it closes it. */
export async function openDatasetRows(dataset: Dataset): Promise<UploadSource & { close: () => Promise<void> }> {
  const { points, dimensions } = dataset.meta;
  const file = await open(dataset.basePath, 'r');
  return {
    points,
    dimensions,
    rows: (first, count) => readFloats(file, first * dimensions, count * dimensions),
    ...(dataset.hasPayload
      ? {
          payloads: (first: number, count: number) => dataset.payloadRows(first, count),
          payloadBytes: dataset.payloadBytes,
        }
      : {}),
    close: () => file.close(),
  };
}
