/** The parts of vitest's JSON report that we read. */
export interface TestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numFailedTestSuites?: number;
  testResults: { name: string; status: string; message?: string; assertionResults: { status: string }[] }[];
}

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Tests by outcome; a file that could not even be loaded counts as one failure, so that it can't vanish. */
export function totals(report: TestReport): Totals {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** How many tests passed in each file, by its path relative to `root`. */
export function passedByFile(report: TestReport, root: string): Map<string, number> {
  return new Map(
    report.testResults.map((file) => [
      file.name.startsWith(`${root}/`) ? file.name.slice(root.length + 1) : file.name,
      file.assertionResults.filter((test) => test.status === 'passed').length,
    ]),
  );
}
