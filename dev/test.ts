import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { milestoneProblems } from './house/milestones.ts';
import { ROOT, run } from './house/run.ts';
import { passedByFile, totals, type TestReport } from './house/totals.ts';

// Everything CI runs: the checks, then every test with coverage. The last line of standard output is
// "N passed, N failed, N skipped"; arguments are handed to vitest, and then neither coverage nor the plan is judged.
const plan = join(ROOT, 'IMPLEMENTATION_PLAN.md');
const filters = process.argv.slice(2);
const reportFile = join(ROOT, 'coverage', 'tests.json');
rmSync(reportFile, { force: true });
mkdirSync(join(ROOT, 'coverage'), { recursive: true });

const everything = filters.length === 0;
const checks = everything ? await run(process.execPath, ['dev/check.ts']) : 0;
const tests = await run(process.execPath, [
  'node_modules/vitest/vitest.mjs',
  'run',
  ...(everything ? ['--coverage'] : filters),
]);

let failed = checks !== 0 || tests !== 0;
if (!existsSync(reportFile)) {
  process.stdout.write('The tests did not run to their end: no report was written.\n0 passed, 1 failed, 0 skipped\n');
  process.exit(1);
}
const report = JSON.parse(readFileSync(reportFile, 'utf8')) as TestReport;
if (everything) {
  const problems = milestoneProblems(
    existsSync(plan) ? readFileSync(plan, 'utf8') : undefined,
    (test) => existsSync(join(ROOT, test)),
    passedByFile(report, ROOT),
  );
  for (const problem of problems) process.stderr.write(`✗ ${problem}\n`);
  failed ||= problems.length > 0;
}
const sum = totals(report);
if (sum.passed === 0) failed = true;
if (checks !== 0) process.stderr.write('✗ the checks before the tests failed, see above\n');
process.stdout.write(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`);
process.exit(failed || sum.failed > 0 ? 1 : 0);
