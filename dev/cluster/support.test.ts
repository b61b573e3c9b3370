import { describe, expect, it } from 'vitest';
import { clusterSupport, type Machine } from './support.ts';

const fine: Machine = {
  platform: 'linux',
  uid: 0,
  hasProgram: () => Promise.resolve(true),
  cgroupProblem: () => Promise.resolve(undefined),
  filesystems: () => Promise.resolve('nodev\tcgroup2\n\text4\n'),
  isolationProblem: () => Promise.resolve(undefined),
  goProblem: () => Promise.resolve(undefined),
};

describe('clusterSupport', () => {
  it('finds nothing against a machine that has all', async () => {
    expect(await clusterSupport(fine)).toEqual({ supported: true });
  });

  it.each<[string, Partial<Machine>, RegExp]>([
    ['another system', { platform: 'darwin' }, /needs Linux, this is darwin/],
    ['a user', { uid: 1000 }, /needs root/],
    ['no users at all', { uid: undefined }, /needs root/],
    ['no iproute2', { hasProgram: (name) => Promise.resolve(name !== 'ip') }, /`ip` is missing/],
    ['cgroups that will not do', { cgroupProblem: () => Promise.resolve('cpuset is taken') }, /^cpuset is taken\.$/],
    ['a kernel without them', { filesystems: () => Promise.resolve('nodev\tproc\n') }, /no cgroups/],
    [
      'a sandbox',
      { isolationProblem: () => Promise.resolve('Operation not permitted') },
      /\(Operation not permitted\)/,
    ],
    ['no Go', { goProblem: () => Promise.resolve('Go 1.26 is needed') }, /^Go 1\.26 is needed$/],
  ])('names %s', async (_, lack, why) => {
    const support = await clusterSupport({ ...fine, ...lack });
    expect(support).toMatchObject({ supported: false, why: expect.stringMatching(why) as string });
  });

  it('can look at this very machine', async () => {
    expect(await clusterSupport()).toHaveProperty('supported');
  });
});
