import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { milestoneProblems } from './house/milestones.ts';
import { capture, ROOT } from './house/run.ts';

/** One check of the house: a name and a promise of what is wrong (empty when all is well). */
interface Check {
  name: string;
  run: () => Promise<string>;
}

const command =
  (program: string, ...args: string[]) =>
  async () => {
    const { code, output } = await capture(program, args);
    return code === 0 ? '' : output || `${program} exited with ${code}`;
  };

/** Entry points must start with plain Node, which refuses what vitest lets pass (enums, parameter properties, .js imports). */
const ENTRY_POINTS = [
  'cli/main.ts',
  'operator/main.ts',
  'loadgen/main.ts',
  'loadgen/pod/main.ts',
  'crds/generate/main.ts',
  'manifests/main.ts',
  'dev/qdrant/main.ts',
  'dev/cluster/main.ts',
  'dev/faults/main.ts',
  'dev/images/main.ts',
  'bench/main.ts',
];

const checks: Check[] = [
  { name: 'types', run: command('tsc', '-p', '.') },
  { name: 'lint and layering', run: command('oxlint', '--type-aware', '--deny-warnings') },
  { name: 'formatting (npm run format mends it)', run: command('prettier', '--check', '--log-level=warn', '.') },
  {
    name: 'generated files (node crds/generate/main.ts mends them)',
    run: command(process.execPath, 'crds/generate/main.ts', '--check'),
  },
  {
    name: 'milestones',
    run: () => {
      const file = join(ROOT, 'IMPLEMENTATION_PLAN.md');
      const plan = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
      return Promise.resolve(milestoneProblems(plan, (test) => existsSync(join(ROOT, test))).join('\n'));
    },
  },
  ...ENTRY_POINTS.map((entry) => ({ name: `${entry} starts`, run: command(process.execPath, entry, '--help') })),
];

let failed = 0;
for (const check of checks) {
  const problems = await check.run().catch((error: unknown) => String(error));
  process.stderr.write(`${problems ? '✗' : '✓'} ${check.name}\n`);
  if (problems) {
    failed += 1;
    process.stderr.write(`${problems.trimEnd()}\n`);
  }
}
process.exit(failed ? 1 : 0);
