import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from './prng.ts';
import { nextStep } from './propose.ts';
import type { Study } from './study.ts';
import { RecordedGrid, recordedStudy, type GridRow } from './testing/recorded-grid.ts';

const data = process.env.QDRANT_BENCH_DATA ?? path.resolve(import.meta.dirname, '../../../shared/data');
const file = path.join(data, 'tables/synthetic-60k-384.jsonl');

const SEEDS = 5;
const BUILDS = 10;

/**
 * The judge against chance on measurements of a real server: both see the same searches on each build, start from the same
 * baseline and are told one recorded repeat of each measurement.
 */
describe.skipIf(!existsSync(file))('on a recorded grid', () => {
  const rows = () =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as GridRow);

  it.each([0.9, 0.95, 0.99])('finds better builds than nested random search at recall %d', (recall) => {
    const grid = new RecordedGrid(rows(), 10);
    const found = (strategy: Study['strategy']) => {
      const shares: number[] = [];
      const needed: number[] = [];
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        let study = recordedStudy(recall, seed, strategy);
        const random = seededRandom(seed, 99);
        let best = 0;
        let first = BUILDS + 1;
        for (let n = 1; n <= BUILDS; n += 1) {
          const step = nextStep(study);
          if ('stop' in step) break;
          study = { ...study, history: grid.run(study, step.build, random) };
          best = Math.max(best, grid.truth(step.build, recall) / grid.best(recall));
          if (best >= 0.9) first = Math.min(first, n);
        }
        shares.push(best);
        needed.push(first);
      }
      return {
        share: shares.reduce((sum, value) => sum + value, 0) / SEEDS,
        median: needed.toSorted((a, b) => a - b)[Math.floor(SEEDS / 2)] as number,
      };
    };
    const [adaptive, random] = [found('Adaptive'), found('Random')];
    expect(adaptive.median).toBeLessThanOrEqual(random.median);
    expect(adaptive.share).toBeGreaterThanOrEqual(random.share);
    expect(adaptive.share).toBeGreaterThan(0.92);
  });
});
