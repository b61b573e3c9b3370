/** Builds or finds the engine once, before any test; tests read it from QDRANT_BIN. QDRANT_BENCH_UNIT_ONLY=1 skips that. */
export default async function setup(): Promise<void> {
  if (process.env['QDRANT_BENCH_UNIT_ONLY'] === '1') return;
  const { ensureEngineBinary } = await import('./qdrant/engine-binary.ts');
  const engine = await ensureEngineBinary({ onProgress: (line) => process.stderr.write(`  ${line}\n`) });
  process.env['QDRANT_BIN'] = engine.path;
}
