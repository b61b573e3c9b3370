import { parseArgs } from 'node:util';
import type { Logger } from 'pino';
import { addressRules } from '../loadgen/net/address-rules.ts';
import { NatsBus } from './bus/nats-bus.ts';
import { addressSettings, ConfigError, readConfig, type OperatorConfig } from './config.ts';
import { OperatorMetrics } from './http/operator-metrics.ts';
import { serveHttp } from './http/server.ts';
import { ensureBusKeys } from './installation/bus-keys.ts';
import { datasetCredentials, readApiKey } from './installation/credential-secret.ts';
import { DATASETS_DIR } from './jobs/kubernetes/job-objects.ts';
import { KubernetesJobRunner } from './jobs/kubernetes/kubernetes-job-runner.ts';
import { createLogger } from './logger.ts';
import { sampleSurroundings, surroundings } from './nodes/surroundings.ts';
import { LABELS, type SweepRef } from './owned/sweep-ref.ts';
import { openRunStore } from './runs/open-store.ts';
import type { RunStore } from './runs/run-store.ts';
import { sleep, systemClock } from './runtime/clock.ts';
import { effects } from './runtime/effects.ts';
import { EventRecorder } from './runtime/events.ts';
import { Informer } from './runtime/informer.ts';
import { KubeClient, loadKubeConfig } from './runtime/kube-client.ts';
import type { KubeObject } from './runtime/kube.ts';
import type { ObjectEvent } from './runtime/object-cache.ts';
import { WorkQueue } from './runtime/queue.ts';
import { StatusWriter } from './runtime/status-writer.ts';
import { SweepController, SWEEP_KIND } from './sweep/controller.ts';
import { DEFAULT_LIMITS } from './sweep/places.ts';
import type { Retention } from './sweep/retention.ts';
import type { WorldOf } from './sweep/world.ts';
import { ExternalTarget } from './targets/external/external-target.ts';
import { KubernetesTarget } from './targets/kubernetes/kubernetes-target.ts';
import { MeasurementLock } from './targets/measurement-lock.ts';
import type { Target } from './targets/target.ts';
import { BENCH_VERSION } from './version.ts';

const HELP = `node operator/main.ts

The Qdrant Bench operator: carries out the QdrantSweeps of a Kubernetes cluster. The Helm chart installs it and sets its
environment (QDRANT_BENCH_…; operator/config.ts has them all). Serves /metrics, /livez and /readyz.

  --help     this text
  --version  the version
`;

/** One for each sweep that is conducted, and some for what they record. */
const MAX_CONNECTIONS = DEFAULT_LIMITS.sweeps + 8;
const WORKERS = 4;
/** The cache is not to be trusted when the API server has been silent for so long. */
const STALE_SECONDS = 300;
const STORE_RETRY_MS = 3000;

