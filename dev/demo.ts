import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { humanDuration } from '../crds/duration.ts';
import { parseSweep } from '../crds/parse.ts';
import { resultText } from '../cli/table.ts';
import { SWEEP_KIND } from '../operator/kinds.ts';
import { clusterSupport } from './cluster/cluster.ts';
import { run, ROOT } from './house/run.ts';
import { clientOf, followSweep } from './installation/follow.ts';
import { install, type Installation } from './installation/install.ts';
import { ensureEngineBinary } from './qdrant/engine-binary.ts';

const HELP = `npm run demo -- [--local | --context NAME [--values FILE]]

From a bare machine to the quickstart's verdict; everything is measured anew, only installs and builds are cached.

  (nothing)       on a real one-node Kubernetes made on this machine (Linux, root, Go); where that cannot be, as --local
  --local         without Kubernetes: examples/quickstart.yaml by "qdrant-bench run"
  --context NAME  on an existing cluster of your kubeconfig, with the chart's own images
  --values FILE   more values for the chart, with --context
  --help          this text

QDRANT_BIN names an engine to use instead of the built one.
`;
const NAMESPACE = 'default';
/** Sweeps of earlier demos: each is made under a new name, or its history would be adopted and nothing measured. */
const DEMO_LABEL = 'qdrantbench.io/demo';
const QUICKSTART = 'examples/quickstart.yaml';

const began = Date.now();
const since = (): string => humanDuration((Date.now() - began) / 1000);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function local(): Promise<number> {
  const engine = await ensureEngineBinary({ onProgress: say });
  const how = { env: 'from QDRANT_BIN', release: 'the official release', built: 'built from the qdrant-edge crate' }[
    engine.source
  ];
  say(`Engine: Qdrant ${engine.version}, ${how} (${since()})\n`);
  const store = mkdtempSync(join(tmpdir(), 'qdrant-bench-demo-'));
  const code = await run(process.execPath, ['cli/main.ts', 'run', QUICKSTART, '--store', store], {
    ...process.env,
    QDRANT_BIN: engine.path,
  });
  rmSync(store, { recursive: true, force: true });
  say(`\nDone in ${since()}. The sweep was ${QUICKSTART}, run from ${ROOT.split('/').at(-1)}/ by:`);
  say('  npx qdrant-bench run examples/quickstart.yaml');
  say(
    'Next: put your own vectors into its dataset (README.md), then "npx qdrant-bench list" and "npx qdrant-bench show quickstart".',
  );
  return code;
}

async function onCluster(options: { context?: string; values?: string }, signal: AbortSignal): Promise<number> {
  const installation = await install({
    onProgress: (line) => say(`  ${line}`),
    signal,
    ...(options.context === undefined ? {} : { context: options.context }),
    ...(options.values === undefined ? {} : { valuesFile: options.values }),
  });
  say(`\nThe operator is ready (${since()}).`);
  const kube = clientOf(installation);
  try {
    const earlier = await kube.list(SWEEP_KIND, { namespace: NAMESPACE, labelSelector: DEMO_LABEL }, signal);
    for (const { metadata } of earlier) {
      await kube.delete({ ...SWEEP_KIND, namespace: NAMESPACE, name: metadata.name }, {}, signal);
    }
    const { sweep } = parseSweep(readFileSync(join(ROOT, QUICKSTART), 'utf8'));
    if (!sweep) throw new Error(`${QUICKSTART} is not valid`);
    const name = `${sweep.metadata.name}-${randomBytes(2).toString('hex')}`;
    await kube.create(
      {
        apiVersion: sweep.apiVersion,
        kind: sweep.kind,
        metadata: { name, namespace: NAMESPACE, labels: { [DEMO_LABEL]: 'true' } },
        spec: sweep.spec,
      },
      signal,
    );
    say(`Applied ${QUICKSTART} as ${name}.\n`);
    const status = await followSweep(kube, { namespace: NAMESPACE, name }, say, signal);
    process.stdout.write(`\n${resultText(status)}\n`);
    say(`\nDone in ${since()}. Look further:\n${lookFurther(installation, name)}`);
    const met = status.conditions.find(({ type }) => type === 'GoalMet')?.status === 'True';
    return met ? 0 : 1;
  } finally {
    await kube.close();
  }
}

function lookFurther({ kubeconfig, kubectl, context, namespace, release }: Installation, name: string): string {
  const own = context === undefined;
  return [
    ...(own
      ? [`export KUBECONFIG=${kubeconfig} PATH=${dirname(kubectl)}:$PATH`]
      : [`kubectl config use-context ${context}`]),
    'kubectl get qsw',
    `kubectl describe qsw ${name}`,
    'kubectl explain qsw.spec',
    `kubectl -n ${namespace} logs deploy/${release}`,
    ...(own ? ['npm run cluster -- down      # ends the cluster and removes everything but the caches'] : []),
  ]
    .map((line) => `  ${line}`)
    .join('\n');
}

async function demo(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      local: { type: 'boolean' },
      context: { type: 'string' },
      values: { type: 'string' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error(signal)));
  say('Qdrant Bench demo: which settings give 50,000 vectors recall ≥ 0.95 at the highest rate?\n');
  if (values.values !== undefined && values.context === undefined) {
    say('--values is for a cluster of your own: give its --context, too');
    return 2;
  }
  if (values.local) return local();
  if (values.context === undefined) {
    const support = await clusterSupport();
    if (!support.supported) {
      say(`No Kubernetes here: ${support.why}`);
      say('Going on without one, as with --local. With a cluster of your own: npm run demo -- --context NAME\n');
      return local();
    }
    say('On a real one-node Kubernetes, made on this machine; "npm run demo -- --local" does without.');
  }
  try {
    return await onCluster(values, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say(
      '\nInterrupted. The cluster and the sweep go on: "npm run cluster -- status", or "npm run cluster -- down" to end it.',
    );
    return 4;
  }
}

try {
  process.exitCode = await demo();
} catch (error) {
  say(`\n${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
  process.exitCode = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') ? 2 : 70;
}
