import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSweep } from '../crds/parse.ts';
import { startApiServer, type TestApiServer } from '../dev/cluster/testing/api-server.ts';
import { ensureGoTools } from '../dev/go/tools.ts';
import { CHART, helm } from './testing/render.ts';
import { run } from './testing/run.ts';

let server: TestApiServer;
let kubectlPath: string;

async function kubectl(...args: string[]): Promise<string> {
  const own = ['--kubeconfig', server.kubeconfig, '--cache-dir', join(server.dir, 'kubectl-cache')];
  const { code, stdout, stderr } = await run(kubectlPath, [...own, ...args]);
  // `auth can-i` answers "no" with exit code 1.
  if (code !== 0 && args[0] !== 'auth') throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

async function helmOn(args: string[], values?: Record<string, unknown>): Promise<string> {
  const { code, stdout, stderr } = await helm([...args, '--kubeconfig', server.kubeconfig], values);
  if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`);
  return stdout;
}

beforeAll(async () => {
  const onProgress = (line: string) => process.stderr.write(`  ${line}\n`);
  ({ kubectl: kubectlPath } = await ensureGoTools(['kubectl', 'helm'], { onProgress }));
  server = await startApiServer({ onProgress });
  await helmOn(['install', 'qdrant-bench', CHART, '--namespace', 'qdrant-bench', '--create-namespace']);
}, 900_000);
afterAll(() => server?.stop());

describe('an installation', () => {
  it('is what the API server takes without a warning, field by field, in a namespace of the strictest kind', async () => {
    await kubectl('label', 'namespace', 'qdrant-bench', 'pod-security.kubernetes.io/warn=restricted');
    const { stdout } = await helm(['template', 'strict', CHART, '--namespace', 'qdrant-bench']);
    const own = ['--kubeconfig', server.kubeconfig, '--cache-dir', join(server.dir, 'kubectl-cache')];
    const apply = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', '-'];
    expect(await run(kubectlPath, [...own, ...apply], stdout)).toMatchObject({ code: 0, stderr: '' });
  });

  it('leads to the quickstart of examples/, in a namespace that is watched', async () => {
    const dryRun = ['install', 'notes', CHART, '--namespace', 'qdrant-bench', '--dry-run=server'];
    const stdout = await helmOn(dryRun, { watchNamespaces: ['team-a'], crds: { enabled: false } });
    const notes = stdout.slice(stdout.indexOf('NOTES:'));
    const example = /<<'END'\n(.*?)\nEND\n/s.exec(notes)?.[1] ?? '';
    const quickstart = parseSweep(readFileSync(join(CHART, '../../examples/quickstart.yaml'), 'utf8')).sweep;
    expect(parseSweep(example).sweep).toEqual(quickstart);
    expect(notes).toContain('kubectl get qsw --namespace team-a --watch');
  });

  it('keeps its password and its sweeps through an upgrade, and being removed and installed again', async () => {
    const password = () =>
      kubectl('get', 'secret', '-n', 'qdrant-bench', 'qdrant-bench-postgres', '-o', 'jsonpath={.data}');
    const first = await password();
    expect(first).toContain('"url"');
    await kubectl('apply', '-f', join(CHART, '../../examples/quickstart.yaml'));
    await helmOn(['upgrade', 'qdrant-bench', CHART, '--namespace', 'qdrant-bench'], { logLevel: 'debug' });
    expect(await password()).toBe(first);
    const { helm: helmPath } = await ensureGoTools(['helm']);
    const uninstall = ['uninstall', 'qdrant-bench', '--namespace', 'qdrant-bench', '--kubeconfig', server.kubeconfig];
    const { stdout } = await run(helmPath, uninstall);
    expect(stdout).toContain('[CustomResourceDefinition] qdrantsweeps.qdrantbench.io');
    expect(await kubectl('get', 'deployments,statefulsets', '-n', 'qdrant-bench', '-o', 'name')).toBe('');
    await helmOn(['install', 'qdrant-bench', CHART, '--namespace', 'qdrant-bench']);
    expect(await password()).toBe(first);
    expect(await kubectl('get', 'qsw', '-o', 'name')).toBe('qdrantsweep.qdrantbench.io/quickstart');
  });

  const account = 'system:serviceaccount:qdrant-bench:qdrant-bench';
  it.each([
    ['yes', 'watch', 'qdrantsweeps', 'team-a'],
    ['yes', 'patch', 'qdrantsweeps/status', 'team-a'],
    ['yes', 'update', 'qdrantsweeps/finalizers', 'team-a'],
    ['yes', 'watch', 'embeddingexperiments', 'team-a'],
    ['yes', 'patch', 'qdrantpromotions/status', 'team-a'],
    ['no', 'patch', 'qdrantpromotions', 'team-a'],
    ['no', 'create', 'qdrantsweeps', 'team-a'],
    ['no', 'delete', 'qdrantsweeps', 'team-a'],
    ['yes', 'create', 'jobs', 'team-a'],
    ['yes', 'delete', 'statefulsets', 'team-a'],
    ['yes', 'create', 'persistentvolumeclaims', 'team-a'],
    ['no', 'get', 'pods/log', 'team-a'],
    ['no', 'watch', 'jobs', 'team-a'],
    ['no', 'create', 'pods', 'team-a'],
    ['no', 'create', 'pods/exec', 'team-a'],
    ['yes', 'get', 'secrets', 'team-a'],
    ['no', 'list', 'secrets', 'team-a'],
    ['no', 'watch', 'secrets', 'team-a'],
    ['no', 'update', 'secrets', 'team-a'],
    ['yes', 'get', 'secrets/qdrant-bench-nats-auth', 'qdrant-bench'],
    ['no', 'update', 'secrets/qdrant-bench-nats-auth', 'qdrant-bench'],
    ['yes', 'create', 'events.events.k8s.io', 'team-a'],
    ['yes', 'create', 'leases', 'qdrant-bench'],
    ['no', 'create', 'leases', 'default'],
    ['yes', 'list', 'nodes', ''],
    ['yes', 'list', 'events.events.k8s.io', 'team-a'],
    ['no', 'get', 'nodes/proxy', ''],
    ['no', 'create', 'clusterroles', ''],
  ])('says %s when its operator wants to %s %s', async (answer, verb, resource, namespace) => {
    // A subresource and a name are both written behind a slash: `pods/log`, `secrets/NAME`.
    const [kind, part] = resource.split('/') as [string, string | undefined];
    const subresource = part !== undefined && kind !== 'secrets';
    const what = subresource ? [kind, '--subresource', part] : [resource];
    const where = namespace ? ['-n', namespace] : [];
    expect(await kubectl('auth', 'can-i', '--as', account, verb, ...what, ...where)).toBe(answer);
  });
});
