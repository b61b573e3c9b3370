import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { exactDistance } from './distance.ts';
import { SyntheticGenerator, syntheticParameters } from './synthetic.ts';

const parameters = syntheticParameters({ points: 500, dimensions: 16, seed: 7 });

describe('SyntheticGenerator', () => {
  it('fills in the documented defaults', () => {
    expect(syntheticParameters({ points: 1000, dimensions: 128 })).toEqual({
      points: 1000,
      dimensions: 128,
      clusters: 200,
      intrinsicDimensions: 43,
      queries: 1000,
      seed: 1,
      distance: 'Cosine',
    });
    expect(syntheticParameters({ points: 1000, dimensions: 4, intrinsicDimensions: 9 }).intrinsicDimensions).toBe(4);
  });

  it('makes the same bytes from the same seed, however they are asked for', () => {
    const whole = new SyntheticGenerator(parameters).next('base', 500);
    const pieces = new SyntheticGenerator(parameters);
    const joined = new Float32Array(whole.length);
    joined.set(pieces.next('base', 200), 0);
    pieces.next('queries', 10);
    joined.set(pieces.next('base', 300), 200 * 16);
    expect(joined).toEqual(whole);
    expect(createHash('sha256').update(new Uint8Array(whole.buffer)).digest('hex')).toBe(
      '4b29a25aa77c33d8e0dee9c0066ac8e7bf3f6fe34736c93f52c0c5704e16342e',
    );
    expect(new SyntheticGenerator({ ...parameters, seed: 8 }).next('base', 500)).not.toEqual(whole);
  });

  it('draws queries that are no base rows', () => {
    const generator = new SyntheticGenerator(parameters);
    const base = generator.next('base', 500);
    const queries = generator.next('queries', 20);
    for (let q = 0; q < 20; q += 1) {
      for (let row = 0; row < 500; row += 1) {
        expect(exactDistance('Euclid', queries, q * 16, base, row * 16, 16)).toBeGreaterThan(0.01);
      }
    }
  });

  it('plants clusters: rows of one are nearer to each other than rows at large', () => {
    const few = { ...parameters, clusters: 2, intrinsicDimensions: 1 };
    const base = new SyntheticGenerator(few).next('base', 200);
    const first: number[] = [];
    for (let row = 1; row < 200; row += 1) first.push(exactDistance('Euclid', base, 0, base, row * 16, 16));
    first.sort((a, b) => a - b);
    expect(first[20] as number).toBeLessThan((first[180] as number) / 2);
  });
});
