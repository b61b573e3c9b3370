import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('each property of the README names tests that are there', () => {
  const rows = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| \d+ +\|/.test(line));
  expect(rows.map((row) => Number(row.split('|')[1]))).toEqual(Array.from({ length: 18 }, (_, index) => index + 1));
  for (const row of rows) {
    const tests = [...row.matchAll(/\]\(([^)]+)\) “([^”]+)”/g)];
    expect(tests.length, row).toBeGreaterThan(0);
    for (const [, file = '', name] of tests) {
      expect(readFileSync(join(import.meta.dirname, file), 'utf8'), `${file}: ${name}`).toContain(name);
    }
  }
});
