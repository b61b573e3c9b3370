import { describe, expect, it } from 'vitest';
import { MAX_POINTS, Series, type SeriesPoint } from './series.ts';

describe('the series of a window', () => {
  it('has a point a second, with what was answered in it', () => {
    const series = new Series(3, (from, to) => (from + to) * 10);
    series.record(100, 5);
    series.record(900, 7);
    series.record(950, undefined);
    series.record(2100, 9);
    const [first, third] = series.points();
    expect(first).toMatchObject({ second: 0, offeredRate: 10, achievedRate: 2, errors: 1 });
    expect(first?.latencyP99).toBeCloseTo(7, 1);
    expect(third).toMatchObject({ second: 2, offeredRate: 50, achievedRate: 1, errors: 0 });
    expect(third?.latencyP50).toBeCloseTo(9, 1);
    expect(series.points()).toHaveLength(2);
  });

  it('tells of each point the moment it is over', () => {
    const heard: SeriesPoint[] = [];
    const series = new Series(5, () => 1, { onPoint: (point) => heard.push(point) });
    series.record(10, 5);
    series.record(999, undefined);
    expect(heard).toEqual([]);
    series.record(1000, 50);
    expect(heard).toHaveLength(1);
    series.record(4200, undefined);
    expect(series.points()).toEqual(heard);
    expect(heard.map(({ second, achievedRate, errors }) => [second, achievedRate, errors])).toEqual([
      [0, 1, 1],
      [1, 1, 0],
      [4, 0, 1],
    ]);
  });

  it('of a day has no more points than of ten minutes', () => {
    const day = 86_400;
    const series = new Series(day, () => 2);
    for (let second = 0; second < day; second += 10) series.record(second * 1000, 1);
    const points = series.points();
    expect(points.length).toBeLessThanOrEqual(MAX_POINTS);
    expect(points.every(({ achievedRate }) => Math.abs(achievedRate - 0.1) < 0.01)).toBe(true);
  });
});
