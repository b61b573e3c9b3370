import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { expect, it } from 'vitest';
import { ROOT } from '../../dev/house/run.ts';
import { compare } from './promises.ts';
import { measuredPart, table, withMeasured, type Run } from './promises-page.ts';
import type { OperatorBench } from './operator.ts';

const FILE = join(ROOT, 'docs/promises.md');
const RESULTS = join(ROOT, 'bench/results/operator.json');

const RUN: Run = {
  date: '2026-11-21T17:00:00.000Z',
  cpu: '2 × A CPU',
  memoryGiB: 24,
  node: '24.0.0',
  results: {
    versions: { Postgres: '18' },
    promises: [
      { what: 'one', promise: '< 2 s', measured: '1 s', held: true, part: 'firstStatus' },
      { what: 'another', promise: 'all', measured: 'some', held: false, part: 'hostile' },
      { what: 'a third', promise: 'none', measured: '3', part: 'manySweeps' },
    ],
  },
};

it('has a table as prettier leaves it', async () => {
  const text = `${table(
    ['a', 'long title'],
    [
      ['x', 'y'],
      ['longer than its title', '**no**'],
    ],
  )}\n`;
  expect(await format(text, { parser: 'markdown', printWidth: 120 })).toBe(text);
});

it('says where, what, and whether it held', () => {
  const part = measuredPart(RUN);
  expect(part).toContain('Measured on 2026-11-21, 2 × A CPU, 24 GiB; Node 24.0.0, Postgres 18.');
  expect(part).toMatch(/\| one +\| < 2 s +\| 1 s +\| yes +\| `firstStatus` +\|/);
  expect(part).toMatch(/\| another +\| all +\| some +\| \*\*no\*\* +\| `hostile` +\|/);
  expect(part).toMatch(/\| a third +\| none +\| 3 +\| +\| `manySweeps` +\|/);
});

it('replaces what a page had, and nothing else', () => {
  const page = readFileSync(FILE, 'utf8');
  const changed = withMeasured(page, 'other');
  expect(changed).toContain('\n\nother\n\n');
  const [, part = ''] = /<!-- measured[^\n]*\n\n([^]*)\n\n<!-- \/measured/.exec(page) ?? [];
  expect(withMeasured(changed, part)).toBe(page);
});

it('refuses a page that has no place for it', () => {
  expect(() => withMeasured('# Promises\n', 'part')).toThrow('expected the lines');
});

it('says in docs/promises.md what bench/results/operator.json has', () => {
  expect(existsSync(RESULTS)).toBe(true);
  const run = JSON.parse(readFileSync(RESULTS, 'utf8')) as Run & { results: OperatorBench };
  expect(run.results.promises).toEqual(compare(run.results.figures));
  const page = readFileSync(FILE, 'utf8');
  expect(withMeasured(page, measuredPart(run))).toBe(page);
});
