import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { isFinished, type SweepStatus } from '../../../crds/sweep/sweep-status.ts';
import { LABELS } from '../../../operator/owned/sweep-ref.ts';
import { openRunStore } from '../../../operator/runs/open-store.ts';
import type { ReadableRunStore } from '../../../operator/runs/run-store.ts';
import type { KubeClient } from '../../../operator/runtime/kube-client.ts';
import { KINDS } from '../../../operator/runtime/kinds.ts';
import type { KubeKind, KubeObject } from '../../../operator/runtime/kube.ts';
import { SWEEP_KIND } from '../../../operator/kinds.ts';
import { status as clusterStatus } from '../../cluster/cluster.ts';
import { clientOf } from '../follow.ts';
import { InstallError, install, runKubectl, type Installation } from '../install.ts';

/** The operator installed on this checkout's cluster, for tests. */
export interface BenchCluster {
  installation: Installation;
  kube: KubeClient;
  /** This machine's address as pods see it. */
  host: string;
  kubectl(...args: string[]): Promise<string>;
  /** Makes a QdrantSweep in a test's own namespace; one of that name is deleted before. */
  apply(namespace: string, name: string, spec: unknown): Promise<KubeObject>;
  status(namespace: string, name: string): Promise<SweepStatus | undefined>;
  /** Looks until `ready` returns something. @throws with the last `tell` when that takes longer than `seconds`. */
  until<T>(ready: () => Promise<T | undefined | false>, seconds: number, tell: () => Promise<unknown>): Promise<T>;
  /** The status of a sweep that has come to its end. */
  over(namespace: string, name: string, seconds: number): Promise<SweepStatus>;
  /** Pods of a sweep's load generators that run. */
  loadgens(namespace: string, sweepUid: string, job: 'Prepare' | 'Measure' | 'Finals'): Promise<KubeObject[]>;
  operatorLog(): Promise<string>;
  /** What a sweep made, of one kind. */
  children(kind: KubeKind, namespace: string, sweepUid: string): Promise<KubeObject[]>;
  /** The record, read from this machine. The caller closes it. */
  openStore(): Promise<ReadableRunStore>;
  /** Rows of the record's database. */
  query<Row>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Brings the cluster up and the operator onto it, unless they are there. */
export async function benchCluster(): Promise<BenchCluster> {
  const say = (line: string): void => void process.stderr.write(`  ${line}\n`);
  const installation = await install({ onProgress: say }).catch((error: unknown) => {
    if (!(error instanceof InstallError)) throw error;
    // On a busy machine a rollout has taken longer than it may: what is broken is so the second time, too.
    say(`${error.message}; trying once more`);
    return install({ onProgress: say });
  });
  const kube = clientOf(installation);
  const { hostAddress = '127.0.0.1' } = await clusterStatus();
  const databaseUrl = async (): Promise<string> => {
    const { namespace, release } = installation;
    const name = `${release}-postgres`;
    const secret = (await kube.get({ ...KINDS.Secret, namespace, name })) as { data: { url: string } } | undefined;
    const service = (await kube.get({ ...KINDS.Service, namespace, name })) as
      { spec: { clusterIP: string } } | undefined;
    if (!secret || !service) throw new Error(`Postgres ${namespace}/${name} is not installed`);
    const url = new URL(Buffer.from(secret.data.url, 'base64').toString('utf8'));
    url.hostname = service.spec.clusterIP;
    return url.href;
  };
  const cluster: BenchCluster = {
    installation,
    kube,
    host: hostAddress,
    kubectl: (...args) => runKubectl(installation, args),
    async apply(namespace, name, spec) {
      await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, { force: true });
      return kube.create({
        apiVersion: SWEEP_KIND.apiVersion,
        kind: SWEEP_KIND.kind,
        metadata: { name, namespace },
        spec,
      });
    },
    async status(namespace, name) {
      const object = await kube.get({ ...SWEEP_KIND, namespace, name });
      return object?.['status'] as SweepStatus | undefined;
    },
    async until(ready, seconds, tell) {
      const end = Date.now() + seconds * 1000;
      for (;;) {
        const found = await ready();
        if (found) return found;
        if (Date.now() > end)
          throw new Error(`not so after ${seconds} s: ${JSON.stringify(await tell()).slice(0, 4000)}`);
        await sleep(300);
      }
    },
    over: (namespace, name, seconds) =>
      cluster.until(
        async () => {
          const found = await cluster.status(namespace, name);
          return found && isFinished(found.phase) && found;
        },
        seconds,
        async () => [await cluster.status(namespace, name), await cluster.operatorLog()],
      ),
    async loadgens(namespace, sweepUid, job) {
      const pods = await cluster.children(KINDS.Pod, namespace, sweepUid);
      return pods.filter(
        ({ metadata, status }) =>
          metadata.labels?.[LABELS.job] === job && (status as { phase?: string }).phase === 'Running',
      );
    },
    operatorLog: () =>
      runKubectl(installation, ['-n', installation.namespace, 'logs', `deploy/${installation.release}`, '--tail=40']),
    children: (kind, namespace, sweepUid) =>
      kube.list(kind, { namespace, labelSelector: `${LABELS.sweepUid}=${sweepUid}` }),
    openStore: async () => openRunStore(await databaseUrl()),
    async query<Row>(text: string, values: readonly unknown[]) {
      const client = new Client({ connectionString: await databaseUrl() });
      await client.connect();
      try {
        return (await client.query(text, [...values])).rows as Row[];
      } finally {
        await client.end();
      }
    },
    close: () => kube.close(),
  };
  return cluster;
}

/** Serves the files of a folder to pods. Names only, no paths. */
export async function serveFiles(
  folder: string,
  host: string,
): Promise<{ url: (name: string) => string; close: () => void }> {
  const server = createServer((request, reply) => {
    const file = join(folder, basename(request.url ?? ''));
    if (!existsSync(file)) reply.writeHead(404).end();
    else createReadStream(file).pipe(reply);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as { port: number };
  return {
    url: (name) => `http://${host}:${port}/${name}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
