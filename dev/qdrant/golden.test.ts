import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  covers,
  type Difference,
  differences,
  goldenFile,
  type GoldenException,
  isRenumbering,
  readGolden,
} from './testing/golden.ts';
import { startTestEngine } from './testing/test-engine.ts';

const file = goldenFile();
const exceptions = JSON.parse(
  readFileSync(join(import.meta.dirname, 'golden-exceptions.json'), 'utf8'),
) as GoldenException[];

describe.skipIf(!existsSync(file))('the answers of a recorded Qdrant 1.19', () => {
  it('are ours too, but for the listed exceptions, each of which is still needed', async () => {
    await using server = await startTestEngine();
    const unexplained: string[] = [];
    const needed = new Set<GoldenException>();
    const renumbered: [number, number][] = [];
    for (const step of readGolden(file)) {
      if (step.kind === 'wait') {
        await server.green(step.path.replace('/collections/', ''));
        continue;
      }
      const answer = await server.call(step.method, step.path, step.body);
      const found: Difference[] = [
        ...differences(step.answer.status, answer.status, 'status code'),
        ...differences(step.answer.contentType, answer.contentType, 'content type'),
        ...differences(step.answer.body, answer.body),
      ];
      for (const { path, expected, actual } of found) {
        const exception = exceptions.find((candidate) => covers(candidate, step.index, path));
        if (exception === undefined) {
          unexplained.push(
            `${step.index} ${step.method} ${step.path} ${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`,
          );
          continue;
        }
        needed.add(exception);
        if (exception.renumbered === true) renumbered.push([Number(expected), Number(actual)]);
      }
    }
    expect(unexplained).toEqual([]);
    expect(exceptions.filter((exception) => exception.byChance !== true && !needed.has(exception))).toEqual([]);
    expect(isRenumbering(renumbered)).toBe(true);
  });
});

describe('comparing answers', () => {
  it('forgives rounding, timings and the order of equal scores, and nothing else', () => {
    const hit = (id: number, score: number) => ({ id, score });
    expect(differences({ time: 1, score: 0.5 }, { time: 2, score: 0.500001 })).toEqual([]);
    expect(differences([hit(1, 0.5), hit(2, 0.5)], [hit(2, 0.5), hit(1, 0.5)])).toEqual([]);
    expect(differences([hit(1, 0.6), hit(2, 0.5)], [hit(2, 0.6), hit(1, 0.5)])).toHaveLength(2);
    expect(differences({ a: 1 }, { b: 1 })).toHaveLength(2);
    expect(differences({ time: 1 }, {})).toHaveLength(1);
  });

  it('matches exceptions by request and path', () => {
    const exception = { requests: [3], path: 'result.points[*].version', reason: '' };
    expect(covers(exception, 3, 'result.points[10].version')).toBe(true);
    expect(covers(exception, 4, 'result.points[10].version')).toBe(false);
    expect(covers(exception, 3, 'result.points[1].id')).toBe(false);
    expect(covers({ requests: 'all', path: 'result.**', reason: '' }, 9, 'result.a[1].b')).toBe(true);
  });

  it('accepts only an increasing renumbering', () => {
    expect(
      isRenumbering([
        [5, 2],
        [6, 3],
        [5, 2],
      ]),
    ).toBe(true);
    expect(
      isRenumbering([
        [5, 2],
        [5, 3],
      ]),
    ).toBe(false);
    expect(
      isRenumbering([
        [5, 3],
        [6, 3],
      ]),
    ).toBe(false);
  });
});
