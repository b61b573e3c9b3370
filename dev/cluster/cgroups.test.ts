import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { cgroupProblem, type Hierarchy, hierarchies } from './cgroups.ts';

const hierarchy = (version: 1 | 2, ...controllers: string[]): Hierarchy => ({ mount: '/m', version, controllers });

describe('cgroups', () => {
  it('are enough with the controllers that kubelet needs, in one hierarchy or several', () => {
    expect(cgroupProblem([hierarchy(2, 'cpuset', 'cpu', 'io', 'memory', 'pids')])).toBeUndefined();
    const several = ['cpu', 'memory', 'pids'].map((name) => hierarchy(1, name));
    expect(cgroupProblem(several)).toBeUndefined();
    expect(cgroupProblem([hierarchy(2, 'cpu')])).toMatch(/memory, pids are missing/);
    expect(cgroupProblem([])).toMatch(/cpu, memory, pids are missing/);
  });

  it.runIf(process.platform === 'linux')('are those this machine has mounted', async () => {
    const found = await hierarchies();
    const mounts = await readFile('/proc/mounts', 'utf8');
    expect(found.length).toBe(mounts.split('\n').filter((line) => / cgroup2? /.test(line)).length);
    for (const { mount, controllers } of found) {
      expect(mounts).toContain(` ${mount} `);
      expect(controllers).not.toContain('rw');
    }
  });
});