/** The composition root: config → adapters → controller → servers. */
async function operate(config: OperatorConfig, log: Logger, signal: AbortSignal): Promise<void> {
  const namespace = config.QDRANT_BENCH_NAMESPACE;
  const metrics = new OperatorMetrics();
  effects.configure({ log, onWrite: metrics.wrote });
  const kube = new KubeClient({
    config: loadKubeConfig(),
    userAgent: `qdrant-bench/${BENCH_VERSION}`,
    fieldManager: 'qdrant-bench',
    kinds: [SWEEP_KIND],
    metrics,
  });
  let why = 'starting';
  const informers: Informer[] = [];
  const notReady = (): string => {
    if (why !== '') return why;
    const stale = Math.max(0, ...informers.map(({ staleSeconds }) => staleSeconds));
    return stale > STALE_SECONDS ? `the API server has been silent for ${Math.round(stale)} s` : '';
  };
  const http = await serveHttp({
    port: config.QDRANT_BENCH_HTTP_PORT,
    registry: metrics.registry,
    notReady,
    notAlive: () => '',
  });
  log.info({ version: BENCH_VERSION, port: http.port }, 'operator starting');

  const keys = await ensureBusKeys(kube, { namespace, name: config.QDRANT_BENCH_NATS_SECRET }, signal);
  const bus = new NatsBus({ url: config.QDRANT_BENCH_NATS_URL, keys, log: log.child({ part: 'bus' }) });
  why = 'waiting for Postgres';
  const store = await openStore(config.QDRANT_BENCH_DATABASE_URL, log, signal);
  why = 'waiting for NATS';
  await bus.ready(signal);
  log.info('Postgres and NATS are there');

  const events = new EventRecorder({
    kube,
    log,
    controller: 'qdrantbench.io/operator',
    instance: config.POD_NAME,
    metrics,
  });
  const status = new StatusWriter({ kube, log, metrics, cut: ['recentRuns', 'frontier', 'nextConfigurations'] });
  const queue = new WorkQueue({
    name: 'sweep',
    workers: WORKERS,
    log,
    run: (key, context) => controller.reconcile(key, context.signal),
    firstDelayMs: 500,
    longestDelayMs: 300_000,
    metrics,
  });
  const onEvent = (event: ObjectEvent): void => {
    if (!matters(event)) return;
    const { name, namespace: home = '' } = event.object.metadata;
    queue.add(`${home}/${name}`, { urgent: event.type !== 'Resync' });
  };
  const watched = config.QDRANT_BENCH_WATCH_NAMESPACES;
  for (const home of watched.length > 0 ? watched : [undefined]) {
    const scope = home === undefined ? {} : { namespace: home };
    informers.push(new Informer({ kube, kind: SWEEP_KIND, log, metrics, onEvent, ...scope }));
  }
  const cached = (home: string, name: string): KubeObject | undefined =>
    informers.map((informer) => informer.get(name, home)).find(Boolean);
  const controller = new SweepController({
    kube,
    cached,
    worldOf: worldMaker(config, kube, bus, log),
    store,
    status,
    events,
    log,
    requeue: (key, afterMs) => queue.addAfter(key, afterMs),
    onSweepEvent: (event) => metrics.sweepEvent(event),
    datasetsDir: DATASETS_DIR,
    benchVersion: BENCH_VERSION,
  });
  metrics.watch({
    phases: () => phases(informers),
    staleSeconds: () => Math.max(0, ...informers.map(({ staleSeconds }) => staleSeconds)),
    queues: () => new Map([['sweep', queue.unfinished]]),
    messages: () => ({ ...bus.counts }),
  });

  why = 'reading the QdrantSweeps';
  for (const informer of informers) informer.start();
  await Promise.all(informers.map((informer) => informer.synced(signal)));
  why = '';
  log.info({ namespaces: watched.length > 0 ? watched : 'all' }, 'operator ready');
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));

  why = 'stopping';
  log.info('operator stopping; running Jobs go on');
  await Promise.all(informers.map((informer) => informer.stop()));
  await controller.stop();
  await queue.stop();
  await status.flush();
  await events.flush();
  await bus.close();
  await store.close();
  await http.close();
}

/** Only changes that people, or Kubernetes for them, make: our own status writes come back as events, too. */
function matters(event: ObjectEvent): boolean {
  if (event.type !== 'Updated') return true;
  const { metadata: now } = event.object;
  const { metadata: before } = event.previous;
  return now.generation !== before.generation || now.deletionTimestamp !== before.deletionTimestamp;
}

/** Waits for a database that is still starting, or away. */
async function openStore(url: string, log: Logger, signal: AbortSignal): Promise<RunStore> {
  for (;;) {
    try {
      return await openRunStore(url, { signal, connections: MAX_CONNECTIONS });
    } catch (error) {
      if ((error as { reason?: string }).reason !== 'StoreUnreachable') throw error;
      log.warn({ error: String(error) }, 'Postgres cannot be reached yet; trying again');
      await sleep(systemClock, STORE_RETRY_MS, signal);
    }
  }
}

