import { describe, expect, it } from 'vitest';
import { readArguments } from './arguments.ts';

describe('the command line of npm run faults', () => {
  it.each([
    [[], { kind: 'runtime', seed: 1, count: Infinity, parallel: 2 }],
    [['runtime', '--seed', '3', '--count', '9'], { kind: 'runtime', seed: 3, count: 9, parallel: 2 }],
    [
      ['--only', 'kill', '--output', 'x.json', '--parallel', '0'],
      { kind: 'runtime', seed: 1, count: Infinity, parallel: 1, only: 'kill', output: 'x.json' },
    ],
    [['local'], { kind: 'local', seed: 1, count: 100 }],
    [['local', '--count', '5', '--seed', '2'], { kind: 'local', seed: 2, count: 5 }],
    [['data', '--only', 'disk-full'], { kind: 'data', seed: 1, rounds: 1, only: 'disk-full' }],
    [['data', '--count', '3', '--output', 'x'], { kind: 'data', seed: 1, rounds: 3, output: 'x' }],
    [['--help'], { kind: 'help' }],
  ])('%j is read', (argv, expected) => {
    expect(readArguments(argv)).toEqual(expected);
  });

  it.each([
    [['cloud'], /come with the Cloud target, which is not there yet/],
    [['chaos'], /"chaos" is no campaign: expected runtime, local, cloud or data/],
    [['toString'], /"toString" is no campaign/],
    [['runtime', 'local'], /one campaign at a time/],
    [['--seed', 'x'], /--seed: "x" is not a whole number/],
    [['--count', '-1'], /--count/],
    [['--nonsense'], /Unknown option '--nonsense'/],
  ])('%j is refused', (argv, message) => {
    const read = readArguments(argv);
    expect(read.kind).toBe('refused');
    expect((read as { message: string }).message).toMatch(message);
  });
});
