import { setTimeout as sleep } from 'node:timers/promises';
import { jobSchema, type FailedMessage, type Job, type Message } from '../../../loadgen/protocol.ts';
import { connectPublisher, HandoverError, type Publisher } from '../../../loadgen/pod/nats-publisher.ts';
import { ConfigError } from '../../../loadgen/pod/config.ts';
import { POD_EXIT } from '../../../loadgen/pod/pod-process.ts';
import type { KubeObject } from '../../../operator/runtime/kube.ts';
import { spoken } from '../../../operator/testing/spoken.ts';
import type { Container } from './kubelet.ts';
import type { Moment, PodIdentity, Scene, Started } from './scene.ts';

const POINTS = 50_000;
const quiet = { info: () => undefined, warn: () => undefined };

/**
 * The load generator's container: reads its job and credentials from the Job's Secret as a pod's volume has them, and
 * says over NATS, with those credentials, what a load generator would, in figures that depend on the job alone. It looks
 * at the collections it would fill and search: one that is missing or not fresh fails the job, as in loadgen/.
 */
export function loadGenerator(sceneOf: (namespace: string) => Scene | undefined): Container {
  return async (pod, secretNamed, signal) => {
    const { namespace = '' } = pod.metadata;
    const scene = sceneOf(namespace);
    const settings = settingsOf(pod);
    const secret = secretNamed(settings.job);
    if (!scene || !secret) return POD_EXIT.configuration;
    const document = jobSchema.parse(JSON.parse(value(secret, 'job.json')));
    const identity: PodIdentity = {
      job: settings.job,
      jobUid: pod.metadata.ownerReferences?.[0]?.uid ?? '',
      pod: pod.metadata.name,
      podUid: pod.metadata.uid ?? '',
    };
    const started: Started = { ...identity, document, at: Date.now() };
    scene.started.push(started);
    let publisher: Publisher | undefined;
    try {
      publisher = await connectPublisher({
        url: settings.natsUrl,
        creds: value(secret, 'nats.creds'),
        address: { namespace, job: settings.job },
        podUid: identity.podUid,
        log: quiet,
        signal,
      });
      return await new Generator(document, identity, scene, publisher, signal).run();
    } catch (error) {
      if (signal.aborted) return POD_EXIT.terminated;
      if (error instanceof ConfigError) return POD_EXIT.configuration;
      return error instanceof HandoverError ? POD_EXIT.unavailable : POD_EXIT.failed;
    } finally {
      await publisher?.close().catch(() => undefined);
      started.endedAt = Date.now();
    }
  };
}

const SAID_FIRST = { Prepare: 'preparing', Measure: 'building', Finals: 'finals' } as const satisfies Record<
  Job['kind'],
  Moment
>;
const SAID_LAST = { Prepare: 'prepared', Measure: 'measured', Finals: 'finalsMeasured' } as const satisfies Record<
  Job['kind'],
  Moment
>;

class Generator {
  readonly #job: Job;
  readonly #identity: PodIdentity;
  readonly #scene: Scene;
  readonly #publisher: Publisher;
  readonly #signal: AbortSignal;

  constructor(job: Job, identity: PodIdentity, scene: Scene, publisher: Publisher, signal: AbortSignal) {
    this.#job = job;
    this.#identity = identity;
    this.#scene = scene;
    this.#publisher = publisher;
    this.#signal = signal;
  }

  async run(): Promise<number> {
    await this.#moment(SAID_FIRST[this.#job.kind]);
    let searches = 0;
    for (const message of spoken(this.#job, POINTS)) {
      await sleep(this.#scene.paceMs, undefined, { signal: this.#signal });
      const failed = this.#looked(message);
      if (failed) {
        await this.#say(failed);
        return POD_EXIT.failed;
      }
      if (message.type === 'search') {
        const progress = { phase: 'Loading', done: searches, total: searches + 1, detail: message.id } as const;
        await this.#publisher.publish({ type: 'progress', ...progress });
        await this.#publisher.publish(secondOf(message.id, message.repeat));
      }
      await this.#say(message);
      if (message.type === 'built') await this.#moment('built');
      if (message.type === 'search') {
        searches += 1;
        if (searches === 1 && this.#job.kind === 'Measure') await this.#moment('searching');
      }
    }
    await this.#say({ type: 'done' });
    await this.#moment(SAID_LAST[this.#job.kind]);
    return POD_EXIT.done;
  }

  /** The collection as it has to be before `message` can be said of it. */
  #looked(message: Message): FailedMessage | undefined {
    const { qdrant, filled } = this.#scene;
    const names =
      this.#job.kind === 'Measure'
        ? [this.#job.endpoint.collection]
        : this.#job.kind === 'Finals'
          ? this.#job.arms.map(({ endpoint }) => endpoint.collection)
          : [];
    const missing = names.find((name) => !qdrant.collections.has(name));
    if (missing !== undefined) {
      return { type: 'failed', reason: 'BuildFailed', message: `collection ${missing}: not found` };
    }
    if (this.#job.kind !== 'Measure') return undefined;
    const { collection } = this.#job.endpoint;
    if (message.type === 'built') {
      if (filled.has(collection)) {
        const why = `collection ${collection} holds ${POINTS} points, expected none`;
        return { type: 'failed', reason: 'BuildFailed', message: why };
      }
      filled.set(collection, this.#identity.podUid);
    }
    return undefined;
  }

  async #say(message: Message): Promise<void> {
    await this.#publisher.publish(message);
    if (message.type !== 'progress') this.#scene.said.push({ ...this.#identity, message, at: Date.now() });
  }

  async #moment(moment: Moment): Promise<void> {
    await this.#scene.onMoment(moment, this.#identity);
    this.#signal.throwIfAborted();
  }
}

const secondOf = (search: string, repeat: number): Message => ({
  type: 'series',
  search,
  repeat,
  second: 0,
  offeredRate: 100,
  achievedRate: 100,
  latencyP50: 1,
  latencyP95: 2,
  latencyP99: 3,
  errors: 0,
});

function settingsOf(pod: KubeObject): { job: string; natsUrl: string } {
  const { containers } = pod['spec'] as { containers: { env?: { name: string; value?: string }[] }[] };
  const variable = (name: string): string =>
    containers.flatMap(({ env = [] }) => env).find((one) => one.name === name)?.value ?? '';
  return { job: variable('QDRANT_BENCH_JOB'), natsUrl: variable('QDRANT_BENCH_NATS_URL') };
}

function value(secret: KubeObject, key: string): string {
  const data = (secret['data'] ?? {}) as Record<string, string>;
  return Buffer.from(data[key] ?? '', 'base64').toString('utf8');
}
