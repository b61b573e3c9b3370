import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Parameters } from './configuration.ts';
import { distance, encoderOf } from './features.ts';
import { fitGaussianProcess } from './gaussian-process.ts';
import { normal, seededRandom, shuffled } from './prng.ts';

describe('encoderOf', () => {
  const builds: Parameters[] = [
    {},
    { 'hnsw_config.m': 32 },
    { 'hnsw_config.m': 8, quantization_config: 'scalar' },
    { 'vectors.on_disk': true },
  ];
  const { encode, size } = encoderOf(builds);

  it('has numbers by their logarithm in 0 … 1, quantization as kind and as bits, flags as kinds', () => {
    expect(size).toBe(4);
    expect(encode({})).toEqual([expect.closeTo(Math.log2(17 / 9) / Math.log2(33 / 9)), 'none', 1, 'false']);
    expect(encode(builds[2] ?? {})).toEqual([0, 'scalar', 0, 'false']);
  });

  it('ignores what never differs', () => {
    expect(encoderOf([{ 'hnsw_config.m': 32 }, { 'hnsw_config.m': 32 }]).size).toBe(0);
  });

  it('counts categories as 0 or 1 apart', () => {
    expect(distance([0, 'a'], [1, 'b'])).toBeCloseTo(Math.SQRT2);
    expect(distance([0.5, 'a'], [0.5, 'a'])).toBe(0);
  });
});

describe('fitGaussianProcess', () => {
  const line = Array.from({ length: 9 }, (_, i) => [i / 8]);
  const wave = line.map(([x]) => Math.sin(4 * (x as number)));

  it('goes through what it saw, with little doubt there and more elsewhere', () => {
    const predict = fitGaussianProcess(line, wave);
    line.forEach((point, i) => expect(predict(point).mean).toBeCloseTo(wave[i] as number, 1));
    const between = predict([0.44]);
    expect(between.mean).toBeCloseTo(Math.sin(4 * 0.44), 1);
    expect(predict([3]).sd).toBeGreaterThan(3 * between.sd);
  });

  it('learns main effects of categories from few points', () => {
    const points = [
      [0, 'none'],
      [0.5, 'none'],
      [1, 'none'],
      [0, 'scalar'],
      [0.5, 'scalar'],
    ];
    const predict = fitGaussianProcess(points, [1, 1.5, 2, 2, 2.5]);
    const { mean, sd } = predict([1, 'scalar']);
    expect(mean).toBeGreaterThan(2.5);
    expect(mean).toBeLessThan(3.2);
    expect(sd).toBeGreaterThan(0);
  });

  it('smooths noise away', () => {
    const random = seededRandom(4);
    const points = Array.from({ length: 40 }, () => [random()]);
    const predict = fitGaussianProcess(
      points,
      points.map(([x]) => 2 * (x as number) + 0.2 * normal(random)),
    );
    for (const x of [0.2, 0.5, 0.8]) expect(Math.abs(predict([x]).mean - 2 * x)).toBeLessThan(0.2);
  });

  it('has an honest spread: two thirds of held-out values within one deviation, nearly all within three', () => {
    const random = seededRandom(9);
    let [within1, within3, total] = [0, 0, 0];
    for (let trial = 0; trial < 20; trial += 1) {
      const f = (x: number, kind: string) => Math.sin(3 * x + trial) + (kind === 'a' ? 0.5 : 0);
      const draw = () => [random(), random() < 0.5 ? 'a' : 'b'] as const;
      const seen = Array.from({ length: 12 }, draw);
      const predict = fitGaussianProcess(
        seen,
        seen.map(([x, kind]) => f(x, kind) + 0.05 * normal(random)),
        trial,
      );
      for (let i = 0; i < 10; i += 1) {
        const [x, kind] = draw();
        const { mean, sd } = predict([x, kind]);
        const z = Math.abs(f(x, kind) - mean) / sd;
        total += 1;
        if (z < 1) within1 += 1;
        if (z < 3) within3 += 1;
      }
    }
    expect(within1 / total).toBeGreaterThan(0.55);
    expect(within3 / total).toBeGreaterThan(0.93);
  });

  it('is sure of nothing before it saw anything, and of little after one value or equal ones', () => {
    const nothing = fitGaussianProcess([], [])([0.5]);
    expect(nothing.mean).toBe(0);
    expect(nothing.sd).toBeGreaterThan(0.3);
    expect(fitGaussianProcess([[0]], [5])([1]).sd).toBeGreaterThan(0.1);
    const equal = fitGaussianProcess([[0], [0], []], [5, 5, 5])([0]);
    expect(equal.mean).toBeCloseTo(5);
    expect(Number.isFinite(fitGaussianProcess([[], []], [1, 2])([]).sd)).toBe(true);
  });

  it('does not depend on the order of what it saw', () => {
    const pairs = fc.array(
      fc.tuple(fc.constantFrom(0, 0.25, 0.5, 1), fc.constantFrom('a', 'b'), fc.integer({ min: -5, max: 5 })),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(pairs, fc.integer(), (data, seed) => {
        const fit = (rows: typeof data) =>
          fitGaussianProcess(
            rows.map(([x, kind]) => [x, kind]),
            rows.map(([, , y]) => y),
          );
        expect(fit(shuffled(data, seededRandom(seed)))([0.3, 'a'])).toEqual(fit(data)([0.3, 'a']));
      }),
      { numRuns: 20 },
    );
  });
});
