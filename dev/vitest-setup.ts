/**
 * What tests share, made once and before any of them runs, so that no test waits for a compiler: the engine, whose path
 * they read from QDRANT_BIN, and the Go programs of the cluster. A cluster that tests brought up is taken down after
 * the last of them; one that was there stays. QDRANT_BENCH_UNIT_ONLY=1 skips all this.
 */
export default async function setup(): Promise<(() => Promise<void>) | void> {
  if (process.env['QDRANT_BENCH_UNIT_ONLY'] === '1') return;
  const onProgress = (line: string): void => void process.stderr.write(`  ${line}\n`);
  const { ensureEngineBinary } = await import('./qdrant/engine-binary.ts');
  const { clusterSupport, down, status } = await import('./cluster/cluster.ts');
  const { ensureGoTools, goTools } = await import('./go/tools.ts');
  const support = await clusterSupport();
  // Two compilers at once: each has stretches that leave a core idle.
  const [engine] = await Promise.all([
    ensureEngineBinary({ onProgress }),
    support.supported ? ensureGoTools(goTools, { onProgress }) : undefined,
  ]);
  process.env['QDRANT_BIN'] = engine.path;
  if (!support.supported) {
    onProgress(`tests on a cluster are skipped: ${support.why}`);
    return;
  }
  const before = await status();
  return async () => {
    if (before.state === 'absent') await down({ onProgress });
  };
}
