import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { humanDuration } from '../crds/duration.ts';
import { run, ROOT } from './house/run.ts';
import { ensureEngineBinary } from './qdrant/engine-binary.ts';

// From a bare machine to the quickstart's verdict. Everything is measured anew: only installs and builds are cached.
const began = Date.now();
const since = (): string => humanDuration((Date.now() - began) / 1000);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

if (process.argv.includes('--help')) {
  say(
    'npm run demo: builds or finds a Qdrant engine, runs examples/quickstart.yaml on it and prints the verdict.\nQDRANT_BIN names an engine to use instead.',
  );
  process.exit(0);
}
say('Qdrant Bench demo: which settings give 50,000 vectors recall ≥ 0.95 at the highest rate?\n');
const engine = await ensureEngineBinary({ onProgress: say });
const how = { env: 'from QDRANT_BIN', release: 'the official release', built: 'built from the qdrant-edge crate' }[
  engine.source
];
say(`Engine: Qdrant ${engine.version}, ${how} (${since()})\n`);

const store = mkdtempSync(join(tmpdir(), 'qdrant-bench-demo-'));
const code = await run(process.execPath, ['cli/main.ts', 'run', 'examples/quickstart.yaml', '--store', store], {
  ...process.env,
  QDRANT_BIN: engine.path,
});
rmSync(store, { recursive: true, force: true });
say(`\nDone in ${since()}. The sweep was examples/quickstart.yaml, run from ${ROOT.split('/').at(-1)}/ by:`);
say('  npx qdrant-bench run examples/quickstart.yaml');
say(
  'Next: put your own vectors into its dataset (README.md), then "npx qdrant-bench list" and "npx qdrant-bench show quickstart".',
);
process.exit(code);
