import type { SyntheticDataset } from '../../crds/sweep/sweep-spec.ts';
import { Random } from '../random.ts';

/** The dataset's parameters with the documented defaults filled in. */
export interface SyntheticParameters {
  points: number;
  dimensions: number;
  clusters: number;
  intrinsicDimensions: number;
  queries: number;
  seed: number;
  distance: NonNullable<SyntheticDataset['distance']>;
}

export function syntheticParameters(spec: SyntheticDataset): SyntheticParameters {
  return {
    points: spec.points,
    dimensions: spec.dimensions,
    clusters: spec.clusters ?? 200,
    intrinsicDimensions: Math.min(spec.intrinsicDimensions ?? Math.ceil(spec.dimensions / 3), spec.dimensions),
    queries: spec.queries ?? 1000,
    seed: spec.seed ?? 1,
    distance: spec.distance ?? 'Cosine',
  };
}

/**
 * Length of a cluster's spread relative to the distance of its centre from the origin. With these values 50,000 × 128-d
 * rows, m = 16, ef_construct = 100 in one HNSW graph give a recall@10 of about 0.63, 0.92, 0.97, 1.00 at
 * hnsw_ef 16, 64, 100, 256; m = 8, ef_construct = 64 give 0.41, 0.73, 0.82, 0.93.
 */
const SPREAD = 2;
/** Share of the spread that fills all dimensions, so that the data are near, not on, low-rank planes. */
const ISOTROPIC = 0.25;
/** Different low-rank planes; clusters that share one overlap, which is what makes a graph search hard. */
const MAX_BASES = 2;

/**
 * Draws planted clusters: a centre, plus a spread of rank `intrinsicDimensions` in one of two random planes, plus
 * a little noise in every dimension. Many neighbours of a point are about equally far away and neighbouring clusters
 * overlap, so a graph search with a small beam misses some. Base rows and queries come from the same distribution but
 * from separate random sequences: a query is not a base row.
 */
export class SyntheticGenerator {
  readonly #parameters: SyntheticParameters;
  readonly #centres: Float64Array;
  readonly #bases: Float64Array[];
  readonly #streams: Record<'base' | 'queries', Random>;

  constructor(parameters: SyntheticParameters) {
    this.#parameters = parameters;
    const { dimensions, clusters, intrinsicDimensions, seed } = parameters;
    const plan = new Random(seed, 0);
    this.#centres = new Float64Array(clusters * dimensions);
    const perDimension = 1 / Math.sqrt(dimensions);
    for (let i = 0; i < this.#centres.length; i += 1) this.#centres[i] = plan.bell() * perDimension;
    this.#bases = Array.from({ length: Math.min(clusters, MAX_BASES) }, () => {
      const basis = new Float64Array(intrinsicDimensions * dimensions);
      // Expected squared length of a spread vector: rank × dimensions × scale² = SPREAD².
      const scale = SPREAD / Math.sqrt(intrinsicDimensions * dimensions);
      for (let i = 0; i < basis.length; i += 1) basis[i] = plan.bell() * scale;
      return basis;
    });
    this.#streams = { base: new Random(seed, 1), queries: new Random(seed, 2) };
  }

  /** The next `rows` rows of a sequence, as float32. */
  next(which: 'base' | 'queries', rows: number): Float32Array<ArrayBuffer> {
    const { dimensions, clusters, intrinsicDimensions } = this.#parameters;
    const random = this.#streams[which];
    const out = new Float32Array(rows * dimensions);
    const row = new Float64Array(dimensions);
    const noise = (ISOTROPIC * SPREAD) / Math.sqrt(dimensions);
    for (let r = 0; r < rows; r += 1) {
      const cluster = random.below(clusters);
      const basis = this.#bases[cluster % this.#bases.length] as Float64Array;
      const centre = cluster * dimensions;
      for (let d = 0; d < dimensions; d += 1) row[d] = (this.#centres[centre + d] as number) + random.bell() * noise;
      for (let i = 0; i < intrinsicDimensions; i += 1) {
        const weight = random.bell();
        const offset = i * dimensions;
        for (let d = 0; d < dimensions; d += 1) row[d] = (row[d] as number) + weight * (basis[offset + d] as number);
      }
      out.set(row, r * dimensions);
    }
    return out;
  }
}
