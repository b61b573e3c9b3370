import { parseArgs } from 'node:util';
import { run } from './house/run.ts';

// Long fault campaigns; npm test runs a short form of each.
const HELP = `npm run faults -- [--seed N] [--count N]

Kills a sweep by SIGKILL at N seeded moments (default 100, seed 1), each time starting it again, and compares its table
with an undisturbed run's: every search id once, none missing.
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '100' },
    help: { type: 'boolean' },
  },
  allowPositionals: true,
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
for (const [name, value] of Object.entries({ seed: values.seed, count: values.count })) {
  if (!/^[0-9]{1,6}$/.test(value)) {
    process.stderr.write(`--${name}: "${value}" is not a whole number\n`);
    process.exit(2);
  }
}
process.exit(
  await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', 'e2e', 'cli/kill.e2e.test.ts'], {
    ...process.env,
    QDRANT_BENCH_KILLS: values.count,
    QDRANT_BENCH_SEED: values.seed,
  }),
);
