import { describe, expect, it } from 'vitest';
import { passedByFile, totals, type TestReport } from './totals.ts';

const report: TestReport = {
  numPassedTests: 2,
  numFailedTests: 1,
  numPendingTests: 3,
  numTodoTests: 1,
  testResults: [
    { name: '/house/a.test.ts', status: 'passed', assertionResults: [{ status: 'passed' }, { status: 'passed' }] },
    { name: '/house/b.test.ts', status: 'failed', assertionResults: [{ status: 'failed' }] },
    { name: '/elsewhere/broken.test.ts', status: 'failed', message: 'SyntaxError', assertionResults: [] },
  ],
};

describe('totals', () => {
  it('counts a file that could not be loaded as a failure', () => {
    expect(totals(report)).toEqual({ passed: 2, failed: 2, skipped: 4 });
  });

  it('tells how many tests passed in each file', () => {
    expect([...passedByFile(report, '/house')]).toEqual([
      ['a.test.ts', 2],
      ['b.test.ts', 0],
      ['/elsewhere/broken.test.ts', 0],
    ]);
  });
});
