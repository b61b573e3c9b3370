/** 97.5 % quantiles of Student's t for 1 … 30 degrees of freedom (two-sided 95 % intervals). */
const T_975 = [
  12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139, 2.200985,
  2.178813, 2.160369, 2.144787, 2.13145, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963, 2.079614, 2.073873, 2.068658,
  2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.04523, 2.042272,
];

/** 97.5 % quantile of the standard normal distribution. */
const Z_975 = 1.959963984540054;

/**
 * 97.5 % quantile of Student's t. Tabulated to 30 degrees of freedom, beyond by the expansion in 1/df around the normal
 * quantile (Abramowitz and Stegun 26.7.5), which is right to 1e-5 there.
 */
export function tQuantile975(degreesOfFreedom: number): number {
  const tabulated = T_975[degreesOfFreedom - 1];
  if (tabulated !== undefined) return tabulated;
  const z = Z_975;
  return (
    z +
    (z ** 3 + z) / (4 * degreesOfFreedom) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degreesOfFreedom ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * degreesOfFreedom ** 3)
  );
}

/** A mean with its 95 % interval; no interval from a single value. */
export interface Estimate {
  mean: number;
  low?: number;
  high?: number;
}

/** Mean and t-interval: mean ± t(0.975, n−1) · s / √n, with s the sample's standard deviation. */
export function meanInterval(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = tQuantile975(n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half };
}

/** The error function's complement, by Numerical Recipes' Chebyshev fit (relative error below 1.2e-7). */
function erfc(x: number): number {
  const z = Math.abs(x);
  const t = 1 / (1 + 0.5 * z);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  let polynomial = 0;
  for (const coefficient of coefficients.toReversed()) polynomial = polynomial * t + coefficient;
  const value = t * Math.exp(-z * z + polynomial);
  return x >= 0 ? value : 2 - value;
}

/** The standard normal distribution function Φ. */
export function normalCdf(z: number): number {
  return 0.5 * erfc(-z / Math.SQRT2);
}

/** The standard normal density φ. */
export function normalPdf(z: number): number {
  return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
}

/** Expected improvement over `best` of a normal prediction, for maximising: (μ−b)Φ(z) + σφ(z), z = (μ−b)/σ (Jones et al. 1998). */
export function expectedImprovement(mean: number, sd: number, best: number): number {
  if (!(sd > 0)) return Math.max(0, mean - best);
  const z = (mean - best) / sd;
  return Math.max(0, (mean - best) * normalCdf(z) + sd * normalPdf(z));
}
