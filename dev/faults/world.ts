import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { parse } from 'yaml';
import { busKeysFromSecret, busKeysToSecret, generateBusKeys, type BusKeys } from '../../operator/bus/auth.ts';
import { KubeClient, loadKubeConfig } from '../../operator/runtime/kube-client.ts';
import { KINDS } from '../../operator/runtime/kinds.ts';
import type { KubeObject } from '../../operator/runtime/kube.ts';
import { SWEEP_KIND } from '../../operator/kinds.ts';
import { startApiServer, type TestApiServer } from '../cluster/testing/api-server.ts';
import { ROOT } from '../house/run.ts';
import { startNats, type NatsServer } from '../nats/server.ts';
import { startPostgres, type PostgresServer } from '../postgres/server.ts';
import { PlayedCluster } from './cluster/played-cluster.ts';
import { Rights, RIGHTS_KINDS } from './rights.ts';
import { openUpstream, type Upstream } from './upstream.ts';

/** What a campaign runs on: real servers, and a cluster's other parts played. One for all its scenarios. */
export interface World {
  kube: KubeClient;
  upstream: Upstream;
  cluster: PlayedCluster;
  nats: NatsServer;
  keys: BusKeys;
  postgres: PostgresServer;
  rights: Rights;
  /** For logs; removed with the world unless something in it is worth a look. */
  folder: string;
  /** What the players did not expect: a campaign with any of it proves nothing. */
  problems: string[];
  /** Aborted when the campaign is to end early. */
  signal: AbortSignal;
  /** The logs stay when the world goes. @returns their folder. */
  keepLogs(): string;
  /** One statement on the server itself. */
  query(sql: string): Promise<void>;
  stop(): Promise<void>;
}

export interface WorldOptions {
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
}

const NEVER = new AbortController().signal;

/** Starts everything; what has started ends again when the rest cannot. */
export async function startWorld({ onProgress = () => undefined, signal = NEVER }: WorldOptions = {}): Promise<World> {
  const ends: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).toReversed()) await end();
  };
  try {
    const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-faults-'));
    onProgress('starting an API server, NATS and Postgres');
    const api = await startApiServer({ onProgress, signal });
    ends.push(() => api.stop());
    const keys = busKeysFromSecret(busKeysToSecret(await generateBusKeys()));
    const nats = await startNats({ config: keys.authConf });
    ends.push(() => nats.stop());
    const postgres = await startPostgres();
    ends.push(() => postgres.stop());
    const kube = clientOf(api);
    ends.push(() => kube.close());
    const upstream = await openUpstream(api.kubeconfig);
    ends.push(() => upstream.close());
    await installDefinitions(kube, signal);
    const rights = await Rights.ofChart();
    const problems: string[] = [];
    const cluster = new PlayedCluster(kube, upstream, (part, error) => problems.push(`${part}: ${String(error)}`));
    ends.push(() => cluster.stop());
    await cluster.start(signal);
    let kept = false;
    const keepLogs = (): string => {
      kept = true;
      return folder;
    };
    ends.push(() => {
      if (!kept) rmSync(folder, { recursive: true, force: true });
    });
    return { kube, upstream, cluster, nats, keys, postgres, rights, folder, problems, signal, keepLogs, query, stop };

    async function query(sql: string): Promise<void> {
      const client = new Client({ connectionString: postgres.url });
      await client.connect();
      try {
        await client.query(sql);
      } finally {
        await client.end();
      }
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

function clientOf({ kubeconfig }: TestApiServer): KubeClient {
  return new KubeClient({
    config: loadKubeConfig(kubeconfig),
    userAgent: 'qdrant-bench/faults',
    fieldManager: 'faults',
    fieldValidation: 'Strict',
    kinds: [SWEEP_KIND, ...RIGHTS_KINDS],
  });
}

/** Every kind of ours: an operator watches all of them. */
async function installDefinitions(kube: KubeClient, signal: AbortSignal): Promise<void> {
  const folder = join(ROOT, 'crds');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    const definition = parse(readFileSync(join(folder, file), 'utf8')) as KubeObject;
    await kube.apply(definition, { force: true }, signal);
    while (!(await isEstablished(kube, definition.metadata.name, signal))) await sleep(50);
  }
}

async function isEstablished(kube: KubeClient, name: string, signal: AbortSignal): Promise<boolean> {
  const found = await kube.get({ ...KINDS.CustomResourceDefinition, name }, signal);
  const { conditions } = (found?.['status'] ?? {}) as { conditions?: { type: string; status: string }[] | null };
  return conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
}
