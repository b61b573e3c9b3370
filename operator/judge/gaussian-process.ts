import { difference, type Point } from './features.ts';
import { normal, seededRandom, shuffled } from './prng.ts';

/** A normal prediction. */
export interface Prediction {
  mean: number;
  sd: number;
}

/** What the fit decides: logarithms of the length scales, of the two signal variances and of the noise variance. */
interface Hyperparameters {
  lengths: readonly number[];
  additive: number;
  joint: number;
  noise: number;
}

/** Prior means and deviations of the hyperparameters' logarithms: targets have unit variance, coordinates the range 0 … 1. */
const PRIOR = {
  length: { mean: Math.log(0.8), sd: 0.7 },
  additive: { mean: Math.log(0.7), sd: 0.8 },
  joint: { mean: Math.log(0.3), sd: 0.8 },
  noise: { mean: Math.log(0.01), sd: 1 },
};

/** Spread of targets (log-ratios, log-odds) before anything is known. */
const PRIOR_SPREAD = 0.3;

const SEARCH_STEPS = 80;

/** Hyperparameters are sought on at most this many observations: they need fewer than the prediction does. */
const MAX_FITTED = 40;

/**
 * Gaussian-process regression (Rasmussen and Williams 2006, algorithm 2.1) for a few dozen observations. The kernel is the
 * sum of main effects and a joint effect of Matérn-5/2 kernels with a length scale for each coordinate: that
 * quantization gains much the same on every graph is learnt from few points, interactions from more.
 * Hyperparameters are the maximum a posteriori, by a seeded hill climb; the same data in any order give the same fit.
 */
export function fitGaussianProcess(
  points: readonly Point[],
  targets: readonly number[],
  seed = 1,
): (point: Point) => Prediction {
  const order = points.map((_, i) => i).toSorted((i, j) => compareData(points, targets, i, j));
  const xs = order.map((i) => points[i] as Point);
  const raw = order.map((i) => targets[i] as number);
  const n = xs.length;
  const center = n === 0 ? 0 : raw.reduce((sum, y) => sum + y, 0) / n;
  // Two imagined observations keep a few equal measurements from looking certain.
  const squares = raw.reduce((sum, y) => sum + (y - center) ** 2, 0);
  const scale = Math.sqrt((squares + 2 * PRIOR_SPREAD ** 2) / (n + 1));
  const ys = raw.map((y) => (y - center) / scale);

  const size = xs[0]?.length ?? 0;
  let best = start(size);
  const random = seededRandom(seed, n);
  const fitted =
    n > MAX_FITTED
      ? shuffled(
          xs.map((_, i) => i),
          random,
        ).slice(0, MAX_FITTED)
      : xs.map((_, i) => i);
  const [fx, fy] = [fitted.map((i) => xs[i] as Point), fitted.map((i) => ys[i] as number)];
  let bestScore = logPosterior(fx, fy, best);
  for (let step = 0; step < (n < 2 ? 0 : SEARCH_STEPS); step += 1) {
    const width = step < SEARCH_STEPS / 2 ? 0.6 : 0.2;
    const jitter = (value: number) => (random() < 0.5 ? value + width * normal(random) : value);
    const proposed = {
      lengths: best.lengths.map(jitter),
      additive: jitter(best.additive),
      joint: jitter(best.joint),
      noise: jitter(best.noise),
    };
    const score = logPosterior(fx, fy, proposed);
    if (score > bestScore) [best, bestScore] = [proposed, score];
  }

  const similarity = kernel(xs, best);
  const factor = cholesky(gram(xs, similarity, best));
  const alpha = factor ? backward(factor, forward(factor, ys)) : ys.map(() => 0);
  const prior = Math.exp(best.additive) + Math.exp(best.joint);
  return (point) => {
    const cross = similarity(point, n);
    const mean = cross.reduce((sum, value, i) => sum + value * (alpha[i] as number), 0);
    const reduced = factor ? forward(factor, cross) : [];
    const variance = prior - reduced.reduce((sum, value) => sum + value * value, 0);
    return { mean: center + scale * mean, sd: scale * Math.sqrt(Math.max(variance, 1e-9)) };
  };
}

function start(size: number): Hyperparameters {
  return {
    lengths: Array.from({ length: size }, () => PRIOR.length.mean),
    additive: PRIOR.additive.mean,
    joint: PRIOR.joint.mean,
    noise: PRIOR.noise.mean,
  };
}

/**
 * The kernel between any point and the first `count` of the given ones. Coordinates take few different values, so their
 * main effects and squared distances are looked up, by the value asked for, among the values there are.
 */