function worldMaker(config: OperatorConfig, kube: KubeClient, bus: NatsBus, log: Logger): WorldOf {
  return async (spec, object, signal, onWait) => {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace = 'default', uid = '' } = metadata;
    const ref: SweepRef = { apiVersion, kind, namespace, name, uid };
    const child = log.child({ sweep: `${namespace}/${name}`, uid });
    const jobs = new KubernetesJobRunner({
      kube,
      bus,
      sweep: ref,
      log: child,
      settings: {
        image: config.QDRANT_BENCH_LOADGEN_IMAGE,
        imagePullPolicy: config.QDRANT_BENCH_IMAGE_PULL_POLICY,
        natsUrl: config.QDRANT_BENCH_NATS_URL,
        addresses: addressSettings(config),
        resources: config.QDRANT_BENCH_LOADGEN_RESOURCES,
        datasetStorage: config.QDRANT_BENCH_DATASET_STORAGE,
        deadlineSeconds: config.QDRANT_BENCH_JOB_DEADLINE_SECONDS,
      },
      onPod: ({ job, state }) => {
        child.info({ job, ...state }, 'pod');
        onWait(`the pod of Job ${job}`, state.kind === 'Starting' && !state.passing ? state.why : undefined);
      },
    });
    const { external } = spec.target;
    const lock =
      external &&
      new MeasurementLock({
        kube,
        namespace: config.QDRANT_BENCH_NAMESPACE,
        url: external.url,
        sweep: ref,
        log: child,
        onWait: (why) => onWait('Qdrant', why),
      });
    const pods = { namespace, labelSelector: `${LABELS.sweepUid}=${uid}` };
    return {
      target: await targetOf(config, kube, ref, spec, onWait, signal),
      jobs,
      datasetSecrets: (dataset, joint) => datasetCredentials(kube, namespace, dataset, joint),
      ...(lock ? { alone: (joint) => lock.take(joint) } : {}),
      surroundings: async (from) => {
        const before = await sampleSurroundings(kube, pods, from);
        return async (to) => surroundings(before, await sampleSurroundings(kube, pods, to));
      },
    };
  };
}

async function targetOf(
  config: OperatorConfig,
  kube: KubeClient,
  ref: SweepRef,
  { target: { external, kubernetes }, retention }: Parameters<WorldOf>[0],
  onWait: (source: string, why: string | undefined) => void,
  signal: AbortSignal,
): Promise<Target> {
  if (external) {
    const { url, apiKeySecretRef } = external;
    const key = apiKeySecretRef && {
      apiKey: await readApiKey(kube, ref.namespace, { url, reference: apiKeySecretRef }, signal),
      apiKeySecretRef,
    };
    return new ExternalTarget({ url, ...key, rules: addressRules(addressSettings(config)) });
  }
  return new KubernetesTarget({
    kube,
    sweep: ref,
    spec: kubernetes ?? {},
    outlives: (retention as Retention | undefined)?.onDelete === 'Keep',
    defaults: {
      image: config.QDRANT_BENCH_QDRANT_IMAGE,
      imagePullPolicy: config.QDRANT_BENCH_IMAGE_PULL_POLICY,
      version: config.QDRANT_BENCH_QDRANT_VERSION,
      cpu: '1',
      memory: '2Gi',
      storage: '10Gi',
    },
    onWait: (why) => onWait('Qdrant', why),
  });
}

function phases(informers: readonly Informer[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const object of informers.flatMap((informer) => informer.list())) {
    const phase = (object['status'] as { phase?: string } | undefined)?.phase ?? 'Pending';
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  }
  return counts;
}

async function main(): Promise<number> {
  let values: { help?: boolean; version?: boolean };
  try {
    ({ values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } } }));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (values.help || values.version) {
    process.stdout.write(values.help ? HELP : `${BENCH_VERSION}\n`);
    return 0;
  }
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(name)));
  let log = createLogger('info', 1, 'operator');
  try {
    const config = readConfig(process.env);
    log = createLogger(config.QDRANT_BENCH_LOG_LEVEL, 1, 'operator');
    await operate(config, log, stop.signal);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    if (error instanceof ConfigError) log.fatal(error.message);
    else log.fatal({ err: error }, 'the operator cannot go on');
    return error instanceof ConfigError ? 64 : 1;
  }
}

process.exit(await main());
