import { expect, it } from 'vitest';
import { HELP, readArguments } from './arguments.ts';

it('runs all without a name', () => {
  expect(readArguments([])).toEqual({
    names: ['client', 'honesty', 'ingest', 'operator'],
    long: false,
    only: undefined,
    help: false,
  });
});

it('runs what is named, in the form that is asked for', () => {
  expect(readArguments(['client']).names).toEqual(['client']);
  expect(readArguments(['1m']).names).toEqual(['1m']);
  expect(readArguments(['load']).names).toEqual(['client', 'honesty', 'ingest']);
  expect(readArguments(['operator', '--long', '--only', 'idle'])).toMatchObject({
    names: ['operator'],
    long: true,
    only: 'idle',
  });
  expect(readArguments(['--help']).help).toBe(true);
});

it.each([
  [['server'], 'no bench "server"; there is client, honesty, ingest, 1m, operator, load'],
  [['operator', '--only', 'all'], '--only: "all" is no part'],
  [['--only', 'idle'], 'say "operator" as well'],
  [['client', '--long'], 'say "operator" as well'],
  [['--fast'], '--fast'],
])('refuses %j', (args, message) => {
  expect(() => readArguments(args)).toThrow(message);
});

it('tells of every part', () => {
  expect(HELP).toContain('firstStatus, newLeader, apiOutage, idle, manySweeps, hostile');
});
