import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { NatsBus } from './bus/nats-bus.ts';
import { leaseSettings, type OperatorConfig } from './config.ts';
import { OperatorMetrics } from './http/operator-metrics.ts';
import { serveHttp } from './http/server.ts';
import { ensureBusKeys } from './installation/bus-keys.ts';
import { DATASETS_DIR } from './jobs/kubernetes/job-objects.ts';
import { openRunStore } from './runs/open-store.ts';
import type { TermedRunStore } from './runs/run-store.ts';
import { sleep, systemClock } from './runtime/clock.ts';
import { effects, isElection } from './runtime/effects.ts';
import { EventRecorder } from './runtime/events.ts';
import { Heartbeat } from './runtime/heartbeat.ts';
import { Informer } from './runtime/informer.ts';
import { KubeClient, loadKubeConfig } from './runtime/kube-client.ts';
import type { KubeObject } from './runtime/kube.ts';
import { LeaderElection } from './runtime/leader-election.ts';
import type { ObjectEvent } from './runtime/object-cache.ts';
import { isTheirs } from './runtime/predicates.ts';
import { WorkQueue } from './runtime/queue.ts';
import { shutDown, type ShutDownStep } from './runtime/shut-down.ts';
import { StatusWriter } from './runtime/status-writer.ts';
import { TokenBucket } from './runtime/token-bucket.ts';
import { SweepController, SWEEP_KIND } from './sweep/controller.ts';
import { DEFAULT_LIMITS } from './sweep/places.ts';
import { worldMaker } from './sweep-world.ts';
import { BENCH_VERSION } from './version.ts';

/** One for each sweep that is conducted, and some for what they record. */
const MAX_CONNECTIONS = DEFAULT_LIMITS.sweeps + 8;
const WORKERS = 4;
/** The cache is not to be trusted when the API server has been silent for so long. */
const STALE_SECONDS = 300;
const STORE_RETRY_MS = 3000;
/** What runs has so long to end: asked to stop, and when another process may lead at any moment. */
const DRAIN_MS = { asked: 30_000, deposed: 2000 };

/**
 * The composition root. First what a standby has: the record with its tables, the caches. Then, once this process leads,
 * what works. Returns when it was asked to stop; throws when it led and does so no more.
 */
