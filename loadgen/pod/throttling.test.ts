import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { parseCpuStat, readOwnThrottling } from './throttling.ts';

const v2 = 'usage_usec 9012345\nuser_usec 7\nnr_periods 120\nnr_throttled 7\nthrottled_usec 1500000\nnr_bursts 0\n';
const v1 = 'nr_periods 120\nnr_throttled 7\nthrottled_time 1500000000\n';
const expected = { periods: 120, throttledPeriods: 7, throttledSeconds: 1.5 };

describe('readOwnThrottling', () => {
  it.each([
    ['v2', 'cpu.stat', v2],
    ['v1', 'cpu/cpu.stat', v1],
    ['v1 with cpuacct', 'cpu,cpuacct/cpu.stat', v1],
  ])('reads control groups %s', async (_, place, text) => {
    await using folder = await temporaryFolder();
    await mkdir(dirname(join(folder.path, place)), { recursive: true });
    await writeFile(join(folder.path, place), text);
    expect(await readOwnThrottling(folder.path)).toEqual(expected);
  });

  it('passes over a group without limits, and says when there is nothing', async () => {
    await using folder = await temporaryFolder();
    expect(await readOwnThrottling(folder.path)).toBeUndefined();
    await writeFile(join(folder.path, 'cpu.stat'), 'usage_usec 1\nuser_usec 1\nsystem_usec 0\n');
    expect(await readOwnThrottling(folder.path)).toBeUndefined();
    await mkdir(join(folder.path, 'cpu'));
    await writeFile(join(folder.path, 'cpu', 'cpu.stat'), v1);
    expect(await readOwnThrottling(folder.path)).toEqual(expected);
  });

  it('takes nothing for numbers that are none', () => {
    expect(parseCpuStat('nr_periods many\nnr_throttled 1\nthrottled_usec 1\n')).toBeUndefined();
    expect(parseCpuStat('nr_periods 1\nnr_throttled 1\n')).toBeUndefined();
  });
});
