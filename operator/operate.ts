import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { hasEnded } from '../crds/sweep/sweep-status.ts';
import { NatsBus } from './bus/nats-bus.ts';
import { leaseSettings, placeLimits, type OperatorConfig } from './config.ts';
import { OperatorMetrics } from './http/operator-metrics.ts';
import { serveHttp } from './http/server.ts';
import { ensureBusKeys } from './installation/bus-keys.ts';
import { DATASETS_DIR } from './jobs/kubernetes/job-objects.ts';
import { SWEEP_KIND } from './kinds.ts';
import { openRunStore } from './runs/open-store.ts';
import type { TermedRunStore } from './runs/run-store.ts';
import { sleep, systemClock } from './runtime/clock.ts';
import { effects, isElection } from './runtime/effects.ts';
import { EventRecorder } from './runtime/events.ts';
import { Heartbeat } from './runtime/heartbeat.ts';
import { KubeClient, loadKubeConfig } from './runtime/kube-client.ts';
import { isTransient } from './runtime/kube.ts';
import { LeaderElection } from './runtime/leader-election.ts';
import { WorkQueue } from './runtime/queue.ts';
import { shutDown, type ShutDownStep } from './runtime/shut-down.ts';
import { StatusWriter } from './runtime/status-writer.ts';
import { TokenBucket } from './runtime/token-bucket.ts';
import { SweepController } from './sweep/controller.ts';
import { worldMaker } from './sweep-world.ts';
import { BENCH_VERSION } from './version.ts';
import { Watched, watchNotYet } from './watch.ts';

/** Connections to the record besides one for each sweep that is worked on: for what they record. */
const MORE_CONNECTIONS = 8;
const WORKERS = 4;
/** The cache is not to be trusted when the API server has been silent for so long. */
const STALE_SECONDS = 300;
const RETRY_MS = 3000;
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
  const status = new StatusWriter({
    kube,
    log,
    metrics,
    cut: ['recentRuns', 'frontier', 'nextConfigurations'],
    isFinal: ({ phase }) => hasEnded(phase),
  });
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
  const watching = { config, kube, log, metrics };
  const sweeps = new Watched(watching, SWEEP_KIND, queue);
  const others = watchNotYet(watching, status);
  const all = [sweeps, ...others.map(({ watched }) => watched)];

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
    mayTake: () => why === '',
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
    phases: () => phases(sweeps),
    staleSeconds: () => sweeps.staleSeconds,
    queues: () => new Map([['sweep', queue.unfinished]]),
    messages: () => ({ ...bus?.counts }),
  });
  const http = await serveHttp({
    port: config.QDRANT_BENCH_HTTP_PORT,
    registry: metrics.registry,
    notReady: () =>
      why === '' && sweeps.staleSeconds > STALE_SECONDS
        ? `the API server has been silent for ${Math.round(sweeps.staleSeconds)} s`
        : why,
    notAlive: () => heart.why,
  });
  log.info({ version: BENCH_VERSION, port: http.port }, 'operator starting');

  const ending = (): ShutDownStep[] => [
    { what: 'say that it is not ready', run: () => (why = 'stopping') },
    { what: 'take nothing more', run: () => Promise.all(all.map((watched) => watched.stop())) },
    {
      what: 'end what runs; Jobs go on',
      limitMs: election.leads ? DRAIN_MS.asked : DRAIN_MS.deposed,
      run: async () => {
        await Promise.all([queue.stop(), ...others.map((other) => other.queue.stop()), controller?.stop()]);
        // What a last reconcile began.
        await controller?.stop();
      },
    },
    { what: 'write what is known: status', run: () => status.flush() },
    { what: 'write what is known: events', run: () => events.flush() },
    { what: 'let go of the lease', run: () => election.release() },
    { what: 'close the bus', run: () => bus?.close() },
    { what: 'close the record', run: () => store?.close() },
    // Those to the API server end with the process: undici throws at an idle HTTP/2 session's end where nobody can catch it.
    { what: 'answer no more', run: () => http.close() },
  ];

  try {
    // It looks at the lease from the first moment on: a holder that died has not to be waited for twice.
    const leading = election.acquire(stop);
    leading.catch(() => undefined);
    why = 'waiting for Postgres';
    const connections = placeLimits(config).sweeps + MORE_CONNECTIONS;
    const open = () => openRunStore(config.QDRANT_BENCH_DATABASE_URL, { signal: stop, connections });
    const opened = await reached('Postgres', open, log, stop);
    store = opened;
    why = 'reading the QdrantSweeps';
    for (const watched of all) watched.start();
    await sweeps.synced(stop);
    why = '';
    log.info('operator ready');

    const { term, lost } = await leading;
    const fenced = new AbortController();
    const work = AbortSignal.any([stop, lost, fenced.signal]);
    const mine = { scope, term, holder: identity };
    const record = await reached('Postgres', () => opened.under(mine, (error) => fenced.abort(error)), log, work);
    const secret = { namespace, name: config.QDRANT_BENCH_NATS_SECRET };
    const keys = await reached('the API server', () => ensureBusKeys(kube, secret, work), log, work);
    bus = new NatsBus({ url: config.QDRANT_BENCH_NATS_URL, keys, log: log.child({ part: 'bus' }) });
    log.info('waiting for NATS');
    await bus.ready(work);
    controller = new SweepController({
      kube,
      cached: sweeps.get,
      worldOf: worldMaker(config, kube, bus, log),
      store: record,
      status,
      events,
      log,
      requeue: (key, afterMs) => queue.addAfter(key, afterMs),
      onSweepEvent: (event) => metrics.sweepEvent(event),
      datasetsDir: DATASETS_DIR,
      benchVersion: BENCH_VERSION,
      limits: placeLimits(config),
    });
    queue.start();
    for (const other of others) other.queue.start();
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

/** Tries again, until it can be reached, what is still starting, or away. */
async function reached<T>(what: string, ask: () => Promise<T>, log: Logger, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isTransient(error) && (error as { reason?: string }).reason !== 'StoreUnreachable') throw error;
      log.warn({ error: String(error) }, `${what} cannot be reached yet; trying again`);
      await sleep(systemClock, RETRY_MS, signal);
    }
  }
}

function phases({ informers }: Watched): Map<string, number> {
  const counts = new Map<string, number>();
  for (const object of informers.flatMap((informer) => informer.list())) {
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