export async function operate(config: OperatorConfig, log: Logger, stop: AbortSignal): Promise<void> {
  const { QDRANT_BENCH_NAMESPACE: namespace, QDRANT_BENCH_LEASE_NAME: lease } = config;
  const scope = `${namespace}/${lease}`;
  const identity = `${hostname()}_${randomUUID()}`;
  const metrics = new OperatorMetrics();
  const kube = kubeClient(metrics, {
    kinds: [SWEEP_KIND],
    rate: new TokenBucket({ perSecond: config.QDRANT_BENCH_KUBE_QPS, burst: config.QDRANT_BENCH_KUBE_BURST }),
  });
  const instance = { controller: 'qdrantbench.io/operator', instance: config.POD_NAME };
  const events = new EventRecorder({ kube, log, metrics, ...instance });
  const status = new StatusWriter({ kube, log, metrics, cut: ['recentRuns', 'frontier', 'nextConfigurations'] });
  const queue = new WorkQueue({
    name: 'sweep',
    workers: WORKERS,
    log,
    metrics,
    paused: true,
    run: async (key, { signal }) => controller?.reconcile(key, signal),
    timeoutMs: config.QDRANT_BENCH_RECONCILE_TIMEOUT_SECONDS * 1000,
    firstDelayMs: 500,
    longestDelayMs: 300_000,
  });
  const heart = new Heartbeat({ checks: [() => queue.stuck] });
  const informers = watchSweeps(config, kube, log, metrics, queue);
  const stale = (): number => Math.max(0, ...informers.map(({ staleSeconds }) => staleSeconds));

  let why = 'starting';
  let store: TermedRunStore | undefined;
  let bus: NatsBus | undefined;
  let controller: SweepController | undefined;
  // A client of its own: the lease waits behind no other request.
  const electing = kubeClient(metrics, { writer: 'election' });
  const election = new LeaderElection({
    kube: electing,
    namespace,
    name: lease,
    identity,
    settings: leaseSettings(config),
    log,
    metrics,
    stuck: () => heart.why,
    latestTerm: async () => (await store?.latestTerm(scope)) ?? -1,
  });
  effects.configure({
    log,
    onWrite: metrics.wrote,
    mayWrite: (what) => isElection(what) || election.leads,
    fault: config.QDRANT_BENCH_FAULT,
  });
  metrics.watch({
    phases: () => phases(informers),
    staleSeconds: stale,
    queues: () => new Map([['sweep', queue.unfinished]]),
    messages: () => ({ ...bus?.counts }),
  });
  const http = await serveHttp({
    port: config.QDRANT_BENCH_HTTP_PORT,
    registry: metrics.registry,
    notReady: () =>
      why === '' && stale() > STALE_SECONDS ? `the API server has been silent for ${Math.round(stale())} s` : why,
    notAlive: () => heart.why,
  });
  log.info({ version: BENCH_VERSION, port: http.port }, 'operator starting');

  const ending = (): ShutDownStep[] => [
    { what: 'say that it is not ready', run: () => (why = 'stopping') },
    { what: 'take nothing more', run: () => Promise.all(informers.map((informer) => informer.stop())) },
    {
      what: 'end what runs; Jobs go on',
      limitMs: election.leads ? DRAIN_MS.asked : DRAIN_MS.deposed,
      run: async () => {
        await Promise.all([queue.stop(), controller?.stop()]);
        // What a last reconcile began.
        await controller?.stop();
      },
    },
    { what: 'write what is known: status', run: () => status.flush() },
    { what: 'write what is known: events', run: () => events.flush() },
    { what: 'let go of the lease', run: () => election.release() },
    { what: 'close the bus', run: () => bus?.close() },
    { what: 'close the record', run: () => store?.close() },
    { what: 'close connections', run: () => Promise.all([kube.close(), electing.close(), http.close()]) },
  ];

  try {
    why = 'waiting for Postgres';
    store = await openStore(config.QDRANT_BENCH_DATABASE_URL, log, stop);
    why = 'reading the QdrantSweeps';
    for (const informer of informers) informer.start();
    await Promise.all(informers.map((informer) => informer.synced(stop)));
    why = '';
    log.info('operator ready');

    const { term, lost } = await election.acquire(stop);
    const fenced = new AbortController();
    const work = AbortSignal.any([stop, lost, fenced.signal]);
    const record = await store.under({ scope, term, holder: identity }, (error) => fenced.abort(error));
    const keys = await ensureBusKeys(kube, { namespace, name: config.QDRANT_BENCH_NATS_SECRET }, work);
    bus = new NatsBus({ url: config.QDRANT_BENCH_NATS_URL, keys, log: log.child({ part: 'bus' }) });
    log.info('waiting for NATS');
    await bus.ready(work);
    controller = new SweepController({
      kube,
      cached: (home, name) => informers.map((informer) => informer.get(name, home)).find(Boolean),
      worldOf: worldMaker(config, kube, bus, log),
      store: record,
      status,
      events,
      log,
      requeue: (key, afterMs) => queue.addAfter(key, afterMs),
      onSweepEvent: (event) => metrics.sweepEvent(event),
      datasetsDir: DATASETS_DIR,
      benchVersion: BENCH_VERSION,
    });
    queue.start();
    log.info({ term }, 'operator working');
    await aborted(work);
    if (!stop.aborted) throw work.reason;
    log.info('operator stopping; running Jobs go on');
  } finally {
    await shutDown(ending(), log);
    heart.stop();
  }
}

function kubeClient(metrics: OperatorMetrics, options: Partial<ConstructorParameters<typeof KubeClient>[0]>) {
  return new KubeClient({
    config: loadKubeConfig(),
    userAgent: `qdrant-bench/${BENCH_VERSION}`,
    fieldManager: 'qdrant-bench',
    metrics,
    ...options,
  });
}

/** Caches of the sweeps; what people change in them goes to the queue. */
function watchSweeps(
  config: OperatorConfig,
  kube: KubeClient,
  log: Logger,
  metrics: OperatorMetrics,
  queue: WorkQueue,
): Informer[] {
  const onEvent = (event: ObjectEvent): void => {
    if (!isTheirs(event)) return;
    const { name, namespace = '' } = event.object.metadata;
    queue.add(`${namespace}/${name}`, { urgent: event.type !== 'Resync' });
  };
  const watched = config.QDRANT_BENCH_WATCH_NAMESPACES;
  return (watched.length > 0 ? watched : [undefined]).map(
    (namespace) =>
      new Informer({
        kube,
        kind: SWEEP_KIND,
        log,
        metrics,
        onEvent,
        ...(namespace === undefined ? {} : { namespace }),
      }),
  );
}

/** Waits for a database that is still starting, or away. */
async function openStore(url: string, log: Logger, signal: AbortSignal): Promise<TermedRunStore> {
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

function phases(informers: readonly Informer[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const object of informers.flatMap((informer): KubeObject[] => informer.list())) {
    const phase = (object['status'] as { phase?: string } | undefined)?.phase ?? 'Pending';
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  }
  return counts;
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
