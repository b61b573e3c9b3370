import { describe, expect, it } from 'vitest';
import { SecondSeries, type SeriesPoint } from './second-series.ts';

describe('SecondSeries', () => {
  it('tells each second by itself, the moment it is over', () => {
    const heard: SeriesPoint[] = [];
    const series = new SecondSeries(100, (point) => heard.push(point));
    series.completed(10, 5);
    series.completed(999, 7);
    series.failed(999.5);
    expect(heard).toEqual([]);
    series.completed(1000, 50);
    expect(heard).toHaveLength(1);
    series.failed(4200);
    const points = series.end();
    expect(points).toBe(series.points);
    expect(heard).toEqual(points);
    expect(points.map(({ second, achievedRate, errors }) => [second, achievedRate, errors])).toEqual([
      [0, 2, 1],
      [1, 1, 0],
      [4, 0, 1],
    ]);
    expect(points[0]?.latencyP99).toBeCloseTo(7, 1);
    expect(points[1]?.latencyP50).toBeCloseTo(50, 0);
    expect(points[2]).toMatchObject({ offeredRate: 100, latencyP50: 0 });
  });

  it('keeps its memory flat over hours', () => {
    const series = new SecondSeries(1);
    series.completed(0, 1);
    global.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    for (let second = 1; second < 4 * 3600; second += 1) series.completed(second * 1000, 1);
    expect(series.end()).toHaveLength(4 * 3600);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });
});
