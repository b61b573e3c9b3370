import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { cpuWaitSeconds, PeakMemory, ProcessStats, statSeconds } from './server-stats.ts';

const linux = process.platform === 'linux';

describe('ProcessStats', () => {
  it.runIf(linux)('sees this process work and its memory', () => {
    const stats = new ProcessStats(process.pid);
    const before = stats.cpuSeconds() as number;
    const until = process.cpuUsage().user + 50_000;
    while (process.cpuUsage().user < until);
    expect((stats.cpuSeconds() as number) - before).toBeGreaterThan(0.03);
    expect(stats.residentBytes()).toBeGreaterThan(10_000_000);
    expect(cpuWaitSeconds()).toBeGreaterThanOrEqual(0);
  });

  it('knows nothing of processes that are not there', () => {
    const stats = new ProcessStats(1, '/nonexistent');
    expect([stats.cpuSeconds(), stats.residentBytes(), stats.majorFaults(), cpuWaitSeconds('/nonexistent')]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('keeps what ended threads used, and falls back to clock ticks', async () => {
    await using folder = await temporaryFolder();
    const task = join(folder.path, '5/task');
    for (const [tid, used] of [
      ['5', 2e9],
      ['6', 1e9],
    ] as const) {
      await mkdir(join(task, tid), { recursive: true });
      await writeFile(join(task, tid, 'schedstat'), `${used} 0 1\n`);
    }
    const stats = new ProcessStats(5, folder.path);
    expect(stats.cpuSeconds()).toBe(3);
    await rm(join(task, '6'), { recursive: true });
    expect(stats.cpuSeconds()).toBe(3);

    await rm(join(task, '5', 'schedstat'));
    const stat = '5 (a (b) c) S 1 1 1 0 -1 4194304 1 0 7 0 150 50 0 0 20 0 1 0 1';
    await writeFile(join(folder.path, '5/stat'), stat);
    await writeFile(join(folder.path, '5/status'), 'Name:\tx\nVmRSS:\t    2048 kB\n');
    const ticks = new ProcessStats(5, folder.path);
    expect(ticks.cpuSeconds()).toBe(2);
    expect(ticks.majorFaults()).toBe(7);
    expect(ticks.residentBytes()).toBe(2048 * 1024);
    expect(statSeconds('5 (x) S')).toBeUndefined();
  });

  it('keeps the largest memory seen', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, '5'));
    const set = (kilobytes: number) => writeFile(join(folder.path, '5/status'), `VmRSS: ${kilobytes} kB\n`);
    await set(100);
    const peak = new PeakMemory(new ProcessStats(5, folder.path), 1);
    await set(300);
    while (peak.peak !== 300 * 1024) await new Promise((resolve) => setTimeout(resolve, 1));
    await set(200);
    expect(peak.stop()).toBe(300 * 1024);
  });
});
