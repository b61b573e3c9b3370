import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exactDistance } from '../datasets/distance.ts';
import { Random } from '../random.ts';
import { fvecs, ivecs } from './vecs.ts';

export interface Files {
  base: string;
  queries: string;
  truth: string;
  points: number[][];
}

/** Seeded vectors, queries and their exact neighbours by Euclid, as files. */
export function writeFiles(folder: string, points: number, dimensions: number, queries: number, k: number): Files {
  mkdirSync(folder, { recursive: true });
  const random = new Random(11);
  const rows = (count: number): number[][] =>
    Array.from({ length: count }, () => Array.from({ length: dimensions }, () => Math.fround(random.bell())));
  const base = rows(points);
  const asked = rows(queries);
  const truth = asked.map((query) =>
    base
      .map((row, id) => ({ id, distance: exactDistance('Euclid', query, 0, row, 0, dimensions) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, k)
      .map(({ id }) => id),
  );
  const paths = {
    base: join(folder, 'base.fvecs'),
    queries: join(folder, 'queries.fvecs'),
    truth: join(folder, 'truth.ivecs'),
  };
  writeFileSync(paths.base, fvecs(base));
  writeFileSync(paths.queries, fvecs(asked));
  writeFileSync(paths.truth, ivecs(truth));
  return { ...paths, points: base };
}
