// oxlint-disable eslint/no-new -- a construct registers itself with the scope it is made in
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart, Helm, Include, JsonPatch, Yaml } from 'cdk8s';
import { Namespace } from 'cdk8s-plus-28';

const ROOT = join(import.meta.dirname, '..');

/** The images of an installation, as full references: `qdrant-bench.local/nats:2.15.2`. */
export interface Images {
  /** Operator and load generator. */
  bench?: string;
  /** May hold `{version}`. */
  qdrant?: string;
  nats?: string;
  postgres?: string;
}

export interface QuickstartOptions {
  /** Where the operator, NATS and Postgres live. Default: `qdrant-bench`. */
  namespace?: string;
  /** Where the sweep and its Qdrant live. Default: `default`. */
  sweepNamespace?: string;
  images?: Images;
  /** Further values of the chart; they win over `images`. */
  values?: Readonly<Record<string, unknown>>;
  /** Path of the helm binary. Default: `helm`. */
  helm?: string;
}

/** What to apply, in this order: the API server takes a sweep only once it knows what one is. */
export interface Quickstart {
  /** YAML of the namespace and everything in the chart. */
  install: string;
  /** YAML of the sweep. */
  sweep: string;
}

/** The chart's values for some images. */
export function imageValues({ bench, qdrant, nats, postgres }: Images): Record<string, unknown> {
  // A colon before the last slash is a registry's port.
  const colon = bench === undefined ? -1 : bench.indexOf(':', bench.lastIndexOf('/') + 1);
  return {
    ...(bench === undefined
      ? {}
      : {
          image: colon < 0 ? { repository: bench } : { repository: bench.slice(0, colon), tag: bench.slice(colon + 1) },
        }),
    ...(qdrant === undefined ? {} : { qdrant: { image: qdrant } }),
    ...(nats === undefined ? {} : { nats: { image: nats } }),
    ...(postgres === undefined ? {} : { postgres: { image: postgres } }),
  };
}

/** One tree of values over another, as helm merges them: maps are merged, everything else is replaced. */
export function mergeValues(below: unknown, above: unknown): unknown {
  if (!isMap(below) || !isMap(above)) return above;
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) merged[key] = key in below ? mergeValues(below[key], value) : value;
  return merged;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * The quickstart as YAML: a namespace, the Helm chart in it, and the sweep of examples/quickstart.yaml.
 *
 * Rendered without a cluster, the chart makes a new Postgres password each time; give `values.postgres.password` to
 * something that is rendered again for the same cluster.
 * @throws when helm cannot be run, or refuses the values; the message is helm's.
 */
export function quickstart(options: QuickstartOptions = {}): Quickstart {
  const { namespace = 'qdrant-bench', sweepNamespace = 'default', images = {}, values = {}, helm = 'helm' } = options;
  const outdir = mkdtempSync(join(tmpdir(), 'qdrant-bench-manifests-'));
  // cdk8s leaves what helm rendered, the password too, in the folder for temporary files: it gets one that goes.
  const { TMPDIR } = process.env;
  process.env['TMPDIR'] = outdir;
  try {
    const app = new App({ outdir });
    const install = new Chart(app, 'install');
    // Our pods need no right that the strictest of the Pod Security Standards withholds.
    new Namespace(install, 'namespace', {
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
    new Helm(install, 'qdrant-bench', {
      chart: join(ROOT, 'charts/qdrant-bench'),
      releaseName: 'qdrant-bench',
      namespace,
      values: mergeValues(imageValues(images), values) as Record<string, unknown>,
      helmExecutable: helm,
    });
    const sweep = new Chart(app, 'sweep');
    const example = new Include(sweep, 'quickstart', { url: join(ROOT, 'examples/quickstart.yaml') });
    for (const object of example.apiObjects) object.addJsonPatch(JsonPatch.add('/metadata/namespace', sweepNamespace));
    return {
      install: Yaml.stringify(...(install.toJson() as unknown[])),
      sweep: Yaml.stringify(...(sweep.toJson() as unknown[])),
    };
  } finally {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
    rmSync(outdir, { recursive: true, force: true });
  }
}
