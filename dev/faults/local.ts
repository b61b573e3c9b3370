import { run } from '../house/run.ts';

/** Kills a local sweep (`qdrant-bench run`) by SIGKILL at seeded moments; the long form of cli/kill.e2e.test.ts. */
export function localCampaign(seed: number, count: number): Promise<number> {
  return run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', 'e2e', 'cli/kill.e2e.test.ts'], {
    ...process.env,
    QDRANT_BENCH_KILLS: String(count),
    QDRANT_BENCH_SEED: String(seed),
  });
}