function kernel(xs: readonly Point[], { lengths, additive, joint }: Hyperparameters) {
  const columns = lengths.map((length, d) => {
    const values = [...new Set(xs.map((x) => x[d]))];
    const index = xs.map((x) => values.indexOf(x[d]));
    const rows = new Map<number | string | undefined, { effect: number[]; squared: number[] }>();
    const row = (asked: number | string | undefined) => {
      const known = rows.get(asked);
      if (known) return known;
      const scaled = values.map((value) => difference(asked, value) / Math.exp(length));
      const made = { effect: scaled.map(matern52), squared: scaled.map((r) => r * r) };
      rows.set(asked, made);
      return made;
    };
    return { index, row };
  });
  const [additiveVariance, jointVariance] = [Math.exp(additive), Math.exp(joint)];
  return (point: Point, count: number): number[] => {
    const rows = columns.map(({ row }, d) => row(point[d]));
    const result: number[] = [];
    for (let i = 0; i < count; i += 1) {
      let effects = 0;
      let squared = 0;
      for (let d = 0; d < columns.length; d += 1) {
        const at = columns[d]?.index[i] as number;
        effects += rows[d]?.effect[at] as number;
        squared += rows[d]?.squared[at] as number;
      }
      const main = columns.length === 0 ? 1 : effects / columns.length;
      result.push(additiveVariance * main + jointVariance * matern52(Math.sqrt(squared)));
    }
    return result;
  };
}

/** Matérn covariance with ν = 5/2: (1 + √5 r + 5r²/3) exp(−√5 r). */
function matern52(r: number): number {
  const s = Math.sqrt(5) * r;
  return (1 + s + (s * s) / 3) * Math.exp(-s);
}

/** Lower triangle of the covariance of the observations, noise on its diagonal. */
function gram(xs: readonly Point[], similarity: ReturnType<typeof kernel>, { noise }: Hyperparameters): number[][] {
  return xs.map((x, i) => {
    const row = similarity(x, i + 1);
    row[i] = (row[i] as number) + Math.exp(noise) + 1e-6;
    return row;
  });
}

function logPosterior(xs: readonly Point[], ys: readonly number[], parameters: Hyperparameters): number {
  const factor = cholesky(gram(xs, kernel(xs, parameters), parameters));
  if (!factor) return -Infinity;
  const whitened = forward(factor, ys);
  let score = 0;
  for (let i = 0; i < ys.length; i += 1) {
    score -= 0.5 * (whitened[i] as number) ** 2 + Math.log(factor[i]?.[i] as number);
  }
  const prior = (value: number, { mean, sd }: { mean: number; sd: number }) => -0.5 * ((value - mean) / sd) ** 2;
  for (const length of parameters.lengths) score += prior(length, PRIOR.length);
  return (
    score +
    prior(parameters.additive, PRIOR.additive) +
    prior(parameters.joint, PRIOR.joint) +
    prior(parameters.noise, PRIOR.noise)
  );
}

/** Lower triangular L with LLᵀ = A, from A's lower triangle; undefined when A is not positive definite. */
function cholesky(a: readonly (readonly number[])[]): number[][] | undefined {
  const l: number[][] = [];
  for (let i = 0; i < a.length; i += 1) {
    const row: number[] = [];
    for (let j = 0; j <= i; j += 1) {
      let sum = a[i]?.[j] as number;
      const other = j === i ? row : (l[j] as number[]);
      for (let k = 0; k < j; k += 1) sum -= (row[k] as number) * (other[k] as number);
      if (j < i) row.push(sum / (other[j] as number));
      else if (sum > 0) row.push(Math.sqrt(sum));
      else return undefined;
    }
    l.push(row);
  }
  return l;
}

/** Solves Lx = b. */
function forward(l: readonly (readonly number[])[], b: readonly number[]): number[] {
  const x: number[] = [];
  for (let i = 0; i < b.length; i += 1) {
    const row = l[i] as readonly number[];
    let sum = b[i] as number;
    for (let k = 0; k < i; k += 1) sum -= (row[k] as number) * (x[k] as number);
    x.push(sum / (row[i] as number));
  }
  return x;
}

/** Solves Lᵀx = b. */
function backward(l: readonly (readonly number[])[], b: readonly number[]): number[] {
  const x = b.slice();
  for (let i = b.length - 1; i >= 0; i -= 1) {
    for (let k = i + 1; k < b.length; k += 1) x[i] = (x[i] as number) - (l[k]?.[i] as number) * (x[k] as number);
    x[i] = (x[i] as number) / (l[i]?.[i] as number);
  }
  return x;
}

function compareData(points: readonly Point[], targets: readonly number[], i: number, j: number): number {
  const [a, b] = [JSON.stringify(points[i]), JSON.stringify(points[j])];
  return a < b ? -1 : a > b ? 1 : (targets[i] as number) - (targets[j] as number);
}
